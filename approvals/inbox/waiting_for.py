"""Who a submission waits for: the people, the seat of an approval, the start and the deadline (A3, A8, A10, A14). All pages and the API use it.

An unfilled seat waits for a person from the instant they are asked. Several people asked for one seat are alternatives. Each seat needs its own
signature. An approval that was sent back waits for the submitter, from the question on. A partial approval waits for the accepting owner.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from django.db import connection
from django.db.models import OuterRef, Subquery

from approvals.assignment.route import Route
from approvals.models import Approval, ApprovalState, Decision, DecisionOutcome, Submission, SubmissionState
from governance.core.database.grouping import grouped
from governance.core.models import Person

#: Candidates of the open seats of submissions.
OPEN_SEATS = Path(__file__).with_name("open_seats.sql").read_text(encoding="utf-8")
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


#: An approval that was sent back: its key, when, and the deadline of the answer (A14).
SentBack = tuple[int, datetime | None, datetime | None]


def load_waiting(
    submissions: Collection[Submission], now: datetime, *, questions: Iterable[Decision] | None = None
) -> dict[int, list[Waiting]]:
    """Open seats, questions and acceptance of submissions, by key. Two queries; none for no submissions.

    Args:
        submissions: with their submitters, and the owners of their automations.
        now: business time.
        questions: the questions with which approvals were sent back, with these approvals, if loaded: one query less.
    """
    if not submissions:
        return {}
    keys = [submission.pk for submission in submissions]
    seats, sent_back = _open_seats(keys), _load_sent_back(keys) if questions is None else _sent_back(questions)
    return {
        submission.pk: [_acceptance(submission, now)]
        if submission.state == SubmissionState.DECIDED
        else [*seats.get(submission.pk, ()), *_asked_back(submission, sent_back.get(submission.pk, ()), now)]
        for submission in submissions
    }


def waiting_on(route: Route) -> list[Waiting]:
    """Open seats, questions and acceptance of the submission of a route. One query if an approval is open.

    A route drops people excluded later by a duty or the escalation chain. A seat without holders then goes to the next people on the escalation chain (A9).
    """
    submission, now = route.submission, route.now
    if submission.state == SubmissionState.DECIDED:
        return [_acceptance(submission, now)]
    sent_back = [approval for approval in route.facts.approvals if approval.state == ApprovalState.CHANGES_ASKED]
    questions = [(approval.pk, _asked_at(approval, route), approval.builder_due_at) for approval in sent_back]
    return [*_seats_on(route), *_asked_back(submission, questions, now)]


def _acceptance(submission: Submission, now: datetime) -> Waiting:
    """The acceptance of a partial approval by the business owner (A5)."""
    owner, since = submission.automation.accepting(now), submission.decided_at or now
    return _held_by(None, ACCEPTING, owner, since, submission.accept_due_at)


def _open_seats(submissions: Collection[int]) -> dict[int, list[Waiting]]:
    """The open seats of submissions, each with all people asked who may still decide, as far as rows show.

    They are no party, not of the other stage, and have not approved in this round.
    """
    with connection.cursor() as cursor:
        cursor.execute(OPEN_SEATS, {"submissions": list(submissions)})
        rows = cursor.fetchall()
    return grouped(
        (submission, Waiting(approval, label, tuple(Holder(*candidate[5:]) for candidate in candidates), due))
        for (submission, approval, _, label, due), candidates in groupby(rows, key=itemgetter(0, 1, 2, 3, 4))
    )


def _sent_back(questions: Iterable[Decision]) -> dict[int, list[SentBack]]:
    """Approvals with these questions, by submission."""
    ordered = sorted(questions, key=lambda row: (row.approval.stage, row.approval_id))
    asked = ((question.approval, question.at) for question in ordered)
    return grouped((approval.submission_id, (approval.pk, at, approval.builder_due_at)) for approval, at in asked)


def _load_sent_back(submissions: Collection[int]) -> dict[int, list[SentBack]]:
    """Approvals that were sent back, by submission."""
    latest = Decision.objects.standing().filter(approval=OuterRef("pk"), outcome=DecisionOutcome.ASK).order_by("-pk")
    rows = Approval.objects.filter(submission__in=submissions, state=ApprovalState.CHANGES_ASKED)
    rows = rows.annotate(asked_at=Subquery(latest.values("at")[:1])).order_by("stage", "pk")
    columns = rows.values_list("submission", "pk", "asked_at", "builder_due_at")
    return grouped((submission, (pk, asked_at, until)) for submission, pk, asked_at, until in columns)


def _asked_back(submission: Submission, questions: Iterable[SentBack], now: datetime) -> list[Waiting]:
    """The questions to the builder; the business owner answers for a submitter who left."""
    builder = submission.submitted_by
    answering = builder if builder.is_here else submission.automation.accepting(now)
    return [_held_by(pk, BUILDER, answering, asked_at or now, until) for pk, asked_at, until in questions]


def _held_by(record: int | None, seat: str, person: Person, since: datetime, until: datetime | None) -> Waiting:
    return Waiting(record, seat, (Holder(person.pk, person.name, since),), until)


def _seats_on(route: Route) -> list[Waiting]:
    """The open seats of all approvals, with the people asked who may still decide, or else the next on the escalation chain."""
    open_seats = []
    for record in route.facts.approvals:
        for seat in route.standing(record) if record.state == ApprovalState.OPEN else ():
            asked, may = route.facts.candidates[seat.seat.pk], {person.pk: person for person in seat.may_decide}
            since = {pk: max(at, record.opened_at or at) for pk, at in asked.items() if pk in may}
            people = [Holder(pk, may[pk].name, at) for pk, at in (since or dict.fromkeys(may, route.now)).items()]
            if people:
                open_seats.append(Waiting(record.pk, seat.label, tuple(people), record.due_at))
    return open_seats


def _asked_at(approval: Approval, route: Route) -> datetime | None:
    """When an approval was sent back last."""
    decisions = route.decisions.get(approval.pk, ())
    return next((row.at for row in reversed(decisions) if row.outcome == DecisionOutcome.ASK), None)


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
