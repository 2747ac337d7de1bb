"""The route of a submission: its seats, the people who may fill each, and the skipped people with reasons (A8, A9, T3).

A route answers for all approvals of a submission. It asks nobody. Related: `escalation_chain` (people of a seat in
order, and the next approvers), `separation_of_duties` (who is barred), `matching` (enough people), `context` (loads
routes).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from django.db.models import Q

from approvals.assignment import separation_of_duties
from approvals.assignment.escalation_chain import (
    Bench,
    Eligibility,
    Rung,
    escalation_chain,
    next_approvers,
    resource_of,
    with_late_rungs,
)
from approvals.assignment.matching import Question, Seats, question_name, shortage_after
from approvals.assignment.seat_state import SeatState
from approvals.conflicts.check.find_conflicts import FoundConflict
from approvals.conflicts.check.submission import SubmissionConflicts
from approvals.models import Approval, ApprovalState
from approvals.models.approval import CarriedDecision, Decision, DecisionOutcome, Seat, SeatLabel
from approvals.models.conflict_rule import Mode
from approvals.policies.facts import SubmissionFacts
from approvals.prior_decisions.queries import decider_in_seat, in_order, stopped_matters, stoppers_by_matter
from governance.core.access import Actor
from governance.core.models import Person


@dataclass(frozen=True)
class Votes:
    """Decisions about the approvals of several submissions.

    Args:
        decisions: by id, oldest first: decisions on these approvals or carried over to them, and on earlier approvals
            that these ask again.
        retracted: ids of the retracted ones.
        links: which decision carried over to which approval (A14).
    """

    decisions: Mapping[int, Decision]
    retracted: frozenset[int]
    links: Collection[CarriedDecision]

    @classmethod
    def load(cls, facts: Iterable[SubmissionFacts]) -> Votes:
        """Read the decisions in a fixed number of queries. Decisions carry over to approvals with a source only."""
        facts = list(facts)
        own = [approval for of_one in facts for approval in of_one.approvals]
        approvals = {pk for of_one in facts for pk in stages_of(of_one)}
        approvals |= {row.earlier_id for row in own if row.earlier_id is not None}
        return cls.load_for(approvals, approvals - {row.pk for row in own if row.carried_from_id is None})

    @classmethod
    def load_for(cls, approvals: Collection[int], carried_to: Collection[int] | None = None) -> Votes:
        """Read the decisions on some approvals, by id; no query for none.

        Args:
            approvals: ids.
            carried_to: ids of those to which decisions may have carried over; default: all.
        """
        if not approvals:
            return cls({}, frozenset(), ())
        carried_to = approvals if carried_to is None else carried_to
        links = list(CarriedDecision.objects.filter(approval__in=carried_to).order_by()) if carried_to else []
        wanted = Q(approval__in=approvals)
        if links:
            wanted |= Q(pk__in={link.decision_id for link in links})
        related = ("person", "for_person", "seat", "reason", "retraction")
        rows = Decision.objects.filter(wanted).select_related(*related).order_by()
        decisions = {row.pk: row for row in sorted(rows, key=lambda row: row.pk)}
        retracted = frozenset(pk for pk, row in decisions.items() if hasattr(row, "retraction"))
        return cls(decisions, retracted, links)

    def decisions_on(self, approvals: Collection[int]) -> Iterator[tuple[int, Decision]]:
        """Yield the decisions on some approvals or carried over to them, oldest first, each with the approval's id."""
        pairs = [(row.approval_id, row) for row in self.decisions.values()]
        pairs += [(link.approval_id, self.decisions[link.decision_id]) for link in self.links]
        yield from sorted((pair for pair in pairs if pair[0] in approvals), key=lambda pair: pair[1].pk)

    def earlier_decisions(self, facts: SubmissionFacts) -> dict[int, tuple[Decision, ...]]:
        """Return earlier decisions about questions asked again, the last of each seat, by approval (A15)."""
        asked_again = {row.earlier_id: row.pk for row in facts.approvals if row.earlier_id is not None}
        by_approval: dict[int, dict[str, Decision]] = {}
        for earlier_id, row in self.decisions_on(asked_again):
            if row.pk not in self.retracted:
                by_approval.setdefault(asked_again[earlier_id], {})[row.seat.label] = row
        return {pk: in_order(decisions.values()) for pk, decisions in by_approval.items()}


def stages_of(facts: SubmissionFacts) -> dict[int, int]:
    """Return the stage of each approval that counts for a submission by id.

    These include the app approval of an earlier submission that it rests on (S2).
    """
    stages = {approval.pk: approval.stage for approval in facts.approvals}
    if facts.submission.app_approval_id is not None:
        stages.setdefault(facts.submission.app_approval_id, 1)
    return stages


class Route:
    """Who may decide which approval of one submission.

    Args:
        facts: of the submission.
        conflicts: of the submission.
        bench: the groups on every escalation chain, at the same instant.
        votes: the decisions on its approvals.
        stopped: people who stopped a grant that is asked again, by matter (G5); default: read at the first use.
    """

    def __init__(
        self,
        facts: SubmissionFacts,
        conflicts: SubmissionConflicts,
        bench: Bench,
        votes: Votes,
        stopped: Mapping[str, frozenset[int]] | None = None,
    ) -> None:
        self.facts, self.submission, self.now = facts, facts.submission, facts.now
        self.conflicts, self.bench = conflicts, bench
        self._stages = stages_of(facts)
        #: Decisions that carried over: decision id to approval id and the round in which they count (A14).
        links = [link for link in votes.links if link.approval_id in self._stages]
        self.carried = {link.decision_id: (link.approval_id, link.round) for link in links}
        #: Decisions by approval; retracted ones apart. These do not count but bar their maker from the other stage (S2).
        self.decisions: dict[int, list[Decision]] = {}
        self.retracted: dict[int, list[Decision]] = {}
        self.app_deciders = frozenset[int]()
        self.stage_people = {1: frozenset[int](), 2: frozenset[int]()}
        for approval_id, decision in votes.decisions_on(self._stages):
            counted = self.retracted if decision.pk in votes.retracted else self.decisions
            counted.setdefault(approval_id, []).append(decision)
            self._count_people(approval_id, decision)
        #: Earlier decisions about the same question, the last of each seat, by approval: a rejection or withdrawal (A15).
        self.before = votes.earlier_decisions(facts)
        #: Computed from the decisions until one is added, by approval and round: seats, and approvals as questions.
        self._standing: dict[tuple[int, int], list[SeatState]] = {}
        self._questions: dict[tuple[int, int], Question] = {}
        #: Escalation chains by approval and label of the seat.
        self._rungs: dict[tuple[int, str], list[Rung]] = {}
        self._stopped = stopped

    @property
    def parties(self) -> Mapping[int, str]:
        """The capacity of each party by person id (S1)."""
        return self.facts.parties

    @property
    def deciders(self) -> list[Person]:
        """The people who decided something that counts here."""
        return [decision.person for decisions in self.decisions.values() for decision in decisions]

    def note(self, decision: Decision) -> None:
        """Count a decision made just now."""
        self.decisions.setdefault(decision.approval_id, []).append(decision)
        self._count_people(decision.approval_id, decision)
        self._forget()

    def take_back(self, decision: Decision) -> None:
        """Stop counting a decision retracted just now."""
        self.decisions[decision.approval_id].remove(decision)
        self.retracted.setdefault(decision.approval_id, []).append(decision)
        self._forget()

    def add_seats(self, seats: Iterable[Seat]) -> None:
        """Count seats added just now (A1, S6)."""
        for seat in seats:
            self.facts.seats_of(seat.approval).append(seat)
        self._forget()

    def _forget(self) -> None:
        self._standing.clear()
        self._questions.clear()

    def _count_people(self, approval_id: int, decision: Decision) -> None:
        person_ids = people_of([decision])
        self.stage_people[self._stages[approval_id]] |= person_ids
        if approval_id == self.submission.app_approval_id:
            self.app_deciders |= person_ids

    def taken_back_by(self, person: Person, approval: Approval) -> int:
        """Return how many decisions a person retracted in the current round of an approval."""
        retracted = self.retracted.get(approval.pk, ())
        return sum((decision.person_id, decision.round) == (person.pk, approval.round) for decision in retracted)

    def who_stopped(self, approval: Approval) -> frozenset[int]:
        """Return the ids of people who stopped the grant that an approval asks for again (G5).

        Read only for approvals with more seats than the policy asks for.
        """
        seats = self.seats(approval)
        usual = self.facts.policy.seats(approval.kind, approval.tier)
        if approval.stage == 1 or len(seats) < 2 or len(seats) <= len(usual):
            return frozenset()
        if self._stopped is None:
            matters = stopped_matters(self.submission.automation)
            self._stopped = stoppers_by_matter(matters)
        return self._stopped.get(approval.matter, frozenset())

    def seats(self, approval: Approval) -> list[Seat]:
        """Return the seats of an approval.

        A conflict seat is left out once a refusal resolved the conflict (S6).
        """
        seats = self.facts.seats_of(approval)
        if any(seat.label == SeatLabel.CONFLICT for seat in seats) and self._is_left_alone(approval):
            return [seat for seat in seats if seat.label != SeatLabel.CONFLICT]
        return seats

    def _is_left_alone(self, approval: Approval) -> bool:
        """Return whether a refusal resolved all conflicts of the approval that need an extra approval."""
        refused = (ApprovalState.REJECTED, ApprovalState.EXPIRED)
        others = [other for other in self.facts.approvals if other.pk != approval.pk and other.state in refused]
        labels = {seat.label for other in others for seat in self.facts.seats_of(other)}
        remaining = self.conflicts.remaining_of(approval) if SeatLabel.CONFLICT in labels else ()
        return SeatLabel.CONFLICT in labels and not any(map(self._takes_one, remaining))

    def _takes_one(self, conflict: FoundConflict) -> bool:
        """Return whether a conflict needs an extra approval in this submission, given or not."""
        is_signed_here = conflict.signature is not None and conflict.signature.submission_id == self.submission.pk
        return conflict.mode == Mode.APPROVAL or is_signed_here

    def own_decisions(self, approval: Approval) -> list[Decision]:
        """Return the decisions on an approval in its current round, including carried-over ones (A14)."""
        decisions, current = self.decisions.get(approval.pk, ()), (approval.pk, approval.round)
        return [d for d in decisions if self.carried.get(d.pk, (d.approval_id, d.round)) == current]

    def chain_of(self, approval: Approval, label: str) -> list[Rung]:
        """Return the escalation chain of a seat.

        An earlier decider in the seat comes first, in the same capacity (A15).
        """
        rungs = self._rungs.get((approval.pk, label))
        if rungs is None:
            first = decider_in_seat(label, self.before.get(approval.pk, ()))
            since, resource = self.submission.submitted_at, resource_of(approval)
            automation = self.submission.automation
            rungs = escalation_chain(label, automation, resource, self.bench, first, since)
            self._rungs[approval.pk, label] = rungs
        return rungs

    def standing(self, approval: Approval) -> list[SeatState]:
        """Return the state of each seat of an approval (A9)."""
        standings = self._standing.get((approval.pk, approval.round))
        if standings is None:
            filled, used = self._filled(approval)
            standings = [self._seat(approval, seat, filled.get(seat.label), used) for seat in self.seats(approval)]
            self._standing[approval.pk, approval.round] = standings
        return standings

    def _filled(self, approval: Approval) -> tuple[dict[str, Decision], frozenset[int]]:
        """Return the approving decision in each filled seat by label, and the people that these use up."""
        approved = [d for d in self.own_decisions(approval) if d.outcome == DecisionOutcome.APPROVE]
        return {d.seat.label: d for d in approved}, people_of(approved)

    def _seat(self, approval: Approval, seat: Seat, decision: Decision | None, used: frozenset[int]) -> SeatState:
        if decision is not None:
            return SeatState(seat, decision)
        question = self.question(approval)
        judge = Eligibility(
            lambda person: self._why_skipped(person, approval, used),
            lambda person: question.needs(seat.label, person),
            lambda person: shortage_after(question, seat.label, [person], self._others(approval)),
        )
        rungs = self.chain_of(approval, seat.label)
        state = next_approvers(seat, rungs, judge)
        if approval.is_half_gone(self.now):
            is_due = approval.due_at is not None and self.now >= approval.due_at
            state = with_late_rungs(state, rungs, judge, is_due=is_due)
        return state

    def question(self, approval: Approval) -> Question:
        """Return an approval as a question: its open seats with all eligible people on their escalation chains (A9)."""
        key = approval.pk, approval.round
        if key not in self._questions:
            self._questions[key] = Question(question_name(approval), approval.stage, self.left_for(approval))
        return self._questions[key]

    def questions(self, approvals: Iterable[Approval]) -> list[Question]:
        """Return the undecided approvals among ``approvals`` as questions."""
        return [self.question(approval) for approval in approvals if not approval.has_ended]

    def _others(self, approval: Approval) -> list[Question]:
        """Return the approvals that a decider of this approval can't decide: all of stage 2 for stage 1 (S2)."""
        return self.questions(self.facts.second) if approval.stage == 1 else []

    def seat_for(self, approval: Approval, actor: Actor) -> SeatState | None:
        """Return the open seat for an actor, preferably one that leaves every other approval an approver (A9)."""
        free = self.seats_open_to(approval, actor)
        question, others = self.question(approval), self._others(approval)
        good = (seat for seat in free if not shortage_after(question, seat.label, actor.people, others))
        return next(good, free[0] if free else None)

    def seats_open_to(self, approval: Approval, actor: Actor) -> list[SeatState]:
        """Return the open seats that an actor may fill in their capacity, but not by a role ended at once (S8)."""
        if (person := actor.capacity_of) is None:
            return []
        seats = [seat for seat in self.standing(approval) if person in seat.may_decide]
        return [seat for seat in seats if not self.bench.bars(person, seat.label, seat.basis_of(person))]

    def seat_to_sign(self, approval: Approval, actor: Actor) -> SeatState | None:
        """Return the open conflict seat for a person who signed the same conflict on another approval (S6).

        The person may be later on the escalation chain than the first person asked. None if another seat would have
        no eligible person (A9).
        """
        person, label = actor.capacity_of, SeatLabel.CONFLICT
        open_seats = (seat for seat in self.standing(approval) if seat.label == label and not seat.is_filled)
        seat = next(open_seats, None)
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
        used = people_of(self.own_decisions(approval))
        return self._seat(approval, Seat(approval=approval, label=label), None, used).on_time

    def _why_skipped(self, person: Person, approval: Approval, used: frozenset[int]) -> tuple[str, str] | None:
        if not person.is_here:
            return "A9", f"{person.name} is not here any more"
        if person.pk in used:
            return "A8", f"{person.name} fills another seat of this"
        return separation_of_duties.conflict(person, self, approval)

    def left_for(self, approval: Approval) -> Seats:
        """Return the unfilled seats of an approval with all eligible people on their escalation chains (A9)."""
        filled, used = self._filled(approval)
        people_by_label = {
            seat.label: [person for rung in self.chain_of(approval, seat.label) for person in rung.people]
            for seat in self.seats(approval)
            if seat.label not in filled
        }
        return tuple(
            (label, tuple(person for person in people if self._why_skipped(person, approval, used) is None))
            for label, people in people_by_label.items()
        )

    def is_on_chain(self, person: Person, approval: Approval) -> bool:
        """Return whether a person is on the escalation chain of a seat of an approval (A9)."""
        escalation_chains = (self.chain_of(approval, seat.label) for seat in self.seats(approval))
        return any(person in rung.people for rungs in escalation_chains for rung in rungs)


def people_of(decisions: Iterable[Decision]) -> frozenset[int]:
    """Return the ids of the people who made decisions, and of the givers of delegations (A11)."""
    return frozenset(pk for decision in decisions for pk in (decision.person_id, decision.for_person_id) if pk)
