"""An item's card for its reviewer: facts, use, approvals and possible answers (R3, R4).

No answer is preselected. An answer that would be refused is not offered; the card shows why.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_

from django.core import signing
from django.db.models import Q, QuerySet
from django.urls import reverse

from approvals.grants.transitions import lifecycle
from approvals.models import Approval, Decision, DecisionOutcome, Grant
from approvals.policies import queries as policy_queries
from governance.core.access import Actor, access
from governance.core.clock import business_time
from governance.core.database.querysets import with_columns
from governance.recertification.items import drafts, reviewers
from governance.recertification.items import queries as item_queries
from governance.recertification.items import rules as item_rules
from governance.recertification.items.queries import ItemFacts
from governance.recertification.items.recommendation import Reason
from governance.recertification.items.reviewers import ItemContext, load_context
from governance.recertification.items.transitions import answer
from governance.recertification.items.transitions.answer import NO_CARD_VIEW, CardView, changed_refusal
from governance.recertification.items.transitions.settle import last_day
from governance.recertification.models import AnswerKind, Draft, Item, Question
from governance.web.components.times import day_of
from governance.web.pages.page import Shape
from governance.web.requests.request import number

K = AnswerKind

#: Answers in the order of the keys 1 to 4, with icon and tone.
OPTIONS = (
    (K.KEEP, "ring-check", "ok"),
    (K.REVOKE, "ring-cross", "no"),
    (K.DONT_KNOW, "question", ""),
    (K.NOT_MINE, "person", ""),
)

#: Columns of an automation for a card and the rules that it asks.
_AUTOMATION = (
    *("name", "purpose", "state", "tier", "moved_at", "technical_owner", "interim__person"),
    *("team__name", "business_owner__name"),
)

#: Columns of an approval behind a grant.
_APPROVAL = ("submission", "round", "ended_at", "by_policy", "carried_from")

#: Columns of an item for its card.
COLUMNS = (
    *("reason", "snapshot", "deadline", "grace_until", "suspended_at", "state", "outcome", "closes_at", "closed_at"),
    *(f"campaign__{column}" for column in ("kind", "tier", "name", "reason__text")),
    *(f"automation__{column}" for column in _AUTOMATION),
    *(f"grant__automation__{column}" for column in _AUTOMATION),
    *(
        f"grant__{column}"
        for column in (
            *("level", "scope", "target", "sentence", "tier", "raised_to", "begins_at", "ends_at", "renew"),
            *("state", "suspended_why", "credential__kind", "entitlement__data_class"),
            *("entitlement__resource__name", "entitlement__resource__data_class"),
            *(f"app_approval__{column}" for column in _APPROVAL),
            *(f"approval__{column}" for column in (*_APPROVAL, "term_days", "granted_term_days")),
            *("approval__justification__text", "approval__privilege__entitlement__code"),
            *(f"approval__privilege__{column}" for column in ("connector", "instance", "credential__external_id")),
        )
    ),
)

#: Longest time that counts as looking at a card, and most looks that are counted.
LONGEST_SECONDS, MOST_LOOKS = 3600, 99

#: Latest earlier answers to show.
EARLIER = 4

_SALT = "recertification.card"


def load_questions(items: QuerySet[Item], pk: int, now: datetime) -> ItemContext | None:
    """Load an item's questions for a card; None for an item that is not among these, or has no questions."""
    item = next(iter(with_columns(items.filter(pk=pk), COLUMNS).order_by()[:1]), None)
    known = load_context(item, now) if item is not None else None
    return known if known is not None and known.questions else None


def context(known: ItemContext, question: Question, actor: Actor, now: datetime, typed: Shape) -> Shape:
    """Context of ``recertification/items/item.html``.

    Args:
        known: of the item.
        question: one of its questions.
        actor: the reader.
        now: business time.
        typed: input of a refused form, with its error.
    """
    item, draft, mine = known.item, drafts.draft_of(question, actor), is_mine(known, question, actor, now)
    facts, reviewer = item_queries.load_facts([item], now)[item.pk], drafts.acting_reviewer(actor, question)
    refusals = [changed_refusal(item, drafts.seen_of(draft))] if draft is not None else []
    if mine:
        refusals += [
            drafts.refusal_of_draft(question, kind, actor=reviewer, now=now, context=known)
            for kind in (K.KEEP, K.DONT_KNOW)
        ]
    correctable = (
        item.closes_at is not None and answer.correct.refusal(question, actor=reviewer, now=now, context=known) is None
    )
    return {
        **item_rows(known, question, facts, actor),
        "chosen": draft.answer if draft is not None else "",
        "answers": _answers(known, question, reviewer, now, draft, typed) if mine else None,
        "shown": sign_card(facts.recommended.advice),
        "refusals": [refusal for refusal in refusals if refusal is not None],
        "stale": item_rules.requires_fresh.asks(question, reviewer, now) if mine else None,
        "stands_for": reviewer.standing_for if mine else None,
        "can_correct": correctable,
    }


def is_mine(known: ItemContext, question: Question, actor: Actor, now: datetime) -> bool:
    """Whether the question is unanswered and the reader, or the person they are a delegate of, is its reviewer."""
    if question.reviewer_id not in access.answers_as(actor, now):
        return False
    return drafts.is_asked(question, actor=drafts.acting_reviewer(actor, question), now=now, context=known)


def _answers(
    known: ItemContext, question: Question, reviewer: Actor, now: datetime, draft: Draft | None, typed: Shape
) -> Shape:
    # *keep* is offered until the end of a grant that no review renews
    last = _last_day(known.item, now)
    asked: Shape = {"actor": reviewer, "now": now, "context": known}
    options = [
        {
            "value": kind.value,
            "key": str(key),
            "label": kind.label.replace("'", "’"),
            "icon": icon,
            "tone": tone,
            "text": _consequence(known, question, kind, now),
        }
        for key, (kind, icon, tone) in enumerate(OPTIONS, start=1)
        if drafts.refusal_of_draft(question, kind, ends_on=last if kind == K.KEEP else None, **asked) is None
    ]
    others = [
        person
        for person in reviewers.people_on_chain(known, question)
        if any(option["value"] == K.NOT_MINE for option in options)
        and reviewers.next_reviewer(known, question, [person]) is not None
    ]
    return {
        "reason": {"value": typed.get("reason", draft.reason if draft else ""), "error": typed.get("error", "")},
        "options": options,
        "ends_on": _end_date(known.item, draft, typed, now),
        "whose": [{"value": str(person.pk), "label": person.name} for person in others],
        "whose_value": str(draft.whose_id) if draft is not None and draft.whose_id else typed.get("whose", ""),
    }


def _needs_end(item: Item, now: datetime) -> bool:
    """Whether *keep* needs an end date, because no review renews the grant (G2)."""
    return item.grant is not None and lifecycle.succession_refusal(item.grant, now) is not None


def _last_day(item: Item, now: datetime) -> date | None:
    """The last day until which a grant can be kept; None for an automation, which has no end."""
    if item.grant is None:
        return None
    end, longest = last_day(item.grant.ends_at), last_day(lifecycle.longest_end(item.grant, now))
    return end if _needs_end(item, now) else max(end, longest)


def _end_date(item: Item, draft: Draft | None, typed: Shape, now: datetime) -> Shape | None:
    """The field for an earlier end. It is filled in if no review renews the grant, which then ends on its date."""
    most, is_needed = _last_day(item, now), _needs_end(item, now)
    if most is None:
        return None
    chosen = draft.ends_on if draft is not None else most if is_needed else None
    value = typed.get("ends_on", chosen.isoformat() if chosen is not None else "")
    return {"value": value, "least": day_of(now).isoformat(), "most": most.isoformat(), "needed": is_needed}


def _consequence(known: ItemContext, question: Question, kind: AnswerKind, now: datetime) -> str:
    item = known.item
    if kind == K.KEEP and item.grant is None:
        days = policy_queries.in_force(now).review_after(item.of_automation.tier)
        return f"Comes up again on {day(now + timedelta(days=days))}"
    if kind == K.KEEP and item.grant is not None:
        if _needs_end(item, now):
            return f"Ends on {day(item.grant.ends_at)} at the latest"
        return f"To {day(lifecycle.longest_end(item.grant, now))}, no wider than now"
    if kind == K.DONT_KNOW:
        to = reviewers.next_reviewer(known, question)
        return f"Passed to {to.name}" if to is not None else ""
    if kind == K.NOT_MINE:
        return "Say whose; passed on once more" if question.passed == 0 else "Passed on for the last time"
    return "Stops at once when you submit"


def day(at: datetime | date) -> str:
    """A day, or the reader's day of an instant, with its year."""
    on = day_of(at)
    return f"{on.day} {on:%b %Y}"


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
    seconds, looks = max(0, int(business_time.real().timestamp()) - since), number(looked)
    is_measured = seconds <= LONGEST_SECONDS
    return CardView(seconds if is_measured else None, advice, min(looks, MOST_LOOKS) if looks is not None else None)


def item_rows(known: ItemContext, question: Question, facts: ItemFacts, actor: Actor) -> Shape:
    """The facts of an item for ``recertification/items/item.html``.

    Args:
        known: of the item.
        question: the shown question.
        facts: the facts about the item.
        actor: the reader.
    """
    item, grant = known.item, known.item.grant
    has_drift = facts.facts.other_source or facts.facts.newer_version
    stages = _stages(grant) if grant is not None else []
    asked_for = grant.approval.justification if grant is not None else None
    comments = [asked_for, *(decision.reason for _, decisions in stages for decision in decisions)]
    unchanged = [*([] if has_drift else ["drift"]), *([] if facts.facts.conflicts else ["conflict"])]
    return {
        "item": item,
        "tier": item.snapshot.get("tier", item.campaign.tier),
        "question": question,
        "reader": actor.person,
        "grant": grant,
        "automation": item.of_automation,
        "facts": facts,
        "reasons": [_reason(item, reason) for reason in facts.recommended.reasons],
        "stages": stages,
        "has_comments": any(text is not None and text.text for text in comments),
        "others": [(other, known.latest_answer(other)) for other in known.questions if other != question],
        "unchanged": unchanged,
        "earlier": facts.earlier[:EARLIER],
    }


def _reason(item: Item, reason: Reason) -> Shape:
    href = _href(item, reason.shown, reason.conflict)
    link = {"href": href, "link": f"The {reason.shown}"} if href else {}
    return {"icon": reason.icon, "text": reason.sentence, **link}


def _href(item: Item, shown: str, conflict: int) -> str:
    grant, automation = item.grant, item.of_automation
    if shown == "conflict":
        return reverse("conflict", args=[conflict])
    if shown in ("automation", "versions"):
        return automation.href if shown == "automation" else f"{automation.href}?tab=versions"
    if shown == "approval" and grant is not None:
        return reverse("review", args=[grant.approval.submission_id])
    if shown == "resource" and grant is not None and grant.entitlement is not None:
        return grant.entitlement.resource.href
    if shown == "credential" and grant is not None and grant.credential is not None:
        return grant.credential.href
    return ""


def _stages(grant: Grant) -> list[tuple[Approval, list[Decision]]]:
    """Both approvals of a grant with the approving decisions of their last round. One query beside the approvals."""
    approvals = [_original_approval(approval) for approval in (grant.app_approval, grant.approval)]
    decisions = _decisions(approvals)
    return [(approval, [row for row in decisions if row.approval_id == approval.pk]) for approval in approvals]


def _original_approval(approval: Approval) -> Approval:
    """The approval that was carried over, through any number of versions (A14)."""
    while approval.carried_from is not None:
        approval = approval.carried_from
    return approval


def _decisions(approvals: Iterable[Approval]) -> list[Decision]:
    rounds = reduce(or_, (Q(approval=approval, round=approval.round) for approval in approvals))
    rows = Decision.objects.standing().filter(rounds, outcome=DecisionOutcome.APPROVE)
    return list(with_columns(rows, ("approval", "person__name", "for_person__name", "reason__text")))
