"""Who is asked: seats, who may fill each, who was skipped and why (A8, A9, T3). Who stands on a ladder: `escalation_chain`; whether
enough people exist: `matching`; whose turn it is then: `next_approver`.

A *route* is read once for a submission and answers for all its records, so that a page of twelve privileges costs as many
queries as one of two. Nobody is asked through here to decide; it says who could.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from approvals.assignment.escalation_chain import Bench, Rung, ladder, resource_of
from approvals.assignment.matching import Question, after, question_name
from approvals.assignment.next_approver import Beside, Judge, Late, Skipped, turn, with_deputy
from approvals.assignment.queries import Rows, Undecided, complete, is_retracted
from approvals.conflicts.check import remaining_conflicts
from approvals.conflicts.check.automation import Found
from approvals.models import (
    Approval,
    ApprovalState,
    Decision,
    DecisionOutcome,
    DecisionPerson,
    Seat,
    SeatLabel,
    Submission,
)
from approvals.models.conflict import Mode
from approvals.policies import queries as policy_queries
from approvals.prior_decisions import queries as prior_decision_queries
from approvals.prior_decisions import stopped_grants
from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.models import Person
from governance.core.roles.roles import Relation


@dataclass(frozen=True)
class SeatStanding:
    """How one seat stands: who filled it, or who may fill it now, who of them is asked beside the first, and who was skipped."""

    label: str
    decision: Decision | None
    basis: str
    may_decide: tuple[Person, ...]
    skipped: tuple[Skipped, ...]
    beside: Beside | None = None
    late: Late | None = None

    @property
    def is_filled(self) -> bool:
        """Whether somebody has approved in this seat in this round."""
        return self.decision is not None

    @property
    def on_time(self) -> tuple[Person, ...]:
        """Whoever may fill it without half of the time being gone."""
        late = self.late.people if self.late is not None else ()
        return tuple(person for person in self.may_decide if person not in late)

    @property
    def asked(self) -> tuple[tuple[str, tuple[Person, ...]], ...]:
        """Whoever may fill it, each on what basis: the first rung, those beside it, and whom half of the time adds."""
        first = self.beside.first if self.beside is not None else self.on_time
        more = [(one.basis, one.people) for one in (self.beside, self.late) if one is not None]
        return (self.basis, first), *more

    def basis_of(self, person: Person) -> str:
        """On what basis somebody may fill it."""
        return next((basis for basis, people in self.asked if person in people), self.basis)


@dataclass
class Route:
    """Everything that routing one submission needs, read once."""

    submission: Submission
    now: datetime
    bench: Bench
    parties: dict[int, str]
    app_deciders: frozenset[int]
    stage_people: dict[int, frozenset[int]]
    decisions: dict[int, list[Decision]]
    delegates: dict[int, list[Person]]
    undecided: Undecided
    #: What was said last, in each seat, about the same as a record asks, by record: an earlier rejection or withdrawal (A15).
    before: dict[int, tuple[Decision, ...]] = field(default_factory=dict)
    #: Decisions that carried over to a record, and the round in which they count there: decision to record and round (A14).
    carried: dict[int, tuple[int, int]] = field(default_factory=dict)
    #: Decisions that were taken back, by record: they count for nothing and use up whoever made them (S2).
    retracted: dict[int, list[Decision]] = field(default_factory=dict)
    _seats: dict[int, tuple[Seat, ...]] = field(default_factory=dict)
    _relations: dict[int, frozenset[Relation]] = field(default_factory=dict)
    _stopped: dict[str, frozenset[int]] | None = None
    #: What follows from the decisions, until there is one more: by record how it stands, and stage 2 as questions.
    _standing: dict[tuple[int, int], list[SeatStanding]] = field(default_factory=dict)
    _second: list[Question] | None = None

    @classmethod
    def load(cls, submission: Submission, now: datetime, bench: Bench | None = None) -> Route:
        """Read parties, decisions, delegations and the bench of one submission: see `load_all`."""
        return cls.load_all([submission], now, bench)[submission.pk]

    @classmethod
    def load_all(cls, submissions: Sequence[Submission], now: datetime, bench: Bench | None = None) -> dict[int, Route]:
        """Read parties, decisions, delegations and the bench: a fixed number of queries, however many submissions there are.

        Args:
            submissions: whose routes they are; records are not read again where they were prefetched.
            now: business time.
            bench: who stands on every ladder at ``now``, where the caller has read them.

        Returns:
            Each submission's route, by its key.
        """
        rows, bench, undecided = Rows.read(submissions, now), bench or Bench.load(now), Undecided(submissions)
        return {one.pk: cls._of(one, now, bench, rows, undecided) for one in submissions}

    @classmethod
    def _of(cls, submission: Submission, now: datetime, bench: Bench, rows: Rows, undecided: Undecided) -> Route:
        """The route of one submission out of what was read for all of them."""
        stages = rows.stages[submission.pk]
        links = [link for link in rows.links if link.approval_id in stages]
        taken = [(row.approval_id, row) for row in rows.decisions.values() if row.approval_id in stages]
        taken += [(link.approval_id, rows.decisions[link.decision_id]) for link in links]
        decisions: dict[int, list[Decision]] = {}
        retracted: dict[int, list[Decision]] = {}
        stage_people: dict[int, set[int]] = {1: set(), 2: set()}
        app_deciders: set[int] = set()
        for about, row in sorted(taken, key=lambda pair: pair[1].pk):
            who = {row.person_id, *([row.for_person_id] if row.for_person_id else [])}
            (retracted if is_retracted(row) else decisions).setdefault(about, []).append(row)
            stage_people[stages[about]] |= who
            if about == submission.app_approval_id:
                app_deciders |= who
        # `tiers` asks for them of the same object.
        submission.__dict__["_party_ids"] = frozenset(rows.parties[submission.pk])
        return cls(
            submission,
            now,
            bench,
            rows.parties[submission.pk],
            frozenset(app_deciders),
            {stage: frozenset(people) for stage, people in stage_people.items()},
            decisions,
            rows.delegates,
            undecided,
            rows.before(submission),
            {link.decision_id: (link.approval_id, link.round) for link in links},
            retracted,
        )

    def note(self, decision: Decision) -> None:
        """Count a decision that was taken just now."""
        approval = decision.approval
        who = frozenset(person for person in (decision.person_id, decision.for_person_id) if person)
        self.decisions.setdefault(approval.pk, []).append(decision)
        self._standing.clear()
        self._second = None
        self.stage_people[approval.stage] |= who
        if approval.pk == self.submission.app_approval_id:
            self.app_deciders |= who

    def take_back(self, decision: Decision) -> None:
        """Count a decision no more that was taken back just now."""
        self.decisions[decision.approval_id].remove(decision)
        self.retracted.setdefault(decision.approval_id, []).append(decision)
        self._standing.clear()
        self._second = None

    def add_seat(self, seat: Seat) -> None:
        """Count a seat that a record was given just now, by somebody's decision (S6)."""
        approval = seat.approval
        self._seats[approval.pk] = (*self.seats(approval), seat)
        self._standing.clear()
        self._second = None

    def taken_back_by(self, person: Person, approval: Approval) -> int:
        """How many decisions a person has taken back in the present round of a record."""
        found = self.retracted.get(approval.pk, ())
        return sum((one.person_id, one.round) == (person.pk, approval.round) for one in found)

    def barred(self) -> list[int]:
        """Ids of everybody who may approve nothing in this submission: its parties (S1)."""
        return sorted(self.parties)

    def conflict(self, person: Person, approval: Approval) -> tuple[str, str] | None:
        """Code and words of the duty that keeps a person from deciding a record, or None."""
        if person.pk in self.parties:
            capacity = self.parties[person.pk].lower()
            code = "SOD-3" if self._answers_for(person, approval) else "SOD-1"
            return code, f"{person.name} is a party to this submission ({capacity})"
        if approval.stage == 2 and (person.pk in self.app_deciders or person.pk in self.stage_people[1]):
            return "SOD-2", f"{person.name} decided the app in stage 1"
        if approval.stage == 1 and person.pk in self.stage_people[2]:
            return "SOD-2", f"{person.name} decided a privilege in stage 2"
        if person.pk in self.who_stopped(approval):
            return "G5", f"{person.name} stopped what this would bring back"
        return None

    def who_stopped(self, approval: Approval) -> frozenset[int]:
        """Ids of who stopped what a record asks again; read only for records with a seat more than the policy asks (G5)."""
        seats = self.seats(approval)
        if approval.stage == 1 or len(seats) < 2:
            return frozenset()
        if len(seats) <= len(policy_queries.of(self.submission.policy).seats(approval.kind, approval.tier)):
            return frozenset()
        if self._stopped is None:
            self._stopped = stopped_grants.stopped(self.submission.automation)
        return self._stopped.get(approval.matter, frozenset())

    def seats(self, approval: Approval) -> tuple[Seat, ...]:
        """The seats of a record, read once: none is taken away, and that of a conflict which is gone by a refusal asks nobody (S6)."""
        if approval.pk not in self._seats:
            seats = tuple(approval.seats.all())
            is_void = any(one.label == SeatLabel.CONFLICT for one in seats) and self._is_left_alone(approval)
            self._seats[approval.pk] = tuple(one for one in seats if not (is_void and one.label == SeatLabel.CONFLICT))
        return self._seats[approval.pk]

    def _is_left_alone(self, approval: Approval) -> bool:
        """Whether something that a conflict put a seat on was refused, and nothing that takes an extra approval is left of its conflicts."""
        beside = Seat.objects.filter(approval__submission=self.submission, label=SeatLabel.CONFLICT)
        refused = beside.filter(approval__state__in=(ApprovalState.REJECTED, ApprovalState.EXPIRED))
        if not refused.exclude(approval=approval).exists():
            return False
        return not any(self._takes_one(found) for found in remaining_conflicts.of_record(approval, self.now))

    def _takes_one(self, found: Found) -> bool:
        """Whether a conflict takes an extra approval in this submission, given or not."""
        is_signed_here = found.signature is not None and found.signature.submission_id == self.submission.pk
        return found.mode == Mode.APPROVAL or is_signed_here

    def _answers_for(self, person: Person, approval: Approval) -> bool:
        resource = resource_of(approval)
        if resource is None:
            return False
        return person.pk in (resource.owner_id, resource.deputy_id) or person == resource.interim_owner(self.now)

    def own_decisions(self, approval: Approval) -> list[Decision]:
        """What was decided about a record in its present round, or carried over into it (A14)."""
        here = approval.pk, approval.round
        return [
            d for d in self.decisions.get(approval.pk, ()) if self.carried.get(d.pk, (d.approval_id, d.round)) == here
        ]

    def ladder_of(self, approval: Approval, label: str) -> list[Rung]:
        """The rungs of one seat of one record: who spoke in it before is asked first, in the capacity they spoke in (A15)."""
        first = prior_decision_queries.said_in(label, self.before.get(approval.pk, ()))
        since = self.submission.submitted_at
        on = resource_of(approval)
        return ladder(label, self.submission.automation, on, self.bench, first=first, since=since)

    def standing(self, approval: Approval) -> list[SeatStanding]:
        """Every seat of a record: filled by whom, or to be filled by whom, and who was skipped and why (A9)."""
        known = self._standing.get((approval.pk, approval.round))
        if known is None:
            approved = [d for d in self.own_decisions(approval) if d.outcome == DecisionOutcome.APPROVE]
            used = {person for d in approved for person in (d.person_id, d.for_person_id) if person}
            filled = {d.seat.label: d for d in approved}
            known = [self._seat(approval, seat.label, filled.get(seat.label), used) for seat in self.seats(approval)]
            self._standing[approval.pk, approval.round] = known
        return known

    def _seat(self, approval: Approval, label: str, decision: Decision | None, used: set[int]) -> SeatStanding:
        if decision is not None:
            return SeatStanding(label, decision, "", (), ())
        question = self.question(approval)
        judge = Judge(
            lambda person: self._why_skipped(person, approval, used),
            lambda person: question.needs(label, person),
            lambda person: after(question, label, [person], self._others(approval)),
            lambda person, said: f"{person.name} {said}",
        )
        rungs = self.ladder_of(approval, label)
        found = turn(rungs, judge)
        if approval.is_half_gone(self.now):
            found = with_deputy(found, rungs, judge)
        return SeatStanding(label, None, found.basis, found.people, found.skipped, found.beside, found.late)

    def question(self, approval: Approval) -> Question:
        """A record as a question: its open seats, each with everybody on its ladder who could fill it (A9)."""
        return Question(question_name(approval), approval.stage, self.left_for(approval))

    def questions(self, approvals: Iterable[Approval]) -> list[Question]:
        """The undecided of some records of the submission as questions."""
        return [self.question(approval) for approval in approvals if not approval.has_ended]

    def _others(self, approval: Approval) -> list[Question]:
        """What whoever decides a record decides nothing of: for stage 1 all of stage 2 (S2)."""
        if approval.stage != 1:
            return []
        if self._second is None:
            self._second = self.questions(self.undecided.of(self.submission))
        return self._second

    def seat_for(self, approval: Approval, actor: Actor) -> SeatStanding | None:
        """The open seat of a record that an actor would fill: rather one by which nobody is left with nobody to decide (A9)."""
        free = self.seats_open_to(approval, actor)
        question, others = self.question(approval), self._others(approval)
        good = (seat for seat in free if not after(question, seat.label, actor.people, others))
        return next(good, free[0] if free else None)

    def seats_open_to(self, approval: Approval, actor: Actor) -> list[SeatStanding]:
        """The open seats of a record that the capacity in which an actor acts may fill, and not by a role that is ended at once (S8)."""
        who = actor.capacity_of
        asked = [seat for seat in self.standing(approval) if who in seat.may_decide]
        return [one for one in asked if who is None or not self.bench.bars(who, one.label, one.basis_of(who))]

    def seat_to_sign(self, approval: Approval, actor: Actor) -> SeatStanding | None:
        """The open conflict seat of a record, for a person who signed the same conflict on another record (S6).

        The person may be later on the ladder than the first person asked. None if another seat would have no eligible person (A9).
        """
        who, label = actor.capacity_of, SeatLabel.CONFLICT
        seat = next((one for one in self.standing(approval) if one.label == label and not one.is_filled), None)
        if seat is None or who not in dict(self.left_for(approval))[label]:
            return None
        stranded = after(self.question(approval), label, actor.people, self._others(approval))
        return None if stranded or self.bench.bars(who, label, seat.basis_of(who)) else seat

    def would_strand(self, approval: Approval, actor: Actor) -> list[str]:
        """What nobody would be left for if this actor decided a record (A9's warning); a delegate uses up both people (A11)."""
        seat = self.seat_for(approval, actor)
        return after(self.question(approval), seat.label, actor.people, self._others(approval)) if seat else []

    def would_ask(self, approval: Approval, label: str) -> tuple[Person, ...]:
        """The first eligible people for one more seat of a record (A9)."""
        own = self.own_decisions(approval)
        used = {person for d in own for person in (d.person_id, d.for_person_id) if person}
        return self._seat(approval, label, None, used).on_time

    def _why_skipped(self, person: Person, approval: Approval, used: set[int]) -> tuple[str, str] | None:
        if not person.is_here:
            return "A9", f"{person.name} is not here any more"
        if person.pk in used:
            return "A8", f"{person.name} fills another seat of this"
        return self.conflict(person, approval)

    def left_for(self, approval: Approval) -> tuple[tuple[str, tuple[Person, ...]], ...]:
        """The seats of a record that nobody fills yet, each with everybody on its ladder who could (A9)."""
        approved = [d for d in self.own_decisions(approval) if d.outcome == DecisionOutcome.APPROVE]
        used = {person for d in approved for person in (d.person_id, d.for_person_id) if person}
        filled = {d.seat.label for d in approved}
        return tuple(
            (
                seat.label,
                tuple(
                    person
                    for rung in self.ladder_of(approval, seat.label)
                    for person in rung.people
                    if self._why_skipped(person, approval, used) is None
                ),
            )
            for seat in self.seats(approval)
            if seat.label not in filled
        )

    def relations(self, approval: Approval, person: Person, now: datetime) -> frozenset[Relation]:
        """How a person stands to a record: as to its submission, and CANDIDATE when on a ladder of a seat of it."""
        if person.pk not in self._relations:
            self._relations[person.pk] = self.submission.automation.relations(person, now) | (
                {Relation.SUBMITTER} if person.pk == self.submission.submitted_by_id else frozenset()
            )
        found = set(self._relations[person.pk])
        if any(
            person.pk == stander.pk
            for seat in self.seats(approval)
            for rung in self.ladder_of(approval, seat.label)
            for stander in rung.people
        ):
            found.add(Relation.CANDIDATE)
        return frozenset(found)


def app_deciders(app: Approval | None) -> frozenset[int]:
    """Ids of everybody whom the decisions on an app approval use up: taken on it or carried over to it (S2)."""
    if app is None:
        return frozenset()
    counted = Q(decision__approval=app) | Q(decision__carried_to__approval=app)
    return frozenset(DecisionPerson.objects.filter(counted).values_list("person_id", flat=True))


def route_of(approval: Approval, now: datetime | None = None) -> Route:
    """The route of a record's submission, read once for the submission object that the record hangs on."""
    complete(approval)
    submission = approval.submission
    known = submission.__dict__.get("_route")
    if not isinstance(known, Route) or (now is not None and known.now != now):
        known = Route.load(submission, now or business_time.now())
        submission.__dict__["_route"] = known
    return known


def approval_relations(approval: Approval, person: Person, now: datetime) -> frozenset[Relation]:
    """Return how a person stands to an approval: CANDIDATE if they are on the escalation chain of one of its seats (A9)."""
    return route_of(approval, now).relations(approval, person, now)
