"""Who holds a submission: in which seat of which record, since when and until when (A3, A8, A10, A14). Every page and the API ask here.

Whoever was asked to fill a seat that nobody has filled holds it from then on; who is asked for the same seat is an alternative, and
each seat needs a signature of its own. What was sent back with a question is held by whoever submitted it, from the question on; what
is decided in part by whoever accepts that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models.functions import Greatest, JSONObject

from approvals.assignment.route import Route
from approvals.models import (
    Approval,
    ApprovalState,
    Candidate,
    CarriedDecision,
    Decision,
    DecisionOutcome,
    DecisionPerson,
    Party,
    Submission,
    SubmissionState,
)
from approvals.models.submission import SubmissionQuerySet
from governance.core.database import compiled_queries
from governance.core.models import Person

#: What is no seat of a record: the answer to a question, and the word that a part is enough (A5, A14).
BUILDER, ACCEPTING = "builder", "accepting"


@dataclass(frozen=True)
class Holder:
    """Somebody whose turn it is, since they were asked."""

    pk: int
    name: str
    since: datetime


@dataclass(frozen=True)
class Held:
    """One thing that waits for one of some people.

    Args:
        record: the key of the record; None where all are decided and a part is to be accepted.
        seat: the label of the seat, or `BUILDER` or `ACCEPTING`.
        people: any of whom ends it, in the order in which they were asked.
        until: when their time is over.
        count: how many seats and questions wait like this, where they are counted together.
    """

    record: int | None
    seat: str
    people: tuple[Holder, ...]
    until: datetime | None
    count: int = 1

    @property
    def names(self) -> str:
        """Who they are: any of them will do."""
        return either([one.name for one in self.people])


def either(names: Sequence[str], most: int = 3) -> str:
    """Alternatives in words, none left out in silence."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} others"]
    return " or ".join(names)


def told(submissions: SubmissionQuerySet) -> SubmissionQuerySet:
    """Submissions with what `of` needs of each: read in the same query, however many records they have."""
    return submissions.annotate(
        seats_open=compiled_queries.annotation(Submission, _seats),
        sent_back=compiled_queries.annotation(Submission, _questions),
    )


def _seats() -> ArraySubquery:
    """Who was asked to fill an open seat and still may, as far as rows alone say it: no party, of no other stage, not used up, here."""
    record = "seat__approval"
    asked = Candidate.objects.filter(
        person__is_active=True,
        person__left_at=None,
        **{f"{record}__submission": OuterRef("pk"), f"{record}__state": ApprovalState.OPEN},
    )
    # What was decided here and what was carried here are asked apart: each has an index by record, one question with "or" has none.
    here = {"approval": OuterRef(record), "round": OuterRef(f"{record}__round")}
    approved = Decision.objects.standing().filter(_uses_up(""), **here, outcome=DecisionOutcome.APPROVE)
    kept = {"decision__retraction": None, "decision__outcome": DecisionOutcome.APPROVE}
    carried = CarriedDecision.objects.filter(_uses_up("decision__"), **here, **kept)
    within = {"submission": OuterRef(f"{record}__submission"), "person": OuterRef("person")}
    elsewhere = DecisionPerson.objects.filter(**within).exclude(stage=OuterRef(f"{record}__stage"))
    rests_on = DecisionPerson.objects.filter(
        decision__approval=OuterRef(f"{record}__submission__app_approval"), person=OuterRef("person")
    )
    left = (
        asked.exclude(Exists(approved))
        .exclude(Exists(carried))
        .exclude(Exists(Party.objects.filter(**within)))
        .exclude(Exists(elsewhere))
    )
    left = left.exclude(Exists(rests_on), **{f"{record}__stage": 2})
    said = JSONObject(
        record=f"{record}_id",
        seat="seat__label",
        pk="person_id",
        name="person__name",
        since=Greatest("at", f"{record}__opened_at"),
        until=f"{record}__due_at",
    )
    ordered = left.order_by(f"{record}__stage", f"{record}_id", "seat_id", "order", "pk")
    return ArraySubquery(ordered.values(said=said))


def _uses_up(decision: str) -> Q:
    """That a decision fills the seat, or was the candidate's own word, or given for them; it is reached from the row by ``decision``."""
    seat = Q(**{f"{decision}seat__label": OuterRef("seat__label")})
    return seat | Q(**{f"{decision}person": OuterRef("person")}) | Q(**{f"{decision}for_person": OuterRef("person")})


def _questions() -> ArraySubquery:
    """What was sent back, and when (A14)."""
    last = Decision.objects.standing().filter(approval=OuterRef("pk"), outcome=DecisionOutcome.ASK).order_by("-pk")
    sent = Approval.objects.filter(submission=OuterRef("pk"), state=ApprovalState.CHANGES_ASKED)
    sent = sent.annotate(asked_at=Subquery(last.values("at")[:1])).order_by("stage", "pk")
    return ArraySubquery(sent.values(said=JSONObject(record="pk", since="asked_at", until="builder_due_at")))


def of(submission: Submission, now: datetime, route: Route | None = None) -> list[Held]:
    """What waits in a submission, and for whom.

    Args:
        submission: as `told` read it; else it is read so.
        now: business time.
        route: of the submission, where it was read: whom a duty or the ladder keeps away since they were asked then drops out, and
            whoever is next holds what nobody else does (A9).
    """
    if submission.state == SubmissionState.DECIDED:
        since, until = submission.decided_at or now, submission.accept_due_at
        return [_one(None, ACCEPTING, submission.automation.accepting(now), since, until)]
    if not hasattr(submission, "seats_open"):
        row = told(Submission.objects.filter(pk=submission.pk)).get()
        seats, sent_back = getattr(row, "seats_open"), getattr(row, "sent_back")  # noqa: B009
    else:
        seats, sent_back = submission.seats_open, getattr(submission, "sent_back", [])
    found = _open(seats)
    if route is not None:
        found = _as_it_stands(found, route)
    who = submission.submitted_by
    who = who if not sent_back or who.is_here else submission.automation.accepting(now)
    return [
        *found,
        *(_one(said["record"], BUILDER, who, _at(said["since"]) or now, _at(said["until"])) for said in sent_back),
    ]


def _one(record: int | None, seat: str, person: Person, since: datetime, until: datetime | None) -> Held:
    return Held(record, seat, (Holder(person.pk, person.name, since),), until)


def _at(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None


def _open(rows: Iterable[Mapping[str, Any]]) -> list[Held]:
    """The open seats, each with everybody who was asked for it."""
    found: dict[tuple[int, str], list[Holder]] = {}
    until: dict[int, datetime | None] = {}
    for said in rows:
        since = _at(said["since"])
        assert since is not None  # who is asked is asked at an instant
        found.setdefault((said["record"], said["seat"]), []).append(Holder(said["pk"], said["name"], since))
        until[said["record"]] = _at(said["until"])
    return [Held(record, seat, tuple(people), until[record]) for (record, seat), people in found.items()]


def _as_it_stands(asked: Iterable[Held], route: Route) -> list[Held]:
    """The open seats of all records: of those who were asked whoever may decide now, else whoever is next."""
    named = {(held.record, held.seat): held.people for held in asked}
    found = []
    for record in sorted(route.submission.approvals.all(), key=lambda one: (one.stage, one.pk)):
        for seat in route.standing(record) if record.state == ApprovalState.OPEN else ():
            if seat.is_filled:
                continue
            may = {person.pk: person for person in seat.may_decide}
            people = tuple(one for one in named.get((record.pk, seat.label), ()) if one.pk in may)
            people = people or tuple(Holder(one.pk, one.name, route.now) for one in may.values())
            if people:
                found.append(Held(record.pk, seat.label, people, record.due_at))
    return found


def together(held: Iterable[Held]) -> list[Held]:
    """What waits for the same people counted together, with the earliest instants; in the order in which each comes first."""
    found: dict[frozenset[int], Held] = {}
    for one in held:
        who = frozenset(person.pk for person in one.people)
        known = found.get(who)
        found[who] = one if known is None else _joined(known, one)
    return list(found.values())


def _joined(known: Held, more: Held) -> Held:
    since = {one.pk: one.since for one in more.people}
    people = tuple(Holder(one.pk, one.name, min(one.since, since[one.pk])) for one in known.people)
    until = min((at for at in (known.until, more.until) if at is not None), default=None)
    return Held(known.record, known.seat, people, until, known.count + more.count)
