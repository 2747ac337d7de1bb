"""Rows of an item's card: facts, owners, use, recommendation and approvals (R3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.urls import reverse

from approvals.models import Approval, Decision, DecisionOutcome
from governance.core.actors.actor import Actor
from governance.core.models import Person
from governance.recertification.items.item_context import ItemContext
from governance.recertification.items.queries import ItemFacts
from governance.recertification.items.recommendation import Reason
from governance.recertification.models import Answer, AnswerKind, Item, ItemOutcome, ItemState, Question
from governance.web.components.times import day_of

Shape = dict[str, Any]

#: Latest earlier answers to show.
EARLIER = 4
#: Labels of a rule's link, by its target (`recommendation.Reason.shown`).
LINKS = {
    "app": "The approval",
    "approval": "The approval",
    "automation": "The automation",
    "versions": "Its versions",
    "resource": "The resource",
    "credential": "The credential",
    "conflict": "The conflict",
}


def item(known: ItemContext, question: Question, facts: ItemFacts, actor: Actor) -> Shape:
    """The ``item`` of ``recertification/items/item.html``.

    Args:
        known: of the item.
        question: the shown question.
        facts: the facts about the item.
        actor: the reader.
    """
    item, grant, automation = known.item, known.item.grant, known.item.of_automation
    level = (grant.level if grant.entitlement_id else "secret") if grant is not None else ""
    advice = facts.recommended
    return {
        "tier": item.snapshot.get("tier", item.campaign.tier),
        "due": item.deadline if item.state in (ItemState.OPEN, ItemState.ESCALATED) else None,
        "level": level,
        "title": item.title,
        "scope": grant.raw_scope if grant is not None else "",
        "data_class": grant.entitlement.counted_class if grant is not None and grant.entitlement is not None else "",
        "automation": automation,
        "owner": name(automation.business_owner, actor),
        "held_since": facts.held_since,
        "ends": grant.ends_at if grant is not None else None,
        "question": question.get_asks_display(),
        "is_grant": grant is not None,
        "usage": facts.usage,
        "advice": {"title": advice.advice.label, "reasons": [_reason(item, reason) for reason in advice.reasons]},
        **_approvals_and_answers(known, question, facts, actor),
        "state": _state(item, question, actor),
    }


def _state(item: Item, question: Question, actor: Actor) -> Shape:
    """Reviewer or outcome, for readers who can't answer."""
    if item.state == ItemState.CLOSED:
        return {"words": f"Closed: {ItemOutcome(item.outcome).label.lower()}", "since": item.closed_at}
    if question.answered_at is not None:
        return {"words": f"Answered by {name(question.reviewer, actor)}", "since": question.answered_at}
    return {"words": f"With {name(question.reviewer, actor)}", "since": question.asked_at}


def _reason(item: Item, reason: Reason) -> Shape:
    href = _href(item, reason.shown, reason.conflict)
    link = {"href": href, "link": LINKS[reason.shown]} if href else {}
    return {"icon": reason.icon, "text": reason.sentence, **link}


def _href(item: Item, shown: str, conflict: int) -> str:
    grant, automation = item.grant, item.of_automation
    if shown == "conflict":
        return reverse("conflict", args=[conflict])
    if shown in ("automation", "versions"):
        return automation.href if shown == "automation" else f"{automation.href}?tab=versions"
    if grant is None or not shown:
        return ""
    if shown == "resource":
        return grant.entitlement.resource.href if grant.entitlement is not None else ""
    if shown == "credential":
        return grant.credential.href if grant.credential is not None else ""
    record = grant.app_approval if shown == "app" else grant.approval
    return reverse("review", args=[record.submission_id])


def _approvals_and_answers(known: ItemContext, question: Question, facts: ItemFacts, actor: Actor) -> Shape:
    """Both approvals with their reasons, the other reviewer's answer, unchanged facts, and earlier answers."""
    rows: list[Shape] = []
    said: list[Shape] = []
    grant = known.item.grant
    if grant is not None:
        stages = [_original_approval(grant.app_approval), _original_approval(grant.approval)]
        decisions = _decisions(stages)
        leads = ("App approved", f"{'Credential' if grant.entitlement_id is None else 'Privilege'} approved")
        for stage, (lead, approval) in enumerate(zip(leads, stages, strict=True), start=1):
            rows.append(_approval_row(stage, lead, approval, decisions.get(approval.pk, []), actor))
        asked = grant.approval.justification
        said = [{"who": "Asked for", "text": asked.text}] if asked is not None and asked.text else []
        said += [
            {"who": _actor_words(decision.person, decision.for_person, actor), "text": decision.reason.text}
            for approval in stages
            for decision in decisions.get(approval.pk, ())
            if decision.reason is not None and decision.reason.text
        ]
    rows += [_other_question_row(known, other, actor) for other in known.questions if other != question]
    drifts, conflicts = facts.facts.other_source or facts.facts.newer_version, facts.facts.conflicts
    unchanged = "No drift, no conflict" if not drifts and not conflicts else "No drift" if not drifts else "No conflict"
    if not drifts or not conflicts:
        rows.append({"icon": "lock", "lead": unchanged, "text": "", "below": "as it stands now"})
    return {"why": [*rows, *_earlier_answer_rows(facts.earlier, actor)], "said": said}


def _original_approval(approval: Approval) -> Approval:
    """The approval that was carried over, through any number of versions (A14)."""
    while approval.carried_from is not None:
        approval = approval.carried_from
    return approval


def _decisions(records: Iterable[Approval]) -> dict[int, list[Decision]]:
    """Approving decisions of the last round, by approval. One query."""
    rounds = reduce(or_, (Q(approval=record, round=record.round) for record in records))
    rows = Decision.objects.standing().filter(rounds, outcome=DecisionOutcome.APPROVE)
    decisions_by_approval: dict[int, list[Decision]] = {}
    for row in rows.select_related("person", "for_person", "reason"):
        decisions_by_approval.setdefault(row.approval_id, []).append(row)
    return decisions_by_approval


def _approval_row(stage: int, lead: str, source: Approval, decisions: Sequence[Decision], actor: Actor) -> Shape:
    people = " and ".join(_actor_words(decision.person, decision.for_person, actor) for decision in decisions)
    policy = source.by_policy
    on = f"{day(source.ended_at)}, " if source.ended_at is not None else ""
    return {
        "seal": "left" if stage == 1 else "right",
        "lead": lead,
        "text": f"by policy version {policy.number}" if policy is not None else f"by {people}",
        "below": f"{on}stage {stage}",
        "href": reverse("review", args=[source.submission_id]),
    }


def _other_question_row(known: ItemContext, other: Question, actor: Actor) -> Shape:
    last, lead = known.latest_answer(other), f"Still {other.asks}?"
    if last is None:
        text = f"{name(other.reviewer, actor)} has not answered"
        return {"icon": "person", "lead": lead, "text": text, "below": f"asked {day(other.asked_at)}"}
    answer = AnswerKind(last.answer).label.lower()
    text = f"{_actor_words(last.person, last.for_person, actor)} says “{answer}”"
    return {"icon": "person", "lead": lead, "text": text, "below": _answer_words(last)}


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
    said = f": “{answer.reason.text}”" if answer.reason is not None and answer.reason.text else ""
    until = f", until {day(answer.ends_on)}" if answer.ends_on is not None else ""
    return f"{day(answer.at)}{until}{said}"


def _actor_words(person: Person, for_person: Person | None, actor: Actor) -> str:
    """The person, and the one they acted for (A11)."""
    actor_name = name(person, actor)
    return f"{actor_name} for {name(for_person, actor)}" if for_person is not None else actor_name


def name(person: Person, actor: Actor) -> str:
    """A person's name for the reader."""
    return "you" if actor.person is not None and person.pk == actor.person.pk else person.name


def day(at: datetime | date) -> str:
    """A day, or the reader's day of an instant, with its year."""
    on = day_of(at)
    return f"{on.day} {on:%b %Y}"
