"""Rows of an item's card: facts, owners, use, recommendation and approvals (R3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from approvals.models import Approval, Decision, DecisionOutcome
from governance.core.actors.actor import Actor
from governance.core.models import Person
from governance.recertification.items import item_title, usage
from governance.recertification.items.queries import ItemFacts
from governance.recertification.items.recommendation import Reason
from governance.recertification.models import Answer, AnswerKind, Asks, Draft, Item, ItemOutcome, ItemState, Question
from governance.web.components.times import counted, day_of

Shape = dict[str, Any]

#: Latest earlier answers to show.
EARLIER = 4
#: Labels of a rule's link, by its target (`recommendation.Rule.shown`).
LINKS = {
    "app": "The approval",
    "approval": "The approval",
    "automation": "The automation",
    "versions": "Its versions",
    "resource": "The resource",
    "credential": "The credential",
    "conflict": "The conflict",
}


def item(
    question: Question, known_item: ItemFacts, actor: Actor, now: datetime, draft: Draft | None, *, mine: bool
) -> Shape:
    """The ``item`` of ``recertification/items/item.html``.

    Args:
        question: the question.
        known_item: the facts about its item.
        actor: the reader.
        now: business time.
        draft: the reader's draft, or None.
        mine: whether the reader may answer the question.
    """
    reviewed_item, grant = question.item, question.item.grant
    held, automation = known_item.held, question.item.of_automation
    return {
        "key": str(reviewed_item.pk),
        "tier": reviewed_item.snapshot.get("tier", reviewed_item.campaign.tier),
        "due": reviewed_item.deadline if reviewed_item.state in (ItemState.OPEN, ItemState.ESCALATED) else None,
        "level": (grant.level if grant.entitlement_id else "secret") if grant is not None else "",
        "title": item_title.title(reviewed_item),
        "scope": grant.raw_scope if grant is not None else "",
        "data_class": grant.entitlement.counted_class if grant is not None and grant.entitlement is not None else "",
        "purpose": automation.purpose,
        "holder": {"name": automation.name, "href": automation.href},
        "team": automation.team.name,
        "owner": name(automation.business_owner, actor),
        "held_since": held[-1].begins_at if held else automation.created_at,
        "ends": grant.ends_at if grant is not None else None,
        "asks": question.asks,
        "question": question.get_asks_display(),
        "figures": _figures(known_item.usage, now) if held else [],
        "weeks": _weeks(known_item.usage, now) if known_item.usage is not None else None,
        "advice": _advice(reviewed_item, known_item),
        **_approvals_and_answers(reviewed_item, question, known_item, actor),
        "answer": draft.answer if draft is not None else "",
        "mine": mine,
        "state": _state(reviewed_item, question, actor),
    }


def _state(item: Item, question: Question, actor: Actor) -> Shape:
    """Reviewer or outcome, for readers who can't answer."""
    if item.state == ItemState.CLOSED:
        return {"value": "closed", "words": ItemOutcome(item.outcome).label, "since": item.closed_at}
    if question.answered_at is not None:
        return {
            "value": "answered",
            "words": f"Answered by {name(question.reviewer, actor)}",
            "since": question.answered_at,
        }
    return {"value": item.state, "words": f"With {name(question.reviewer, actor)}", "since": question.asked_at}


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


def _advice(item: Item, known_item: ItemFacts) -> Shape:
    """Recommendation with its reasons and their links."""
    return {
        "title": known_item.recommended.advice.label,
        "reasons": [_reason(item, reason) for reason in known_item.recommended.reasons],
    }


def _reason(item: Item, reason: Reason) -> Shape:
    rule = reason.rule
    shape: Shape = {"icon": rule.icon, "text": reason.sentence}
    href = _href(item, rule.shown, reason.conflict)
    return shape | ({"href": href, "link": LINKS[rule.shown]} if href else {})


def _href(item: Item, shown: str, conflict: int) -> str:
    grant, automation = item.grant, item.of_automation
    if shown == "conflict":
        return reverse("conflict", args=[conflict])
    if shown == "automation":
        return automation.href
    if shown == "versions":
        return f"{automation.href}?tab=versions"
    if grant is None or not shown:
        return ""
    if shown == "resource":
        return grant.entitlement.resource.href if grant.entitlement is not None else ""
    if shown == "credential":
        return grant.credential.href if grant.credential is not None else ""
    record = grant.app_approval if shown == "app" else grant.approval
    return reverse("review", args=[record.submission_id])


def _approvals_and_answers(item: Item, question: Question, known_item: ItemFacts, actor: Actor) -> Shape:
    """Both approvals with their reasons, the other reviewer's answer, unchanged facts, and earlier answers."""
    approval_rows: list[Shape] = []
    justifications: list[Shape] = []
    if item.grant is not None:
        noun = "Credential" if item.grant.entitlement_id is None else "Privilege"
        app, grant_approval = _original_approval(item.grant.app_approval), _original_approval(item.grant.approval)
        decisions = _decisions([app, grant_approval])
        approval_rows = [
            _approval_row("left", "App approved", app, decisions, 1, actor),
            _approval_row("right", f"{noun} approved", grant_approval, decisions, 2, actor),
        ]
        justifications = _justification_rows(grant_approval, [app, grant_approval], decisions, actor)
    approval_rows += [_other_question_row(other, actor) for other in item.questions.all() if other.pk != question.pk]
    approval_rows += [as_it_was] if (as_it_was := _unchanged_note(known_item)) else []
    return {"why": [*approval_rows, *_earlier_answer_rows(known_item.earlier, actor)], "said": justifications}


def _unchanged_note(known_item: ItemFacts) -> Shape | None:
    """Note about the unchanged facts; the recommendation lists changes."""
    facts = known_item.facts
    drifts = facts.other_source or facts.newer_version
    lead = {(False, False): "No drift, no conflict", (False, True): "No drift", (True, False): "No conflict"}
    words = lead.get((bool(drifts), bool(facts.conflicts)))
    return {"icon": "lock", "lead": words, "text": "", "below": "as it stands now"} if words else None


def _original_approval(approval: Approval) -> Approval:
    """The approval that was carried over, through any number of versions (A14)."""
    while approval.carried_from is not None:
        approval = approval.carried_from
    return approval


def _decisions(records: Iterable[Approval]) -> dict[int, list[Decision]]:
    """Approving decisions of the last round, by approval. One query."""
    rounds = [Q(approval=record, round=record.round) for record in records]
    rows = (
        Decision.objects.standing()
        .filter(reduce(or_, rounds), outcome=DecisionOutcome.APPROVE)
        .select_related("person", "for_person", "reason")
    )
    decisions_by_approval: dict[int, list[Decision]] = {}
    for row in rows:
        decisions_by_approval.setdefault(row.approval_id, []).append(row)
    return decisions_by_approval


def _approval_row(
    seal: str, lead: str, source: Approval, decisions: Mapping[int, Sequence[Decision]], stage: int, actor: Actor
) -> Shape:
    if source.by_policy is not None:
        by = f"by policy version {source.by_policy.number}"
    else:
        by = f"by {' and '.join(_actor_words(decision.person, decision.for_person, actor) for decision in decisions.get(source.pk, ()))}"
    on = day_of(source.ended_at) if source.ended_at is not None else None
    return {
        "seal": seal,
        "lead": lead,
        "text": by,
        "below": f"{day(on)}, stage {stage}" if on else f"stage {stage}",
        "href": reverse("review", args=[source.submission_id]),
    }


def _justification_rows(
    grant_approval: Approval, records: Sequence[Approval], decisions: Mapping[int, Sequence[Decision]], actor: Actor
) -> list[Shape]:
    """Justification of the request, and the reasons of its approvers."""
    justification = grant_approval.justification
    rows = (
        [{"who": "Asked for", "text": justification.text}] if justification is not None and justification.text else []
    )
    for record in records:
        for decision in decisions.get(record.pk, ()):
            if decision.reason is not None and decision.reason.text:
                rows.append(
                    {"who": _actor_words(decision.person, decision.for_person, actor), "text": decision.reason.text}
                )
    return rows


def _other_question_row(other: Question, actor: Actor) -> Shape:
    lead, last = Asks(other.asks).label, other.latest_answer
    lead = {"needed": "Still needed?", "acceptable": "Still acceptable?"}.get(other.asks, lead)
    if last is None:
        since = f"asked {day(day_of(other.asked_at))}"
        return {
            "icon": "person",
            "lead": lead,
            "text": f"{name(other.reviewer, actor)} has not answered",
            "below": since,
        }
    return {
        "icon": "person",
        "lead": lead,
        "text": f"{_actor_words(last.person, last.for_person, actor)} says “{AnswerKind(last.answer).label.lower()}”",
        "below": _answer_words(last),
    }


def _earlier_answer_rows(answers: Sequence[Answer], actor: Actor) -> list[Shape]:
    """Answers in earlier reviews of the grant or its predecessors."""
    return [
        {
            "icon": "undo",
            "lead": f"Earlier: {AnswerKind(row.answer).label.lower()}",
            "text": f"by {_actor_words(row.person, row.for_person, actor)}",
            "below": _answer_words(row),
            "href": f"{reverse('recert_item', args=[row.question.item_id])}?asks={row.question.asks}",
        }
        for row in answers[:EARLIER]
    ]


def _answer_words(answer: Answer) -> str:
    on = day(day_of(answer.at))
    return f"{on}: “{answer.reason.text}”" if answer.reason is not None and answer.reason.text else on


def _actor_words(person: Person, for_person: Person | None, actor: Actor) -> str:
    """The person, and the one they acted for (A11)."""
    actor_name = name(person, actor)
    return f"{actor_name} for {name(for_person, actor)}" if for_person is not None else actor_name


def name(person: Person, actor: Actor) -> str:
    """A person's name for the reader."""
    return "you" if actor.person is not None and person.pk == actor.person.pk else person.name


def day(on: Any) -> str:
    """A day with its year."""
    return f"{on.day} {on:%b %Y}"
