"""Who a submission waits for: the people, the seat of an approval, the start and the deadline (A3, A8, A10, A14). All pages and the API use it.

An unfilled seat waits for a person from the instant they are asked. Several people asked for one seat are alternatives. Each seat needs its own
signature. An approval that was sent back waits for the submitter, from the question on. A partial approval waits for the accepting owner.
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
from governance.core.models import Person

#: Labels that are no seat: the answer to a question, and the acceptance of a partial approval (A5, A14).
BUILDER, ACCEPTING = "builder", "accepting"


@dataclass(frozen=True)
class Holder:
    """A person who has to act, and the instant at which they were asked."""

    pk: int
    name: str
    since: datetime


@dataclass(frozen=True)
class Waiting:
    """One open seat, question or acceptance, and the people who can end it.

    Args:
        approval: key of the approval; None if all are decided and a partial approval has to be accepted.
        seat: label of the seat, or `BUILDER` or `ACCEPTING`.
        people: alternatives, in the order in which they were asked.
        until: the deadline.
        count: number of seats and questions that are counted together.
    """

    approval: int | None
    seat: str
    people: tuple[Holder, ...]
    until: datetime | None
    count: int = 1

    @property
    def names(self) -> str:
        """Names of the alternatives in words."""
        return join_with_or([holder.name for holder in self.people])


def join_with_or(names: Sequence[str], most: int = 3) -> str:
    """Join alternatives with "or". Over ``most``, the last ones become "n others"."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} others"]
    return " or ".join(names)


def with_waiting(submissions: SubmissionQuerySet) -> SubmissionQuerySet:
    """Load the rows that `load_waiting` needs, in the same query for any number of approvals."""
    return submissions.annotate(
        seats_open=_seats(),
        sent_back=_questions(),
    )


def _seats() -> ArraySubquery:
    """Candidates of open seats who may still decide, as far as rows show: no party, not of the other stage, and no approval in this round."""
    record = "seat__approval"
    candidates = Candidate.objects.filter(
        person__is_active=True,
        person__left_at=None,
        **{f"{record}__submission": OuterRef("pk"), f"{record}__state": ApprovalState.OPEN},
    )
    # Decisions and carried decisions are two conditions: each uses an index by approval, and one condition with "or" uses none.
    same_round = {"approval": OuterRef(record), "round": OuterRef(f"{record}__round")}
    approved = Decision.objects.standing().filter(_uses_up(""), **same_round, outcome=DecisionOutcome.APPROVE)
    unretracted_approval = {"decision__retraction": None, "decision__outcome": DecisionOutcome.APPROVE}
    carried = CarriedDecision.objects.filter(_uses_up("decision__"), **same_round, **unretracted_approval)
    within = {"submission": OuterRef(f"{record}__submission"), "person": OuterRef("person")}
    elsewhere = DecisionPerson.objects.filter(**within).exclude(stage=OuterRef(f"{record}__stage"))
    rests_on = DecisionPerson.objects.filter(
        decision__approval=OuterRef(f"{record}__submission__app_approval"), person=OuterRef("person")
    )
    eligible = (
        candidates.exclude(Exists(approved))
        .exclude(Exists(carried))
        .exclude(Exists(Party.objects.filter(**within)))
        .exclude(Exists(elsewhere))
    )
    eligible = eligible.exclude(Exists(rests_on), **{f"{record}__stage": 2})
    row = JSONObject(
        record=f"{record}_id",
        seat="seat__label",
        pk="person_id",
        name="person__name",
        since=Greatest("at", f"{record}__opened_at"),
        until=f"{record}__due_at",
    )
    ordered = eligible.order_by(f"{record}__stage", f"{record}_id", "seat_id", "order", "pk")
    return ArraySubquery(ordered.values(row=row))


def _uses_up(decision: str) -> Q:
    """Condition: a decision fills the seat, or was made by or for the candidate. ``decision`` is the path to it from the row."""
    seat = Q(**{f"{decision}seat__label": OuterRef("seat__label")})
    return seat | Q(**{f"{decision}person": OuterRef("person")}) | Q(**{f"{decision}for_person": OuterRef("person")})


def _questions() -> ArraySubquery:
    """Approvals that were sent back, and when (A14)."""
    latest = Decision.objects.standing().filter(approval=OuterRef("pk"), outcome=DecisionOutcome.ASK).order_by("-pk")
    sent_back = Approval.objects.filter(submission=OuterRef("pk"), state=ApprovalState.CHANGES_ASKED)
    sent_back = sent_back.annotate(asked_at=Subquery(latest.values("at")[:1])).order_by("stage", "pk")
    return ArraySubquery(sent_back.values(row=JSONObject(record="pk", since="asked_at", until="builder_due_at")))


def load_waiting(submission: Submission, now: datetime, route: Route | None = None) -> list[Waiting]:
    """Open seats, questions and acceptance of a submission, with their holders.

    Args:
        submission: loaded by `with_waiting`, or it is loaded here.
        now: business time.
        route: the submission's route, if loaded. It drops people excluded later by a duty or the ladder.
            A seat without holders then goes to the next people on the ladder (A9).
    """
    if submission.state == SubmissionState.DECIDED:
        since, until = submission.decided_at or now, submission.accept_due_at
        return [_held_by(None, ACCEPTING, submission.automation.accepting(now), since, until)]
    if not hasattr(submission, "seats_open"):
        row = with_waiting(Submission.objects.filter(pk=submission.pk)).get()
        seats, sent_back = getattr(row, "seats_open"), getattr(row, "sent_back")  # noqa: B009
    else:
        seats, sent_back = submission.seats_open, getattr(submission, "sent_back", [])
    open_seats = _open_seats(seats)
    if route is not None:
        open_seats = _apply_route(open_seats, route)
    builder = submission.submitted_by
    builder = builder if not sent_back or builder.is_here else submission.automation.accepting(now)
    return [
        *open_seats,
        *(
            _held_by(
                question["record"],
                BUILDER,
                builder,
                _parse_instant(question["since"]) or now,
                _parse_instant(question["until"]),
            )
            for question in sent_back
        ),
    ]


def _held_by(record: int | None, seat: str, person: Person, since: datetime, until: datetime | None) -> Waiting:
    return Waiting(record, seat, (Holder(person.pk, person.name, since),), until)


def _parse_instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _open_seats(rows: Iterable[Mapping[str, Any]]) -> list[Waiting]:
    """The open seats, each with all people asked."""
    holders: dict[tuple[int, str], list[Holder]] = {}
    until: dict[int, datetime | None] = {}
    for row in rows:
        since = _parse_instant(row["since"])
        assert since is not None  # a candidate has an instant
        holders.setdefault((row["record"], row["seat"]), []).append(Holder(row["pk"], row["name"], since))
        until[row["record"]] = _parse_instant(row["until"])
    return [Waiting(record, seat, tuple(people), until[record]) for (record, seat), people in holders.items()]


def _apply_route(open_seats: Iterable[Waiting], route: Route) -> list[Waiting]:
    """The open seats of all approvals, with the people asked who may still decide, or else the next on the ladder."""
    named = {(waiting.approval, waiting.seat): waiting.people for waiting in open_seats}
    current_seats = []
    for record in route.facts.approvals:
        for seat in route.standing(record) if record.state == ApprovalState.OPEN else ():
            if seat.is_filled:
                continue
            may = {person.pk: person for person in seat.may_decide}
            people = tuple(holder for holder in named.get((record.pk, seat.label), ()) if holder.pk in may)
            people = people or tuple(Holder(person.pk, person.name, route.now) for person in may.values())
            if people:
                current_seats.append(Waiting(record.pk, seat.label, people, record.due_at))
    return current_seats


def group_by_people(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Count items of the same people together, with the earliest instants. Order: first occurrence."""
    by_people: dict[frozenset[int], Waiting] = {}
    for item in waiting:
        people = frozenset(person.pk for person in item.people)
        earlier = by_people.get(people)
        by_people[people] = item if earlier is None else _joined(earlier, item)
    return list(by_people.values())


def _joined(first: Waiting, second: Waiting) -> Waiting:
    since = {holder.pk: holder.since for holder in second.people}
    people = tuple(Holder(holder.pk, holder.name, min(holder.since, since[holder.pk])) for holder in first.people)
    until = min((at for at in (first.until, second.until) if at is not None), default=None)
    return Waiting(first.approval, first.seat, people, until, first.count + second.count)
