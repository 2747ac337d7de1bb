"""Create the approvals of a submission with their seats and carry decisions over (A2 A8 A12)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from django.db.models import Q

from approvals.assignment.route import app_deciders
from approvals.conflicts.check.submission import SubmissionConflicts
from approvals.decisions import digest
from approvals.models import (
    Approval,
    ApprovalKind,
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
from approvals.policies.facts import SubmissionFacts
from approvals.prior_decisions import duplicates, stopped_grants
from approvals.prior_decisions import queries as prior_decision_queries
from approvals.submissions.transitions.carry_over import STATE_FACTS, carry_over
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Step
from governance.core.models import Person
from governance.core.texts import free_text
from inventory.duplicates.queries import Duplicate
from inventory.models import Automation


class ApprovalWriter:
    """Creates the approvals of a submission, with what they keep of earlier submissions.

    Args:
        step: the running submission.
        submission: saved, with its parties.
        policy: the policy in force.
        before: the submission that it continues, closed by now; None for none.
        is_same_app: whether the facts of stage 1 are the same as in `before` (A12).
        siblings: ids of the automation in its other environments. A refusal in one counts in all (I10, A15).
        likes: possible duplicates of the automation (I9).
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
        likes: Sequence[Duplicate],
    ) -> None:
        self.step, self.submission, self.policy = step, submission, policy
        self.before, self.is_same_app = before, is_same_app
        self.conflicts = SubmissionConflicts(SubmissionFacts(submission, step.now))
        automation = submission.automation
        same = [*siblings, *duplicates.ids_in_same_team(automation, likes)]
        self.earlier = prior_decision_queries.earlier_outcomes(automation, policy, step.now, same)
        self.is_known_elsewhere = duplicates.is_in_other_team(automation, likes)
        self.stopped = stopped_grants.stoppers_by_matter(submission.automation)
        self.stopped_since = stopped_grants.matters_stopped_since(before) if before is not None else frozenset()

    def justify(self, approvals: Sequence[Approval], texts: Sequence[str]) -> None:
        """Set the justification of each approval. The same text about the same request reuses the stored one."""
        anew = []
        for approval, text in zip(approvals, texts, strict=True):
            last = self._before(approval)
            before = last.justification if last is not None else None
            if before is not None and before.text and before.text == free_text.clean(text):
                approval.justification = before
            else:
                anew.append((approval, text))
        for (approval, _), kept in zip(anew, free_text.keep_all([text for _, text in anew]), strict=True):
            approval.justification = kept

    def keep_records(self, approvals: Sequence[Approval]) -> None:
        """Save new approvals of one stage with facts, rounds and seats, and a link to an earlier refusal."""
        for approval in approvals:
            approval.facts = digest.facts_of_approval(approval, self.conflicts)
            earlier = self.earlier.get(approval.matter)
            approval.earlier_id = earlier.record if earlier is not None else None
            approval.round = self._round(self._before(approval))
        self.step.insert(approvals)
        labels = [(approval, label) for approval in approvals for label in self._labels(approval)]
        Seat.objects.bulk_create(Seat(approval=approval, label=label) for approval, label in labels)

    def carry(self, approval: Approval) -> Approval:
        """Carry over the decisions about the same request. The approval ends if they decide it."""
        last = self._before(approval)
        decisions = self._kept(approval, last)
        if last is None or not decisions:
            return approval
        return carry_over(approval, actor=self.step.actor, now=self.step.now, source=last, decisions=decisions)

    def refuse_repetition(self, approvals: Iterable[Approval]) -> None:
        """Refuse a submission of the same version with the same request: it would only restart clocks (A10, A14).

        Raises:
            InvalidInput: nothing differs from the open submission, nothing in it has expired, and nothing was stopped since.
        """
        before, approvals = self.before, list(approvals)
        if before is None or before.version_id != self.submission.version_id:
            return
        if any(approval.matter in self.stopped_since for approval in approvals):
            return
        old = list(before.approvals.all())
        if any(approval.state == ApprovalState.EXPIRED for approval in old):
            return
        if {_request_key(approval) for approval in old} == {_request_key(approval) for approval in approvals}:
            sentence = "This version is under review already, and asks for the same."
            raise refuse(Refusal("A14", "input", sentence, "Answer what was asked, or bring in a newer version."))

    def _before(self, approval: Approval) -> Approval | None:
        """Return the approval of the continued submission with the same key."""
        return self._records_before.get(approval.key)

    @cached_property
    def _records_before(self) -> dict[str, Approval]:
        """The approvals of the continued submission by key. Cached: it is closed."""
        if self.before is None:
            return {}
        return {
            approval.key: approval for approval in self.before.approvals.select_related("justification", "privilege")
        }

    def _round(self, last: Approval | None) -> int:
        """Return the round. A change instead of an answer starts the next round; undecided rounds stay (A14)."""
        if last is None or last.state in (ApprovalState.EXPIRED, ApprovalState.NOT_APPLICABLE):
            return 1
        has_question = last.decisions.standing().filter(round=last.round, outcome=DecisionOutcome.ASK).exists()
        return last.round + has_question

    def _kept(self, approval: Approval, last: Approval | None) -> list[Decision]:
        """Return the decisions of the last round that still count.

        They are about the same request, and by people who may still decide. An approval from before a stop does not
        lift it: it was about running access (G5).
        """
        if approval.matter in self.stopped_since:
            return []
        if last is None or not self._is_same(approval, last) or last.round != approval.round:
            return []
        if last.state not in (ApprovalState.APPROVED, ApprovalState.REJECTED, ApprovalState.WITHDRAWN):
            return []
        counted = Q(approval=last, round=last.round, retraction__isnull=True)
        counted |= Q(pk__in=last.carried_decisions.filter(round=last.round).values("decision"))
        decisions = list(Decision.objects.filter(counted).select_related("seat").order_by("pk"))
        people = {
            person_id
            for decision in decisions
            for person_id in (decision.person_id, decision.for_person_id)
            if person_id
        }
        if self.submission.parties.filter(person__in=people).exists():
            return []
        if people & self.stopped.get(approval.matter, frozenset()):
            return []
        if approval.stage == 2 and people & app_deciders(self.submission.app_approval):
            return []  # the app approval may be an older one now, and its deciders may not decide in stage 2 (S2)
        labels = {seat.label for seat in approval.seats.all()}
        return [decision for decision in decisions if decision.seat.label in labels]

    def _is_same(self, approval: Approval, last: Approval) -> bool:
        if approval.kind == ApprovalKind.APP:
            return self.is_same_app
        return approval.tier == last.tier and _request_facts(approval) == _request_facts(last)

    def _labels(self, approval: Approval) -> list[str]:
        """Return the seats of the policy, and those of an earlier decision, a stop or a conflict (A15, G5, S6)."""
        earlier = self.earlier.get(approval.matter)
        labels = self.policy.seats(approval.kind, approval.tier)
        labels = duplicates.app_seats(labels, elsewhere=approval.kind == ApprovalKind.APP and self.is_known_elsewhere)
        labels_with_earlier = prior_decision_queries.required_seats(
            labels, earlier, may_be_asked=lambda person: self._may_ask_again(approval, person)
        )
        labels_with_earlier = (
            stopped_grants.seats(labels, labels_with_earlier)
            if approval.matter in self.stopped
            else labels_with_earlier
        )
        return [*labels_with_earlier, SeatLabel.CONFLICT] if self._is_signed_for(approval) else labels_with_earlier

    def _is_signed_for(self, approval: Approval) -> bool:
        """Return whether it is in a conflict that needs an extra approval (S6)."""
        return any(conflict.mode == Mode.APPROVAL for conflict in self.conflicts.of(approval, self.conflicts.as_asked))

    def _may_ask_again(self, approval: Approval, person: Person) -> bool:
        """Return whether an earlier decider is still here, is no party, and has decided in no other stage."""
        if not person.is_here or self.submission.parties.filter(person=person).exists():
            return False
        if approval.stage == 2 and person.pk in app_deciders(self.submission.app_approval):
            return False
        elsewhere = DecisionPerson.objects.filter(submission=self.submission, person=person)
        return not elsewhere.exclude(stage=approval.stage).exists()


def _request_facts(approval: Approval) -> dict[str, Any]:
    """Return the frozen facts about the request, without its state."""
    return {name: value for name, value in approval.facts.items() if name not in STATE_FACTS}


def _request_key(approval: Approval) -> tuple[str, str]:
    subject_key = approval.privilege.key if approval.privilege else str(approval.credential_id or "")
    return f"{approval.kind} {subject_key}", digest.digest(_request_facts(approval))
