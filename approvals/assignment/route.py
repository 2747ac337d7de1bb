"""The route of a submission: its seats, the people who may fill each, and the skipped people with reasons (A8, A9, T3).

A route is read once per submission and answers for all its approvals, with a fixed number of queries. It asks nobody.
Related: `escalation_chain` (people of a seat in order), `matching` (enough people), `next_approver` (the choice).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from approvals.assignment.escalation_chain import Bench, Rung, escalation_chain, resource_of
from approvals.assignment.matching import Question, question_name, shortage_after
from approvals.assignment.next_approver import Backup, Eligibility, LateDeputy, Skipped, next_approvers, with_deputy
from approvals.assignment.queries import RouteRows, Undecided, is_retracted, load_route_relations
from approvals.conflicts.check import remaining_conflicts
from approvals.conflicts.check.automation import FoundConflict
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
class SeatState:
    """State of one seat: its decision, or the people who may fill it now, and the skipped people."""

    label: str
    decision: Decision | None
    basis: str
    may_decide: tuple[Person, ...]
    skipped: tuple[Skipped, ...]
    beside: Backup | None = None
    late: LateDeputy | None = None

    @property
    def is_filled(self) -> bool:
        """Whether a person has approved in this seat in this round."""
        return self.decision is not None

    @property
    def on_time(self) -> tuple[Person, ...]:
        """People who may fill the seat before half of the time is over."""
        late = self.late.people if self.late is not None else ()
        return tuple(person for person in self.may_decide if person not in late)

    @property
    def asked(self) -> tuple[tuple[str, tuple[Person, ...]], ...]:
        """People who may fill the seat by basis: the first rung, the backup, and the deputy at half of the time."""
        first = self.beside.first if self.beside is not None else self.on_time
        more = [(extra.basis, extra.people) for extra in (self.beside, self.late) if extra is not None]
        return (self.basis, first), *more

    def basis_of(self, person: Person) -> str:
        """Return the basis on which a person may fill the seat."""
        return next((basis for basis, people in self.asked if person in people), self.basis)


@dataclass
class Route:
    """The data that routing one submission needs, read once."""

    submission: Submission
    now: datetime
    bench: Bench
    parties: dict[int, str]
    app_deciders: frozenset[int]
    stage_people: dict[int, frozenset[int]]
    decisions: dict[int, list[Decision]]
    delegates: dict[int, list[Person]]
    undecided: Undecided
    #: Earlier decisions about the same question, the last of each seat, by approval: a rejection or withdrawal (A15).
    before: dict[int, tuple[Decision, ...]] = field(default_factory=dict)
    #: Decisions that carried over: decision id to approval id and the round in which they count (A14).
    carried: dict[int, tuple[int, int]] = field(default_factory=dict)
    #: Retracted decisions by approval. They do not count but still bar their maker from the other stage (S2).
    retracted: dict[int, list[Decision]] = field(default_factory=dict)
    _seats: dict[int, tuple[Seat, ...]] = field(default_factory=dict)
    _relations: dict[int, frozenset[Relation]] = field(default_factory=dict)
    _stopped: dict[str, frozenset[int]] | None = None
    #: Computed from the decisions until a decision is added: seats by approval, and stage 2 as questions.
    _standing: dict[tuple[int, int], list[SeatState]] = field(default_factory=dict)
    _second: list[Question] | None = None

    @classmethod
    def load(cls, submission: Submission, now: datetime, bench: Bench | None = None) -> Route:
        """Read parties, decisions, delegations and the bench of one submission: see `load_all`."""
        return cls.load_all([submission], now, bench)[submission.pk]

    @classmethod
    def load_all(cls, submissions: Sequence[Submission], now: datetime, bench: Bench | None = None) -> dict[int, Route]:
        """Read parties, decisions, delegations and the bench of any number of submissions in a fixed number of queries.

        Args:
            submissions: prefetched approvals are not read again.
            now: business time.
            bench: the bench at ``now``, if the caller has read it.

        Returns:
            Routes by submission id.
        """
        rows, bench, undecided = RouteRows.read(submissions, now), bench or Bench.load(now), Undecided(submissions)
        return {submission.pk: cls._of(submission, now, bench, rows, undecided) for submission in submissions}

    @classmethod
    def _of(cls, submission: Submission, now: datetime, bench: Bench, rows: RouteRows, undecided: Undecided) -> Route:
        """Build the route of one submission from the rows of all."""
        stages = rows.stages[submission.pk]
        links = [link for link in rows.links if link.approval_id in stages]
        decision_rows = [(row.approval_id, row) for row in rows.decisions.values() if row.approval_id in stages]
        decision_rows += [(link.approval_id, rows.decisions[link.decision_id]) for link in links]
        decisions: dict[int, list[Decision]] = {}
        retracted: dict[int, list[Decision]] = {}
        stage_people: dict[int, set[int]] = {1: set(), 2: set()}
        app_deciders: set[int] = set()
        for approval_id, row in sorted(decision_rows, key=lambda pair: pair[1].pk):
            person_ids = {row.person_id, *([row.for_person_id] if row.for_person_id else [])}
            (retracted if is_retracted(row) else decisions).setdefault(approval_id, []).append(row)
            stage_people[stages[approval_id]] |= person_ids
            if approval_id == submission.app_approval_id:
                app_deciders |= person_ids
        # `tiers` reads this attribute of the same object.
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
        """Count a decision made just now."""
        approval = decision.approval
        person_ids = frozenset(person for person in (decision.person_id, decision.for_person_id) if person)
        self.decisions.setdefault(approval.pk, []).append(decision)
        self._standing.clear()
        self._second = None
        self.stage_people[approval.stage] |= person_ids
        if approval.pk == self.submission.app_approval_id:
            self.app_deciders |= person_ids

    def take_back(self, decision: Decision) -> None:
        """Stop counting a decision retracted just now."""
        self.decisions[decision.approval_id].remove(decision)
        self.retracted.setdefault(decision.approval_id, []).append(decision)
        self._standing.clear()
        self._second = None

    def add_seat(self, seat: Seat) -> None:
        """Count a seat added to an approval just now by a decision (S6)."""
        approval = seat.approval
        self._seats[approval.pk] = (*self.seats(approval), seat)
        self._standing.clear()
        self._second = None

    def taken_back_by(self, person: Person, approval: Approval) -> int:
        """Return how many decisions a person retracted in the current round of an approval."""
        retracted = self.retracted.get(approval.pk, ())
        return sum((decision.person_id, decision.round) == (person.pk, approval.round) for decision in retracted)

    def barred(self) -> list[int]:
        """Return the ids of the parties, who can't approve anything in this submission (S1)."""
        return sorted(self.parties)

    def conflict(self, person: Person, approval: Approval) -> tuple[str, str] | None:
        """Return code and text of the duty that bars a person from deciding an approval, or None."""
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
        """Return the ids of people who stopped the grant that an approval asks for again (G5).

        Read only for approvals with more seats than the policy asks for.
        """
        seats = self.seats(approval)
        if approval.stage == 1 or len(seats) < 2:
            return frozenset()
        if len(seats) <= len(policy_queries.policy_of(self.submission.policy).seats(approval.kind, approval.tier)):
            return frozenset()
        if self._stopped is None:
            self._stopped = stopped_grants.stoppers_by_matter(self.submission.automation)
        return self._stopped.get(approval.matter, frozenset())

    def seats(self, approval: Approval) -> tuple[Seat, ...]:
        """Return the seats of an approval, read once.

        A conflict seat is left out once a refusal resolved the conflict (S6).
        """
        if approval.pk not in self._seats:
            seats = tuple(approval.seats.all())
            is_void = any(seat.label == SeatLabel.CONFLICT for seat in seats) and self._is_left_alone(approval)
            self._seats[approval.pk] = tuple(
                seat for seat in seats if not (is_void and seat.label == SeatLabel.CONFLICT)
            )
        return self._seats[approval.pk]

    def _is_left_alone(self, approval: Approval) -> bool:
        """Return whether a refusal resolved all conflicts of the approval that need an extra approval."""
        conflict_seats = Seat.objects.filter(approval__submission=self.submission, label=SeatLabel.CONFLICT)
        refused = conflict_seats.filter(approval__state__in=(ApprovalState.REJECTED, ApprovalState.EXPIRED))
        if not refused.exclude(approval=approval).exists():
            return False
        return not any(
            self._takes_one(conflict) for conflict in remaining_conflicts.remaining_of_approval(approval, self.now)
        )

    def _takes_one(self, conflict: FoundConflict) -> bool:
        """Return whether a conflict needs an extra approval in this submission, given or not."""
        is_signed_here = conflict.signature is not None and conflict.signature.submission_id == self.submission.pk
        return conflict.mode == Mode.APPROVAL or is_signed_here

    def _answers_for(self, person: Person, approval: Approval) -> bool:
        resource = resource_of(approval)
        if resource is None:
            return False
        return person.pk in (resource.owner_id, resource.deputy_id) or person == resource.interim_owner(self.now)

    def own_decisions(self, approval: Approval) -> list[Decision]:
        """Return the decisions on an approval in its current round, including carried-over ones (A14)."""
        current = approval.pk, approval.round
        return [
            d
            for d in self.decisions.get(approval.pk, ())
            if self.carried.get(d.pk, (d.approval_id, d.round)) == current
        ]

    def ladder_of(self, approval: Approval, label: str) -> list[Rung]:
        """Return the escalation chain of a seat.

        An earlier decider in the seat comes first, in the same capacity (A15).
        """
        first = prior_decision_queries.decider_in_seat(label, self.before.get(approval.pk, ()))
        since = self.submission.submitted_at
        resource = resource_of(approval)
        return escalation_chain(label, self.submission.automation, resource, self.bench, first=first, since=since)

    def standing(self, approval: Approval) -> list[SeatState]:
        """Return the state of each seat of an approval (A9)."""
        standings = self._standing.get((approval.pk, approval.round))
        if standings is None:
            approved = [d for d in self.own_decisions(approval) if d.outcome == DecisionOutcome.APPROVE]
            used = {person for d in approved for person in (d.person_id, d.for_person_id) if person}
            filled = {d.seat.label: d for d in approved}
            standings = [
                self._seat(approval, seat.label, filled.get(seat.label), used) for seat in self.seats(approval)
            ]
            self._standing[approval.pk, approval.round] = standings
        return standings

    def _seat(self, approval: Approval, label: str, decision: Decision | None, used: set[int]) -> SeatState:
        if decision is not None:
            return SeatState(label, decision, "", (), ())
        question = self.question(approval)
        judge = Eligibility(
            lambda person: self._why_skipped(person, approval, used),
            lambda person: question.needs(label, person),
            lambda person: shortage_after(question, label, [person], self._others(approval)),
            lambda person, predicate: f"{person.name} {predicate}",
        )
        rungs = self.ladder_of(approval, label)
        next_turn = next_approvers(rungs, judge)
        if approval.is_half_gone(self.now):
            next_turn = with_deputy(next_turn, rungs, judge)
        return SeatState(
            label, None, next_turn.basis, next_turn.people, next_turn.skipped, next_turn.beside, next_turn.late
        )

    def question(self, approval: Approval) -> Question:
        """Return an approval as a question: its open seats with all eligible people on their escalation chains (A9)."""
        return Question(question_name(approval), approval.stage, self.left_for(approval))

    def questions(self, approvals: Iterable[Approval]) -> list[Question]:
        """Return the undecided approvals among ``approvals`` as questions."""
        return [self.question(approval) for approval in approvals if not approval.has_ended]

    def _others(self, approval: Approval) -> list[Question]:
        """Return the approvals that a decider of this approval can't decide: all of stage 2 for stage 1 (S2)."""
        if approval.stage != 1:
            return []
        if self._second is None:
            self._second = self.questions(self.undecided.of(self.submission))
        return self._second

    def seat_for(self, approval: Approval, actor: Actor) -> SeatState | None:
        """Return the open seat for an actor, preferably one that leaves every other approval an approver (A9)."""
        free = self.seats_open_to(approval, actor)
        question, others = self.question(approval), self._others(approval)
        good = (seat for seat in free if not shortage_after(question, seat.label, actor.people, others))
        return next(good, free[0] if free else None)

    def seats_open_to(self, approval: Approval, actor: Actor) -> list[SeatState]:
        """Return the open seats that an actor may fill in their capacity, but not by a role ended at once (S8)."""
        person = actor.capacity_of
        standings = [seat for seat in self.standing(approval) if person in seat.may_decide]
        return [
            standing
            for standing in standings
            if person is None or not self.bench.bars(person, standing.label, standing.basis_of(person))
        ]

    def seat_to_sign(self, approval: Approval, actor: Actor) -> SeatState | None:
        """Return the open conflict seat for a person who signed the same conflict on another approval (S6).

        The person may be later on the escalation chain than the first person asked. None if another seat would have
        no eligible person (A9).
        """
        person, label = actor.capacity_of, SeatLabel.CONFLICT
        seat = next(
            (standing for standing in self.standing(approval) if standing.label == label and not standing.is_filled),
            None,
        )
        if seat is None or person not in dict(self.left_for(approval))[label]:
            return None
        stranded = shortage_after(self.question(approval), label, actor.people, self._others(approval))
        return None if stranded or self.bench.bars(person, label, seat.basis_of(person)) else seat

    def would_strand(self, approval: Approval, actor: Actor) -> list[str]:
        """Return the approvals left without an eligible person if this actor decides (A9 warning).

        A delegate uses up both people (A11).
        """
        seat = self.seat_for(approval, actor)
        return shortage_after(self.question(approval), seat.label, actor.people, self._others(approval)) if seat else []

    def would_ask(self, approval: Approval, label: str) -> tuple[Person, ...]:
        """Return the first eligible people for one more seat of an approval (A9)."""
        decisions = self.own_decisions(approval)
        used = {person for d in decisions for person in (d.person_id, d.for_person_id) if person}
        return self._seat(approval, label, None, used).on_time

    def _why_skipped(self, person: Person, approval: Approval, used: set[int]) -> tuple[str, str] | None:
        if not person.is_here:
            return "A9", f"{person.name} is not here any more"
        if person.pk in used:
            return "A8", f"{person.name} fills another seat of this"
        return self.conflict(person, approval)

    def left_for(self, approval: Approval) -> tuple[tuple[str, tuple[Person, ...]], ...]:
        """Return the unfilled seats of an approval with all eligible people on their escalation chains (A9)."""
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
        """Return the relations of a person to the submission, and CANDIDATE if on an escalation chain of the approval."""
        if person.pk not in self._relations:
            self._relations[person.pk] = self.submission.automation.relations(person, now) | (
                {Relation.SUBMITTER} if person.pk == self.submission.submitted_by_id else frozenset()
            )
        relations = set(self._relations[person.pk])
        if any(
            person.pk == stander.pk
            for seat in self.seats(approval)
            for rung in self.ladder_of(approval, seat.label)
            for stander in rung.people
        ):
            relations.add(Relation.CANDIDATE)
        return frozenset(relations)


def app_deciders(app: Approval | None) -> frozenset[int]:
    """Return the ids of people who decided the app, there or by a carried decision, and so can't decide stage 2 (S2)."""
    if app is None:
        return frozenset()
    counted = Q(decision__approval=app) | Q(decision__carried_to__approval=app)
    return frozenset(DecisionPerson.objects.filter(counted).values_list("person_id", flat=True))


def route_of(approval: Approval, now: datetime | None = None) -> Route:
    """Return the route of an approval's submission, read once per submission object."""
    load_route_relations(approval)
    submission = approval.submission
    route = submission.__dict__.get("_route")
    if not isinstance(route, Route) or (now is not None and route.now != now):
        route = Route.load(submission, now or business_time.now())
        submission.__dict__["_route"] = route
    return route


def approval_relations(
    approval: Approval, person: Person, now: datetime, _context: object = None
) -> frozenset[Relation]:
    """Return how a person stands to an approval: CANDIDATE if they are on the escalation chain of one of its seats (A9)."""
    return route_of(approval, now).relations(approval, person, now)
