"""Bulk write of *keep* answers with a few statements (R7, G2).

Other answers, answers about automations and unusual cases are written one by one. The result is the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from approvals.grants.transitions import renewal as transition_renewal
from approvals.models import Approval, Grant
from governance.core.database import bulk_insert
from governance.core.database.key_filters import among
from governance.core.engine import bulk_transition
from governance.core.engine.bulk_transition import Call
from governance.core.engine.transition import Step
from governance.core.ledger import ledger_events
from governance.core.models import Membership
from governance.recertification.items import reviewers, usage
from governance.recertification.items.transitions.answer import (
    NO_CARD_VIEW,
    answer,
    answer_refusal,
    build_answer,
    changed_refusal,
)
from governance.recertification.items.transitions.settle import kept_until, settle
from governance.recertification.models import Answer, AnswerKind, Draft, Item, ItemOutcome, ItemState, Question
from inventory.models import Automation, Credential, Entitlement

M = TypeVar("M", bound=Model)


def answer_all(calls: Sequence[Call[Question]], *, now: datetime) -> list[Call[Question]]:
    """Perform the answers that allow a bulk write; return the others.

    Raises:
        DatabaseError: the database refuses some of them; none was written.
    """
    first: dict[int, Call[Question]] = {}
    for call in calls:  # two people answer an item's two questions, one after the other
        first.setdefault(call.subject.item_id, call)
    first_calls = set(map(id, first.values()))
    people = {person.pk for call in calls for person in call.actor.people}

    def locked(keys: Collection[int]) -> Mapping[int, Question]:
        return _lock_questions(keys, people)

    left = bulk_transition.perform(
        answer, list(first.values()), now=now, locked=locked, fits=partial(_fits, now=now), body=_write_answers
    )
    undone = set(map(id, left))
    return [call for call in calls if id(call) in undone or id(call) not in first_calls]


def _fits(question: Question, params: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether the answer keeps an active grant, nothing was suspended, and all other answers are *keep*."""
    item = question.item
    others = [other.latest_answer for other in item.questions.all() if other.pk != question.pk]
    if any(latest is not None and latest.answer != AnswerKind.KEEP for latest in others):
        return False
    if params["answer"] != AnswerKind.KEEP or item.grant is None or item.suspended_at is not None:
        return False
    if reviewers.missing_questions(item):
        return False  # the missing question is asked first (S4)
    refusal = answer_refusal(question, AnswerKind.KEEP) or changed_refusal(item, params.get("seen", NO_CARD_VIEW))
    return refusal is None and transition_renewal.can_renew(item.grant, now)


def _write_answers(steps: Sequence[Step[Question]], params: Sequence[Mapping[str, Any]]) -> None:
    """Do for all answers what `answer.answer` does for one."""
    answers = [build_answer(step, **answer_params) for step, answer_params in zip(steps, params, strict=True)]
    bulk_insert.insert(answers)
    bulk_transition.change(steps, answered_at=steps[0].now, remind_at=None)
    Draft.objects.filter(among([step.subject.pk for step in steps], "question")).delete()
    settled = _settle_items(steps, answers)
    for step, given_answer in zip(steps, answers, strict=True):
        if step.subject.pk in settled:
            settled[step.subject.pk].tell()
        facts = {
            "asks": step.subject.asks,
            "answer": given_answer.answer,
            "answer_id": given_answer.pk,
            "batch": str(given_answer.batch),
        }
        bulk_transition.record(step, facts)
        bulk_transition.follow(step)


@dataclass(frozen=True)
class _Settled:
    """A closed item with its renewed grant."""

    step: Step[Item]
    was: str
    renewed: transition_renewal.Renewed

    def tell(self) -> None:
        self.renewed.tell()
        facts = {"outcome": ItemOutcome.KEPT, "until": ledger_events.instant(self.renewed.renewal.ends_at)}
        bulk_transition.record(self.step, {**facts, "from": self.was, "to": ItemState.CLOSED})
        bulk_transition.follow(self.step)


def _settle_items(steps: Sequence[Step[Question]], new_answers: Sequence[Answer]) -> dict[int, _Settled]:
    """Close fully answered items and renew their grants; by the question answered last."""
    renewals: list[tuple[int, Step[Item], transition_renewal.Renewal]] = []
    for step, new_answer in zip(steps, new_answers, strict=True):
        item, answers = step.subject.item, _complete_answers(step.subject, new_answer)
        if answers is not None and item.grant is not None:
            keys, until = [answer.pk for answer in answers], kept_until(item.grant, answers, step.now)
            inner = bulk_transition.inside(step, item, settle.event)
            renewals.append((step.subject.pk, inner, transition_renewal.Renewal(step, item.grant, keys, until)))
    was = [inner.subject.state for _, inner, _ in renewals]
    now = steps[0].now
    closed = {"outcome": ItemOutcome.KEPT, "closed_at": now, "closes_at": None, "nobody": False}
    bulk_transition.change([inner for _, inner, _ in renewals], to=ItemState.CLOSED, **closed)
    renewed = transition_renewal.renew_all([renewal for *_, renewal in renewals])
    return {
        key: _Settled(inner, before, made) for (key, inner, _), before, made in zip(renewals, was, renewed, strict=True)
    }


def _complete_answers(question: Question, new_answer: Answer) -> list[Answer] | None:
    """All answers of an item including this one, in the order of its questions; None while one is missing."""
    latest = [new_answer if other.pk == question.pk else other.latest_answer for other in question.item.questions.all()]
    return [answer for answer in latest if answer is not None] if None not in latest else None


def _lock_questions(keys: Collection[int], people: Collection[int]) -> Mapping[int, Question]:
    """Load questions under their locks, outermost first, with all rows the duties need. A fixed number of statements.

    Args:
        keys: ids of the questions.
        people: ids of the people who answer; their team memberships are loaded, too.
    """
    items_of_questions = Item.objects.filter(among(keys, "questions"), grant__isnull=False)
    named = list(items_of_questions.order_by().values_list("pk", "grant", "grant__automation"))
    automations = _load_locked(Automation, {row[2] for row in named}, "team", "interim__person", "business_owner")
    held = _load_locked(Grant, {row[1] for row in named})
    items = _load_locked(Item, {row[0] for row in named})
    locked = set(_locked_rows(Question, set(keys)).values_list("pk", flat=True))
    _prefill_members(list(automations.values()), people)
    _prefill_grants(held.values(), automations)
    reviewers.load_parties(held.values())
    of_item: dict[int, list[Question]] = {pk: [] for pk in items}
    for question in Question.objects.filter(among(items, "item")).order_by("pk"):
        question.item = items[question.item_id]
        of_item[question.item_id].append(question)
    _prefill_answers([question for questions in of_item.values() for question in questions])
    for item in items.values():
        if item.grant_id is not None:
            item.grant = held[item.grant_id]
        _prefill(item, "questions", Question.objects.all(), of_item[item.pk])
    return {question.pk: question for questions in of_item.values() for question in questions if question.pk in locked}


def _locked_rows(model: type[M], keys: Collection[int]) -> QuerySet[M]:
    """Lock rows in the order of their keys, against changes but not against new foreign keys to them."""
    rows = model._base_manager.select_for_update(of=("self",), no_key=True)
    return rows.filter(among(keys)).order_by("pk")


def _load_locked(model: type[M], keys: Collection[int], *related: str) -> dict[int, M]:
    rows = _locked_rows(model, keys)
    return {row.pk: row for row in (rows.select_related(*related) if related else rows)}


def _prefill_answers(questions: Sequence[Question]) -> None:
    """Prefetch the answers of questions. Django's own prefetch queries again for each question without answers."""
    answers_by_key: dict[int, list[Answer]] = {}
    by_key = {question.pk: question for question in questions}
    for answer_row in Answer.objects.filter(among(by_key, "question")).order_by("pk"):
        answer_row.question = by_key[answer_row.question_id]
        answers_by_key.setdefault(answer_row.question_id, []).append(answer_row)
    for question in questions:
        _prefill(question, "answers", Answer.objects.all(), answers_by_key.get(question.pk, []))


def _prefill(row: Model, name: str, rows: QuerySet[M], known_rows: list[M]) -> None:
    """Fill the prefetch cache of a relation with these rows."""
    rows._result_cache = known_rows
    row.__dict__.setdefault("_prefetched_objects_cache", {})[name] = rows


def _prefill_grants(held: Collection[Grant], automations: Mapping[int, Automation]) -> None:
    """Load approvals, entitlements, credentials and predecessors of grants; each row once."""
    usage.grants_with_predecessors(held)
    entitlements = Entitlement.objects.select_related("resource").in_bulk(
        {grant.entitlement_id for grant in held} - {None}
    )
    credentials = Credential.objects.in_bulk({grant.credential_id for grant in held} - {None})
    approvals = Approval.objects.filter(among({grant.approval_id for grant in held}))
    terms = {approval.pk: approval for approval in approvals.only("term_days", "granted_term_days")}
    for grant in held:
        grant.automation, grant.approval = automations[grant.automation_id], terms[grant.approval_id]
        grant.entitlement = entitlements[grant.entitlement_id] if grant.entitlement_id is not None else None
        grant.credential = credentials[grant.credential_id] if grant.credential_id is not None else None


def _prefill_members(automations: Sequence[Automation], people: Collection[int]) -> None:
    """Load which people are members of the automations' teams. One query; all rows of a team share the result."""
    teams = {automation.team_id: automation.team for automation in automations}
    members = set(Membership.objects.filter(person__in=people, team__in=list(teams)).values_list("team", "person"))
    members_by_team = {pk: {person: (pk, person) in members for person in people} for pk in teams}
    for automation in automations:
        automation.team.__dict__["_known_members"] = members_by_team[automation.team_id]
