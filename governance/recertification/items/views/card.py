"""An item's card for its reviewer: facts, use, approvals and possible answers (R3, R4).

No answer is preselected. An answer that would be refused is not offered; the card shows why.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.urls import reverse

from approvals.grants.transitions import lifecycle
from approvals.policies import queries as policy_queries
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.models import Person
from governance.recertification.items import drafts, item_title, reviewers
from governance.recertification.items import queries as item_queries
from governance.recertification.items import rules as item_rules
from governance.recertification.items.transitions import answer
from governance.recertification.items.transitions.answer import NO_CARD_VIEW, CardView, changed_refusal
from governance.recertification.items.transitions.settle import last_day
from governance.recertification.items.views import item_rows
from governance.recertification.models import AnswerKind, Asks, CampaignKind, Draft, Item, ItemState, Question
from governance.web.components.times import day_of
from governance.web.requests.parameters import number

Shape = dict[str, Any]

K = AnswerKind

#: Answers in the order of the keys 1 to 4, with icon and tone.
OPTIONS = (
    (K.KEEP, "ring-check", "ok"),
    (K.REVOKE, "ring-cross", "no"),
    (K.DONT_KNOW, "question", ""),
    (K.NOT_MINE, "person", ""),
)

#: Longest time that counts as looking at a card.
LONGEST_SECONDS = 3600

#: Most looks that are counted.
MOST_LOOKS = 99

_SALT = "recertification.card"


def context(
    question: Question, actor: Actor, now: datetime, draft: Draft | None, *, typed: Shape | None = None
) -> Shape:
    """Context of ``recertification/items/item.html``.

    Args:
        question: the question.
        actor: the reader.
        now: business time.
        draft: the reader's draft, or None.
        typed: input of a refused form, with its error.
    """
    item = question.item
    mine, known_item = is_mine(question, actor, now), item_queries.load_facts([item], now)[item.pk]
    shape: Shape = {"item": item_rows.item(question, known_item, actor, now, draft, mine=mine)}
    if mine:
        advice = known_item.recommended.advice
        shape["answers"] = _answers(question, drafts.acting_reviewer(actor, question), now, draft, typed or {}, advice)
    shape["notes"] = [*_changed_note(question, draft), *_notes(question, actor, now)]
    shape["all_href"] = reverse("automation_items", args=[item.of_automation.pk])
    return shape


def is_mine(question: Question, actor: Actor, now: datetime) -> bool:
    """Whether the question is unanswered and the reader, or the person they are a delegate of, is its reviewer."""
    if question.reviewer_id not in access.answers_as(actor, now):
        return False
    return drafts.is_asked(question, actor=drafts.acting_reviewer(actor, question), now=now)


def _typeset(label: str) -> str:
    return label.replace("'", "’")


def _answers(
    question: Question, answering_actor: Actor, now: datetime, draft: Draft | None, typed: Shape, advice: str
) -> Shape:
    last = _last_day_offered(question.item, now)
    options = [
        {
            "value": kind.value,
            "key": str(key),
            "label": _typeset(kind.label),
            "icon": icon,
            "tone": tone,
            "text": _consequence(question, kind, now),
        }
        for key, (kind, icon, tone) in enumerate(OPTIONS, start=1)
        if drafts.refusal_of_draft(
            question, kind, actor=answering_actor, now=now, ends_on=last if kind == K.KEEP else None
        )
        is None
    ]
    reason = typed.get("reason", draft.reason if draft is not None else "")
    passed_to = [
        person for person in _possible_reviewers(question) if any(option["value"] == K.NOT_MINE for option in options)
    ]
    return {
        "action": reverse("recert_answer", args=[question.item_id]),
        "asks": question.asks,
        "shown": sign_card(advice),
        "reason": {"value": reason, "error": typed.get("error", "")},
        "options": options,
        "ends_on": _end_date(question.item, draft, typed, now) if last is not None else None,
        "whose": [{"value": str(person.pk), "label": person.name} for person in passed_to],
        "whose_value": str(draft.whose_id) if draft is not None and draft.whose_id else typed.get("whose", ""),
    }


def _last_day_offered(item: Item, now: datetime) -> date | None:
    """The last day until which a grant can be kept; None for an automation, which has no end."""
    grant = item.grant
    if grant is None:
        return None
    if lifecycle.succession_refusal(grant, now) is not None:
        return last_day(grant.ends_at)
    return max(last_day(grant.ends_at), last_day(lifecycle.longest_end(grant, now)))


def _end_date(item: Item, draft: Draft | None, typed: Shape, now: datetime) -> Shape:
    """The field for an earlier end. It is filled in if no review can renew the grant, which then ends on its date."""
    grant, last = item.grant, _last_day_offered(item, now)
    assert grant is not None
    assert last is not None
    is_needed = lifecycle.succession_refusal(grant, now) is not None
    chosen = draft.ends_on if draft is not None else last if is_needed else None
    return {
        "value": typed.get("ends_on", chosen.isoformat() if chosen is not None else ""),
        "least": day_of(now).isoformat(),
        "most": last.isoformat(),
        "needed": is_needed,
    }


def _possible_reviewers(question: Question) -> list[Person]:
    """People on the ladder that the reviewer may name."""
    without = [*question.asked_before, question.reviewer_id]
    return [
        person
        for person in reviewers.people_on_ladder(question)
        if reviewers.first_eligible([person], question.item, Asks(question.asks), without=without) is not None
    ]


def _consequence(question: Question, kind: AnswerKind, now: datetime) -> str:
    item, grant = question.item, question.item.grant
    if kind == K.KEEP and grant is not None and lifecycle.succession_refusal(grant, now) is not None:
        return f"Ends on {item_rows.day(last_day(grant.ends_at))} at the latest"
    if kind == K.KEEP and grant is not None:
        return f"To {item_rows.day(day_of(lifecycle.longest_end(grant, now)))}, no wider than now"
    if kind == K.KEEP:
        days = policy_queries.in_force(now).review_after(item.of_automation.tier)
        return f"Comes up again on {item_rows.day(day_of(now + timedelta(days=days)))}"
    if kind == K.DONT_KNOW:
        to = reviewers.next_reviewer(question)
        return f"Passed to {to.name}" if to is not None else ""
    if kind == K.NOT_MINE:
        return "Say whose; passed on once more" if question.passed == 0 else "Passed on for the last time"
    return "Stops at once when you submit"


def _why_now(item: Item) -> list[Shape]:
    """Note with the reason of an unscheduled review (I2, T4)."""
    because = item_title.reason_words(item)
    if item.campaign.kind == CampaignKind.ADHOC:
        reason = item.campaign.reason
        links = [{"href": item.campaign.href, "label": "The campaign"}]
        text = f"“{reason.shown}”" if reason is not None else ""
        return [{"tone": "acc", "lead": f"Asked in {item.campaign.name}.", "text": text, "code": "R2", "links": links}]
    if not because:
        return []
    text = f"It is {item.snapshot.get('tier', item.campaign.tier)} risk now." if "risk" in because else ""
    return [{"tone": "high", "lead": because, "text": text, "code": "T4" if "risk" in because else "I2"}]


def _changed_note(question: Question, draft: Draft | None) -> list[Shape]:
    """Note why the earlier choice is outdated."""
    refusal = changed_refusal(question.item, drafts.seen_of(draft)) if draft is not None else None
    return (
        [{"tone": "wait", "lead": refusal.sentence, "text": refusal.to_do, "code": refusal.code}]
        if refusal is not None
        else []
    )


def _notes(question: Question, actor: Actor, now: datetime) -> list[Shape]:
    """Notes for the decision: sample, suspension, refused answers, sign-in, delegation and correction."""
    item, answering_actor = question.item, drafts.acting_reviewer(actor, question)
    notes = _why_now(item)
    if item.is_sample:
        text = "For one in ten, whoever answers for the resource is asked too, and both have to say yes."
        notes.append({"tone": "acc", "lead": "Low risk, drawn as a sample.", "text": text, "code": "S4"})
    if item.suspended_at is not None and item.state == ItemState.ESCALATED:
        notes.append(
            {
                "tone": "no",
                "lead": "Suspended: nobody answered in time.",
                "text": f"It ends on {item_rows.day(day_of(item.closes_at))} unless an answer keeps it."
                if item.closes_at
                else "",
            }
        )
    if is_mine(question, actor, now):
        for kind in (K.KEEP, K.DONT_KNOW):
            refusal = drafts.refusal_of_draft(question, kind, actor=answering_actor, now=now)
            if refusal is not None:
                notes.append({"tone": "wait", "lead": refusal.sentence, "text": refusal.to_do, "code": refusal.code})
        stale = item_rules.FRESH.asks(question, answering_actor, now)
        if stale is not None:
            text = "Choose now all the same: you are asked to sign in again when you submit."
            return_href = f"{reverse('recert_item', args=[item.pk])}?asks={question.asks}"
            again = {
                "href": f"{reverse('account_reauthenticate')}?{urlencode({'next': return_href})}",
                "label": "Sign in now",
            }
            notes.append({"tone": "wait", "lead": stale.sentence, "text": text, "code": stale.code, "links": [again]})
        if answering_actor.standing_for is not None:
            notes.append(
                {
                    "tone": "acc",
                    "lead": f"You answer for {answering_actor.standing_for.name}.",
                    "text": "The record says so.",
                }
            )
    if item.closes_at is not None and answer.correct.refusal(question, actor=answering_actor, now=now) is None:
        notes.append(
            {
                "tone": "wait",
                "lead": "Revoked and suspended.",
                "text": f"It ends for good on {item_rows.day(day_of(item.closes_at))}. Until then you can correct it, with a reason.",
                "links": [
                    {
                        "href": f"{reverse('recert_correct', args=[item.pk])}?asks={question.asks}",
                        "label": "Keep it after all",
                    }
                ],
            }
        )
    return notes


def sign_card(advice: str) -> str:
    """Signed time and recommendation for the form, to measure what was shown and for how long (R7)."""
    return signing.dumps([int(business_time.real().timestamp()), advice], salt=_SALT)


def read_card_view(signed: str, looked: str) -> CardView:
    """How the card was shown, from the sent form.

    Args:
        signed: its stamp; an invalid one gives nothing, an old one no duration.
        looked: how often details were opened, as the script counted; empty without one.
    """
    try:
        since, advice = signing.loads(signed, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return NO_CARD_VIEW
    seconds = max(0, int(business_time.real().timestamp()) - since)
    times = number(looked)
    return CardView(
        seconds if seconds <= LONGEST_SECONDS else None, advice, min(times, MOST_LOOKS) if times is not None else None
    )
