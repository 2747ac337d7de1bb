"""One item as its reviewer sees it: what it is, how it is used, why it is held, and what can be answered (R3, R4).

Nothing is preselected, and an answer that would be refused is not offered; why not is said instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.db.models import Prefetch, Q, prefetch_related_objects
from django.urls import reverse
from django.utils import timezone

from approvals import grants, policies
from approvals.models import Approval, Decision, DecisionOutcome, Grant
from governance.controls import clock
from governance.controls.actors import Actor
from governance.controls.models import Person
from governance.recertification import drafts, duties, reviewers, transitions, usage, wording
from governance.recertification.models import (
    Answer,
    AnswerKind,
    Asks,
    CampaignKind,
    Draft,
    Item,
    ItemOutcome,
    ItemState,
    Question,
)
from governance.web.times import counted, day_of, day_words

Shape = dict[str, Any]

K = AnswerKind

#: In the order of the keys 1 to 5: icon, tone.
OPTIONS = (
    (K.KEEP, "ring-check", "ok"),
    (K.REVOKE, "ring-cross", "no"),
    (K.DO_NOT_RENEW, "clock", ""),
    (K.DONT_KNOW, "question", ""),
    (K.NOT_MINE, "person", ""),
)

#: A card that was open for longer was not looked at all that time.
LONGEST_SECONDS = 3600

_SALT = "recertification.card"


def context(
    question: Question, actor: Actor, now: datetime, draft: Draft | None, *, typed: Shape | None = None
) -> Shape:
    """What ``recertification/item.html`` takes.

    Args:
        question: what is asked.
        actor: the reader.
        now: business time.
        draft: what they chose before, or None.
        typed: what they had typed into a form that was refused, and its error.
    """
    item = question.item
    # Each button asks who is in its way: both questions with what was said to them are read once for the page.
    both = Prefetch("questions", Question.objects.select_related("reviewer"))
    said = Prefetch("questions__answers", Answer.objects.select_related("person", "for_person", "reason"))
    prefetch_related_objects([item], both, said)
    shape: Shape = {"item": _item(question, actor, now, draft)}
    if shape["item"]["mine"]:
        shape["answers"] = _answers(question, drafts.acting(actor, question), now, draft, typed or {})
    shape["notes"] = _notes(question, actor, now)
    shape["all_href"] = reverse("automation_items", args=[item.of_automation.pk])
    return shape


def is_mine(question: Question, actor: Actor, now: datetime) -> bool:
    """Whether the reader is asked this, for themself or for whom they stand in, and it still waits."""
    return drafts.is_asked(question, actor=drafts.acting(actor, question), now=now)


def _item(question: Question, actor: Actor, now: datetime, draft: Draft | None) -> Shape:
    item, grant = question.item, question.item.grant
    held = usage.chain(grant) if grant is not None else []
    measured = usage.usage_of(held, now) if held else None
    return {
        "key": str(item.pk),
        "tier": item.snapshot.get("tier", item.campaign.tier),
        "due": item.deadline if item.state in (ItemState.OPEN, ItemState.ESCALATED) else None,
        "level": (grant.level if grant.entitlement_id else "secret") if grant is not None else "",
        "title": wording.title(item),
        "scope": grant.raw_scope if grant is not None else "",
        "data_class": grant.entitlement.counted_class if grant is not None and grant.entitlement is not None else "",
        "team": item.of_automation.team.name,
        "held_since": held[-1].begins_at if held else item.of_automation.created_at,
        "ends": grant.ends_at if grant is not None else None,
        "asks": question.asks,
        "question": question.get_asks_display(),
        "figures": _figures(measured, now) if held else [],
        "weeks": _weeks(measured, now) if measured is not None else None,
        "advice": None,
        "why": [*_why(item, question, actor), *_earlier(held, actor)],
        "answer": draft.answer if draft is not None else "",
        "mine": is_mine(question, actor, now),
        "state": _state(item, question, actor),
    }


def _state(item: Item, question: Question, actor: Actor) -> Shape:
    """Who has it, for somebody who can't answer; what became of it, once it is closed."""
    if item.state == ItemState.CLOSED:
        return {"value": "closed", "words": ItemOutcome(item.outcome).label, "since": item.closed_at}
    if question.answered_at is not None:
        return {
            "value": "answered",
            "words": f"Answered by {_name(question.reviewer, actor)}",
            "since": question.answered_at,
        }
    return {"value": item.state, "words": f"With {_name(question.reviewer, actor)}", "since": question.asked_at}


def _figures(measured: usage.Usage | None, now: datetime) -> list[Shape]:
    if measured is None:
        return [{"value": "Not measured", "caption": "nothing reports its use yet"}]
    last = measured.last_at
    ago = "never" if last is None else "today" if (now - last).days == 0 else counted((now - last).days, "day")
    return [
        {"value": ago, "caption": "since last call" if last is not None and ago != "today" else "last call"},
        {"value": f"{measured.calls_30:,}", "caption": "calls, 30 days"},
        {"value": f"{measured.calls_90:,}", "caption": "calls, 90 days"},
        {"value": f"{measured.refused_90:,}", "caption": "refused"},
    ]


def _weeks(measured: usage.Usage, now: datetime) -> Shape:
    first = timezone.localtime(now - timedelta(weeks=usage.WEEKS))
    busiest = max(measured.weeks)
    label = f"Calls a week for {usage.WEEKS} weeks: at most {busiest:,}, {measured.weeks[-1]:,} in the last"
    return {"counts": list(measured.weeks), "label": label, "first": f"{first:%B}"}


def _why(item: Item, question: Question, actor: Actor) -> list[Shape]:
    """Both approvals, and what the other reviewer says."""
    found: list[Shape] = []
    if item.grant is not None:
        noun = "Credential" if item.grant.entitlement_id is None else "Privilege"
        app, own = _decided(item.grant.app_approval), _decided(item.grant.approval)
        people = _deciders([app, own])
        found = [
            _approved("left", "App approved", app, people, 1, actor),
            _approved("right", f"{noun} approved", own, people, 2, actor),
        ]
    return [*found, *(_other(other, actor) for other in item.questions.all() if other.pk != question.pk)]


def _decided(approval: Approval) -> Approval:
    """Where an approval was decided: the record from which it was carried over, however often (A14)."""
    while approval.carried_from is not None:
        approval = approval.carried_from
    return approval


def _deciders(records: Iterable[Approval]) -> dict[int, list[Person]]:
    """By record: who approved it in its last round, one query for all."""
    rounds = [Q(approval=record, round=record.round) for record in records]
    rows = (
        Decision.objects.standing()
        .filter(reduce(or_, rounds), outcome=DecisionOutcome.APPROVE)
        .select_related("person")
    )
    found: dict[int, list[Person]] = {}
    for row in rows:
        found.setdefault(row.approval_id, []).append(row.person)
    return found


def _approved(
    seal: str, lead: str, source: Approval, people: dict[int, list[Person]], stage: int, actor: Actor
) -> Shape:
    if source.by_policy is not None:
        by = f"by policy version {source.by_policy.number}"
    else:
        by = f"by {' and '.join(_name(person, actor) for person in people.get(source.pk, ()))}"
    on = day_of(source.ended_at) if source.ended_at is not None else None
    return {"seal": seal, "lead": lead, "text": by, "below": f"{_day(on)}, stage {stage}" if on else f"stage {stage}"}


def _other(other: Question, actor: Actor) -> Shape:
    lead, last = Asks(other.asks).label, other.latest_answer
    lead = {"needed": "Still needed?", "acceptable": "Still acceptable?"}.get(other.asks, lead)
    if last is None:
        since = f"asked {_day(day_of(other.asked_at))}"
        return {
            "icon": "person",
            "lead": lead,
            "text": f"{_name(other.reviewer, actor)} has not answered",
            "below": since,
        }
    return {
        "icon": "person",
        "lead": lead,
        "text": f"{_who(last, actor)} says “{AnswerKind(last.answer).label.lower()}”",
        "below": _said(last),
    }


def _earlier(held: Iterable[Grant], actor: Actor) -> list[Shape]:
    """What was answered when what is held now was renewed."""
    before = list(held)[1:]
    rows = Answer.objects.filter(question__item__grant__in=before, superseded_by__isnull=True)
    return [
        {
            "icon": "undo",
            "lead": f"Earlier: {AnswerKind(row.answer).label.lower()}",
            "text": f"by {_who(row, actor)}",
            "below": _said(row),
        }
        for row in rows.select_related("person", "for_person", "reason").order_by("-pk")[:4]
    ]


def _said(answer: Answer) -> str:
    on = _day(day_of(answer.at))
    return f"{on}: “{answer.reason.text}”" if answer.reason is not None and answer.reason.text else on


def _who(said: Answer, actor: Actor) -> str:
    """Who answered, and for whom (A11)."""
    name = _name(said.person, actor)
    return f"{name} for {_name(said.for_person, actor)}" if said.for_person is not None else name


def _typeset(label: str) -> str:
    return label.replace("'", "’")


def _name(person: Person, actor: Actor) -> str:
    return "you" if actor.person is not None and person.pk == actor.person.pk else person.name


def _day(on: Any) -> str:
    return f"{on.day} {on:%b %Y}"


def _answers(question: Question, who: Actor, now: datetime, draft: Draft | None, typed: Shape) -> Shape:
    options = []
    for number, (kind, icon, tone) in enumerate(OPTIONS, start=1):
        if drafts.refusal(question, kind, actor=who, now=now) is None:
            text = _consequence(question, kind, now)
            options.append(
                {
                    "value": kind.value,
                    "key": str(number),
                    "label": _typeset(kind.label),
                    "icon": icon,
                    "tone": tone,
                    "text": text,
                }
            )
    reason = typed.get("reason", draft.reason if draft is not None else "")
    passed_to = [one for one in _could_be(question) if any(option["value"] == K.NOT_MINE for option in options)]
    return {
        "action": reverse("recert_answer", args=[question.item_id]),
        "asks": question.asks,
        "shown": stamp(),
        "reason": {"value": reason, "error": typed.get("error", "")},
        "options": options,
        "whose": [{"value": str(person.pk), "label": person.name} for person in passed_to],
        "whose_value": str(draft.whose_id) if draft is not None and draft.whose_id else typed.get("whose", ""),
    }


def _could_be(question: Question) -> list[Person]:
    """Whom a reviewer may name: whoever stands on the ladder and may be asked."""
    without = [*question.asked_before, question.reviewer_id]
    return [
        one
        for one in reviewers.on_the_ladder(question)
        if reviewers.next_on([one], question.item, Asks(question.asks), without=without) is not None
    ]


def _consequence(question: Question, kind: AnswerKind, now: datetime) -> str:
    item, grant = question.item, question.item.grant
    if kind == K.KEEP and grant is not None:
        return f"To {_day(day_of(grants.longest_end(grant, now)))}, no wider than now"
    if kind == K.KEEP:
        days = policies.in_force(now).review_after(item.of_automation.tier)
        return f"Comes up again on {_day(day_of(now + timedelta(days=days)))}"
    if kind == K.DO_NOT_RENEW and grant is not None:
        return f"Ends on {day_words(day_of(grant.ends_at), day_of(now))}, no reminder"
    if kind == K.DONT_KNOW:
        to = reviewers.next_after(question)
        return f"Passed to {to.name}" if to is not None else ""
    if kind == K.NOT_MINE:
        return "Say whose; passed on once more" if question.passed == 0 else "Passed on for the last time"
    return "Stops at once when you submit"


def _why_now(item: Item) -> list[Shape]:
    """Why it is asked before its time, where it is (I2, T4)."""
    because = wording.because(item)
    if item.campaign.kind == CampaignKind.ADHOC:
        reason = item.campaign.reason
        links = [{"href": item.campaign.href, "label": "The campaign"}]
        text = f"“{reason.shown}”" if reason is not None else ""
        return [{"tone": "acc", "lead": f"Asked in {item.campaign.name}.", "text": text, "code": "R2", "links": links}]
    if not because:
        return []
    text = f"It is {item.snapshot.get('tier', item.campaign.tier)} risk now." if "risk" in because else ""
    return [{"tone": "high", "lead": because, "text": text, "code": "T4" if "risk" in because else "I2"}]


def _notes(question: Question, actor: Actor, now: datetime) -> list[Shape]:
    """What changes the decision: why two are asked, why an answer is not offered, what silence did, what can be corrected."""
    item, who = question.item, drafts.acting(actor, question)
    found = _why_now(item)
    if item.is_sample:
        text = "For one in ten, whoever answers for the resource is asked too, and both have to say yes."
        found.append({"tone": "acc", "lead": "Low risk, drawn as a sample.", "text": text, "code": "S4"})
    if item.suspended_at is not None and item.state == ItemState.ESCALATED:
        found.append(
            {
                "tone": "no",
                "lead": "Suspended: nobody answered in time.",
                "text": f"It ends on {_day(day_of(item.closes_at))} unless an answer keeps it."
                if item.closes_at
                else "",
            }
        )
    if is_mine(question, actor, now):
        for kind in (K.KEEP, K.DONT_KNOW):
            no = drafts.refusal(question, kind, actor=who, now=now)
            if no is not None:
                found.append({"tone": "wait", "lead": no.sentence, "text": no.to_do, "code": no.code})
        stale = duties.FRESH.asks(question, who, now)
        if stale is not None:
            text = "Choose now all the same: you are asked to sign in again when you submit."
            here = f"{reverse('recert_item', args=[item.pk])}?asks={question.asks}"
            again = {"href": f"{reverse('account_reauthenticate')}?{urlencode({'next': here})}", "label": "Sign in now"}
            found.append({"tone": "wait", "lead": stale.sentence, "text": text, "code": stale.code, "links": [again]})
        if who.standing_for is not None:
            found.append(
                {"tone": "acc", "lead": f"You answer for {who.standing_for.name}.", "text": "The record says so."}
            )
    if item.closes_at is not None and transitions.correct.refusal(question, actor=who, now=now) is None:
        choices = [K.KEEP, *([K.DO_NOT_RENEW] if item.grant is not None else [])]
        found.append(
            {
                "tone": "wait",
                "lead": "Revoked and suspended.",
                "text": f"It ends for good on {_day(day_of(item.closes_at))}. Until then you can correct it, with a reason.",
                "links": [
                    {
                        "href": f"{reverse('recert_correct', args=[item.pk])}?asks={question.asks}&answer={kind.value}",
                        "label": "Keep it after all" if kind == K.KEEP else "Let it end on its date",
                    }
                    for kind in choices
                ],
            }
        )
    return found


def stamp() -> str:
    """The present, signed, for the form: how long the card was looked at is told when it comes back (R7)."""
    return signing.dumps(int(clock.real().timestamp()), salt=_SALT)


def seconds_since(signed: str) -> int | None:
    """Real seconds since a stamp; None for one that is not ours or too old to mean anything."""
    try:
        since = int(signing.loads(signed, salt=_SALT, max_age=LONGEST_SECONDS))
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return max(0, int(clock.real().timestamp()) - since)
