"""Many answers at once: those that keep a grant are written by a few statements for all of them (R7, G2).

One that takes something away, passes a question on or is about an automation has more to do, and is done alone; so is whatever is not as it
mostly is. What comes of it is the same either way.
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
    UNSEEN,
    answer,
    answer_of,
    answer_refusal,
    changed_refusal,
)
from governance.recertification.items.transitions.settle import kept_until, settle
from governance.recertification.models import Answer, AnswerKind, Draft, Item, ItemOutcome, ItemState, Question
from inventory.models import Automation, Credential, Entitlement

M = TypeVar("M", bound=Model)


def answer_all(calls: Sequence[Call[Question]], *, now: datetime) -> list[Call[Question]]:
    """Perform those answers that can be given together; returns those that are left, each to be given alone.

    Raises:
        DatabaseError: the database refuses some of them; none was given.
    """
    first: dict[int, Call[Question]] = {}
    for call in calls:  # the two questions of an item are for two people, and one of them comes first
        first.setdefault(call.subject.item_id, call)
    asked = set(map(id, first.values()))
    people = {person.pk for call in calls for person in call.actor.people}

    def locked(keys: Collection[int]) -> Mapping[int, Question]:
        return _locked(keys, people)

    left = bulk_transition.perform(
        answer, list(first.values()), now=now, locked=locked, fits=partial(_fits, now=now), body=_body
    )
    undone = set(map(id, left))
    return [call for call in calls if id(call) in undone or id(call) not in asked]


def _fits(question: Question, params: Mapping[str, Any], *, now: datetime) -> bool:
    """Whether it keeps a grant that is in force, nothing is to be put back for it, and nobody has said anything but *keep* about it."""
    item = question.item
    others = [one.latest_answer for one in item.questions.all() if one.pk != question.pk]
    if any(said is not None and said.answer != AnswerKind.KEEP for said in others):
        return False
    if params["answer"] != AnswerKind.KEEP or item.grant is None or item.suspended_at is not None:
        return False
    if reviewers.missing(item):
        return False  # it is put to somebody first (S4)
    no = answer_refusal(question, AnswerKind.KEEP) or changed_refusal(item, params.get("seen", UNSEEN))
    return no is None and transition_renewal.can(item.grant, now)


def _body(steps: Sequence[Step[Question]], params: Sequence[Mapping[str, Any]]) -> None:
    """What `answer.answer` does and causes, for each of them."""
    said = [answer_of(step, **given) for step, given in zip(steps, params, strict=True)]
    bulk_insert.insert(said)
    bulk_transition.change(steps, answered_at=steps[0].now, remind_at=None)
    Draft.objects.filter(among([step.subject.pk for step in steps], "question")).delete()
    settled = _settled(steps, said)
    for step, given in zip(steps, said, strict=True):
        if step.subject.pk in settled:
            settled[step.subject.pk].tell()
        about = {"asks": step.subject.asks, "answer": given.answer, "answer_id": given.pk, "batch": str(given.batch)}
        bulk_transition.record(step, about)
        bulk_transition.follow(step)


@dataclass(frozen=True)
class _Settled:
    """An item that closes, its grant kept."""

    step: Step[Item]
    was: str
    renewed: transition_renewal.Renewed

    def tell(self) -> None:
        self.renewed.tell()
        facts = {"outcome": ItemOutcome.KEPT, "until": ledger_events.instant(self.renewed.renewal.ends_at)}
        bulk_transition.record(self.step, {**facts, "from": self.was, "to": ItemState.CLOSED})
        bulk_transition.follow(self.step)


def _settled(steps: Sequence[Step[Question]], said: Sequence[Answer]) -> dict[int, _Settled]:
    """Close the items of which all questions are answered by now, and renew their grants; by the question that was last."""
    found: list[tuple[int, Step[Item], transition_renewal.Renewal]] = []
    for step, given in zip(steps, said, strict=True):
        item, answers = step.subject.item, _all_said(step.subject, given)
        if answers is not None and item.grant is not None:
            keys, until = [one.pk for one in answers], kept_until(item.grant, answers, step.now)
            inner = bulk_transition.inside(step, item, settle.event)
            found.append((step.subject.pk, inner, transition_renewal.Renewal(step, item.grant, keys, until)))
    was = [inner.subject.state for _, inner, _ in found]
    now = steps[0].now
    closed = {"outcome": ItemOutcome.KEPT, "closed_at": now, "closes_at": None, "nobody": False}
    bulk_transition.change([inner for _, inner, _ in found], to=ItemState.CLOSED, **closed)
    renewed = transition_renewal.write([renewal for *_, renewal in found])
    return {
        key: _Settled(inner, before, made) for (key, inner, _), before, made in zip(found, was, renewed, strict=True)
    }


def _all_said(question: Question, given: Answer) -> list[Answer] | None:
    """The answers that count once this one was given, in the order of the questions; None while one is missing."""
    said = [given if one.pk == question.pk else one.latest_answer for one in question.item.questions.all()]
    return [one for one in said if one is not None] if None not in said else None


def _locked(keys: Collection[int], people: Collection[int]) -> Mapping[int, Question]:
    """The questions under their locks, outermost first, with all that is asked of them; a fixed number of statements.

    Args:
        keys: of the questions.
        people: ids of whoever answers: of which teams they are is read too.
    """
    about = Item.objects.filter(among(keys, "questions"), grant__isnull=False)
    named = list(about.order_by().values_list("pk", "grant", "grant__automation"))
    automations = _read(Automation, {row[2] for row in named}, "team", "interim__person", "business_owner")
    held = _read(Grant, {row[1] for row in named})
    items = _read(Item, {row[0] for row in named})
    locked = set(_locking(Question, set(keys)).values_list("pk", flat=True))
    _know_members(list(automations.values()), people)
    _know_grants(held.values(), automations)
    reviewers.know_parties(held.values())
    of_item: dict[int, list[Question]] = {pk: [] for pk in items}
    for one in Question.objects.filter(among(items, "item")).order_by("pk"):
        one.item = items[one.item_id]
        of_item[one.item_id].append(one)
    _know_answers([one for asked in of_item.values() for one in asked])
    for item in items.values():
        if item.grant_id is not None:
            item.grant = held[item.grant_id]
        _know(item, "questions", Question.objects.all(), of_item[item.pk])
    return {one.pk: one for asked in of_item.values() for one in asked if one.pk in locked}


def _locking(model: type[M], keys: Collection[int]) -> QuerySet[M]:
    """Rows by key, locked in the order of their keys, against whoever changes them and not against whoever names them."""
    rows = model._base_manager.select_for_update(of=("self",), no_key=True)
    return rows.filter(among(keys)).order_by("pk")


def _read(model: type[M], keys: Collection[int], *related: str) -> dict[int, M]:
    rows = _locking(model, keys)
    return {row.pk: row for row in (rows.select_related(*related) if related else rows)}


def _know_answers(questions: Sequence[Question]) -> None:
    """What was said to some questions: Django's own prefetching, but for making a query of each question that had no answer."""
    said: dict[int, list[Answer]] = {}
    by_key = {one.pk: one for one in questions}
    for given in Answer.objects.filter(among(by_key, "question")).order_by("pk"):
        given.question = by_key[given.question_id]
        said.setdefault(given.question_id, []).append(given)
    for one in questions:
        _know(one, "answers", Answer.objects.all(), said.get(one.pk, []))


def _know(row: Model, name: str, rows: QuerySet[M], found: list[M]) -> None:
    """Whoever asks a row for those below it gets these very rows."""
    rows._result_cache = found
    row.__dict__.setdefault("_prefetched_objects_cache", {})[name] = rows


def _know_grants(held: Collection[Grant], automations: Mapping[int, Automation]) -> None:
    """What the grants rest on and are about, each row of it once however many grants name it; those that they renew."""
    usage.chains(held)
    entitlements = Entitlement.objects.select_related("resource").in_bulk({one.entitlement_id for one in held} - {None})
    credentials = Credential.objects.in_bulk({one.credential_id for one in held} - {None})
    rests = Approval.objects.filter(among({one.approval_id for one in held}))
    terms = {one.pk: one for one in rests.only("term_days", "granted_term_days")}
    for grant in held:
        grant.automation, grant.approval = automations[grant.automation_id], terms[grant.approval_id]
        grant.entitlement = entitlements[grant.entitlement_id] if grant.entitlement_id is not None else None
        grant.credential = credentials[grant.credential_id] if grant.credential_id is not None else None


def _know_members(automations: Sequence[Automation], people: Collection[int]) -> None:
    """Which of some people are of which of the teams: one query, and every row of one team says the same."""
    teams = {one.team_id: one.team for one in automations}
    members = set(Membership.objects.filter(person__in=people, team__in=list(teams)).values_list("team", "person"))
    known = {pk: {person: (pk, person) in members for person in people} for pk in teams}
    for one in automations:
        one.team.__dict__["_known_members"] = known[one.team_id]
