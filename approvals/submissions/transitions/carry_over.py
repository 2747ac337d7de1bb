"""What a submission keeps of those before it: decisions about what did not change, rounds, earlier refusals (A14, A15).

A record of a newer version that asks the same as the record before it keeps the decisions taken there, one signature of two as
well as both. Whoever became a party meanwhile has approved nothing of the newer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from django.db.models import Q

from approvals.assignment.route import app_deciders
from approvals.conflicts.check import submission as conflicts
from approvals.decisions import digest
from approvals.models import (
    Approval,
    ApprovalKind,
    ApprovalState,
    CarriedDecision,
    Decision,
    DecisionOutcome,
    DecisionPerson,
    Seat,
    SeatLabel,
    Submission,
)
from approvals.models.conflict import Mode
from approvals.policies import queries as policy_queries
from approvals.prior_decisions import duplicates, stopped_grants
from approvals.prior_decisions import queries as prior_decision_queries
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.texts import free_text
from inventory.duplicates.queries import Alike
from inventory.models import Automation

#: Facts that say where a record stands and not what it asks.
STANDING = ("round", "policy", "retracted")


@transition(
    Approval,
    event="approval.carried_over",
    permission=None,
    source=(ApprovalState.WAITING,),
    target=(ApprovalState.WAITING, ApprovalState.APPROVED, ApprovalState.REJECTED),
)
def carry_over(step: Step[Approval], *, source: Approval, decisions: Sequence[Decision]) -> Effect:
    """A newer version asks the same, so what was decided about it stands (A14).

    Args:
        step: the running step.
        source: the record on which it was decided, or to which that was carried before.
        decisions: what counts of it.
    """
    record = step.subject
    record.carried_from = source
    record.granted_term_days, record.granted_level = source.granted_term_days, source.granted_level
    record.granted_scope = source.granted_scope
    for decision in decisions:
        CarriedDecision.objects.create(approval=record, decision=decision, round=record.round)
    payload = {"source": str(source.pk), "decisions": len(decisions)}
    if any(decision.outcome == DecisionOutcome.REJECT for decision in decisions):
        record.ended_at = step.now
        return Effect(to=ApprovalState.REJECTED, payload=payload)
    return Effect(to=_if_filled(step), payload=payload)


@transition(
    Approval,
    event="approval.carried_on",
    permission=None,
    source=(ApprovalState.WAITING,),
    target=(ApprovalState.APPROVED, ApprovalState.WAITING),
)
def settle(step: Step[Approval]) -> Effect:
    """Stage 1 was decided anew; a privilege that was approved before and is asked unchanged need not be asked (A4, A14)."""
    return Effect(to=_if_filled(step))


def _if_filled(step: Step[Approval]) -> str:
    """Approved when every seat is filled by what carried over, and for stage 2 once the app is approved too (A4)."""
    record = step.subject
    counted = record.carried_decisions.filter(round=record.round, decision__outcome=DecisionOutcome.APPROVE)
    filled = set(counted.values_list("decision__seat__label", flat=True))
    if not filled or not filled >= {seat.label for seat in record.seats.all()}:
        return ApprovalState.WAITING
    app = record.submission.app_approval
    if record.stage == 2 and (app is None or app.state != ApprovalState.APPROVED):
        return ApprovalState.WAITING
    record.ended_at = step.now
    record.granted_term_days = record.granted_term_days or record.term_days
    return ApprovalState.APPROVED


class Carrying:
    """Writes the records of one submission, with what they keep of the open one that it continues and of earlier ones.

    Args:
        step: the running submission.
        submission: saved, its parties named.
        policy: the policy in force.
        before: the open submission that it continues, closed by now; None for none.
        is_same_app: whether nothing changed that stage 1 of `before` decided about (A12).
        siblings: ids of the automation in its other environments: what was refused in one was refused in all (I10, A15).
        likes: what the automation may be the same as (I9).
    """

    def __init__(
        self,
        step: Step[Automation],
        submission: Submission,
        policy: policy_queries.Policy,
        before: Submission | None,
        *,
        is_same_app: bool,
        siblings: Sequence[int],
        likes: Sequence[Alike],
    ) -> None:
        self.step, self.submission, self.policy = step, submission, policy
        self.before, self.is_same_app = before, is_same_app
        automation = submission.automation
        same = [*siblings, *duplicates.within(automation, likes)]
        self.earlier = prior_decision_queries.earlier(automation, policy, step.now, same)
        self.is_known_elsewhere = duplicates.is_elsewhere(automation, likes)
        self.stopped = stopped_grants.stopped(submission.automation)
        self.stopped_since = stopped_grants.since(before) if before is not None else frozenset()

    def justify(self, records: Sequence[Approval], said: Sequence[str]) -> None:
        """Hang on each record what the builder says; the very text that stands already when the same is said about the same."""
        anew = []
        for record, text in zip(records, said, strict=True):
            last = self._before(record)
            before = last.justification if last is not None else None
            if before is not None and before.text and before.text == free_text.clean(text):
                record.justification = before
            else:
                anew.append((record, text))
        for (record, _), kept in zip(anew, free_text.keep_all([text for _, text in anew]), strict=True):
            record.justification = kept

    def keep_records(self, records: Sequence[Approval]) -> None:
        """Save new records of one stage with their facts, rounds and seats; one that was refused before remembers it."""
        for record in records:
            record.facts = digest.of(record, self.step.now)
            earlier = self.earlier.get(record.matter)
            record.earlier_id = earlier.record if earlier is not None else None
            record.round = self._round(self._before(record))
        self.step.insert(records)
        labels = [(record, label) for record in records for label in self._labels(record)]
        Seat.objects.bulk_create(Seat(approval=record, label=label) for record, label in labels)

    def carry(self, record: Approval) -> Approval:
        """Let the decisions count that were taken about the same question; the record ends where they decide it."""
        last = self._before(record)
        taken = self._kept(record, last)
        if last is None or not taken:
            return record
        return carry_over(record, actor=self.step.actor, now=self.step.now, source=last, decisions=taken)

    def refuse_repetition(self, records: Iterable[Approval]) -> None:
        """The same version asking the same once more would only restart clocks, so it is no submission (A10, A14).

        Raises:
            InvalidInput: nothing differs from the open submission, nothing of that has expired, and nothing that it asks was
                stopped since.
        """
        before, records = self.before, list(records)
        if before is None or before.version_id != self.submission.version_id:
            return
        if any(record.matter in self.stopped_since for record in records):
            return
        old = list(before.approvals.all())
        if any(record.state == ApprovalState.EXPIRED for record in old):
            return
        if {_question(one) for one in old} == {_question(one) for one in records}:
            sentence = "This version is under review already, and asks for the same."
            raise refuse(Refusal("A14", "input", sentence, "Answer what was asked, or bring in a newer version."))

    def _before(self, record: Approval) -> Approval | None:
        """The record of the continued submission about the same thing."""
        return self._records_before.get(record.key)

    @cached_property
    def _records_before(self) -> dict[str, Approval]:
        """The records of the continued submission by their keys, read once: it is closed, and changes no more."""
        if self.before is None:
            return {}
        return {record.key: record for record in self.before.approvals.select_related("justification", "privilege")}

    def _round(self, last: Approval | None) -> int:
        """Rounds go on in a newer version: a change in place of an answer opens the next, and undecided ones stay (A14)."""
        if last is None or last.state in (ApprovalState.EXPIRED, ApprovalState.NOT_APPLICABLE):
            return 1
        asked = last.decisions.standing().filter(round=last.round, outcome=DecisionOutcome.ASK).exists()
        return min(last.round + asked, self.policy.rounds)

    def _kept(self, record: Approval, last: Approval | None) -> list[Decision]:
        """The decisions of the last round on the record before, when they are about the same and by nobody who may not have.

        A yes from before a stop lifts no stop: it was said about what ran (G5).
        """
        if record.matter in self.stopped_since:
            return []
        if last is None or not self._is_same(record, last) or last.round != record.round:
            return []
        if last.state not in (ApprovalState.APPROVED, ApprovalState.REJECTED, ApprovalState.WITHDRAWN):
            return []
        counted = Q(approval=last, round=last.round, retraction__isnull=True)
        counted |= Q(pk__in=last.carried_decisions.filter(round=last.round).values("decision"))
        taken = list(Decision.objects.filter(counted).select_related("seat").order_by("pk"))
        people = {who for one in taken for who in (one.person_id, one.for_person_id) if who}
        if self.submission.parties.filter(person__in=people).exists():
            return []
        if people & self.stopped.get(record.matter, frozenset()):
            return []
        if record.stage == 2 and people & app_deciders(self.submission.app_approval):
            return []  # it may rest on an older app approval now, and its deciders decide nothing that rests on it (S2)
        labels = {seat.label for seat in record.seats.all()}
        return [one for one in taken if one.seat.label in labels]

    def _is_same(self, record: Approval, last: Approval) -> bool:
        if record.kind == ApprovalKind.APP:
            return self.is_same_app
        return record.tier == last.tier and _asks(record) == _asks(last)

    def _labels(self, record: Approval) -> list[str]:
        """The seats of a record: the policy's, and what an earlier word or a stop adds to them (A15, G5)."""
        earlier = self.earlier.get(record.matter)
        labels = self.policy.seats(record.kind, record.tier)
        labels = duplicates.app_seats(labels, elsewhere=record.kind == ApprovalKind.APP and self.is_known_elsewhere)
        found = prior_decision_queries.seats(
            labels, earlier, may_be_asked=lambda person: self._may_ask_again(record, person)
        )
        found = stopped_grants.seats(labels, found) if record.matter in self.stopped else found
        return [*found, SeatLabel.CONFLICT] if self._is_signed_for(record) else found

    def _is_signed_for(self, record: Approval) -> bool:
        """Whether it is in a conflict that takes another signature (S6)."""
        return any(one.mode == Mode.APPROVAL for one in conflicts.of_record(record, self.step.now))

    def _may_ask_again(self, record: Approval, person: Person) -> bool:
        """Whether who decided before is here, no party, and decided in no other stage."""
        if not person.is_here or self.submission.parties.filter(person=person).exists():
            return False
        if record.stage == 2 and person.pk in app_deciders(self.submission.app_approval):
            return False
        elsewhere = DecisionPerson.objects.filter(submission=self.submission, person=person)
        return not elsewhere.exclude(stage=record.stage).exists()


def _asks(record: Approval) -> dict[str, Any]:
    """The frozen facts of a record, without where it stands."""
    return {name: value for name, value in record.facts.items() if name not in STANDING}


def _question(record: Approval) -> tuple[str, str]:
    about = record.privilege.key if record.privilege else str(record.credential_id or "")
    return f"{record.kind} {about}", digest.digest(_asks(record))
