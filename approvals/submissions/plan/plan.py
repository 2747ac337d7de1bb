"""The plan of a submission: its approvals, seats, people and problems. Pure: it reads its arguments only (A1, A2, A9).

The preview shows a plan, and `submit` writes one. A plan has the rows of the submission, not saved yet. Its approvals
have negative ids, so that the route of a submission works on them as on saved ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from approvals.assignment import additional_seats
from approvals.assignment.matching import shortage
from approvals.assignment.route import Route, people_of
from approvals.conflicts.check import submission as conflict_check
from approvals.conflicts.check.submission import SubmissionConflicts
from approvals.decisions import digest
from approvals.models import Approval, ApprovalKind, ApprovalState, Submission, SubmissionKind
from approvals.models.approval import CarriedDecision, Decision, DecisionOutcome, Seat, SeatLabel
from approvals.models.conflict_rule import Mode
from approvals.policies.facts import SubmissionFacts
from approvals.prior_decisions.queries import seats_if_stopped
from approvals.submissions.plan import problems as plan_problems
from approvals.submissions.plan.context import PlanContext
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.reapproval import RequestedItem, app_reasons
from governance.core.access import Refusal
from governance.core.models import Person
from governance.core.texts import free_text

#: Facts about the state of an approval, not about its request.
STATE_FACTS = ("round", "policy", "retracted")
#: States of an approval of the continued submission whose decisions do not carry over.
NOT_CARRIED = (ApprovalState.EXPIRED, ApprovalState.NOT_APPLICABLE)


@dataclass(frozen=True)
class PlannedApproval:
    """An approval that is not saved yet.

    Args:
        row: the approval, with a negative id.
        item: the privilege or credential; None for the app.
        text: its justification.
        usual: labels of the seats of the policy.
        source: the same approval of the submission that is continued (A14).
        carried: decisions that carry over from it.
    """

    row: Approval
    item: RequestedItem | None
    text: str
    usual: Sequence[str]
    source: Approval | None
    carried: tuple[Decision, ...] = ()

    @property
    def matter(self) -> str:
        """The same request by any connection or credential (A15)."""
        return self.item.matter if self.item is not None else self.row.matter

    @property
    def is_rejected(self) -> bool:
        """Whether a decision that carries over rejects it."""
        return any(decision.outcome == DecisionOutcome.REJECT for decision in self.carried)

    def is_extra(self, label: str) -> bool:
        """Return whether the policy does not ask for a seat: a refusal (A15), a stop (G5) or a conflict (S6) added it."""
        return label not in self.usual


class Plan:
    """A submission as it would be written, complete or not.

    Args:
        context: the rows that it is computed from.
        wishes: the builder's wishes by key of the requested item.
    """

    def __init__(self, context: PlanContext, wishes: Mapping[str, ItemRequest]) -> None:
        self.context, self.wishes = context, wishes
        #: The first capacity of each party in words, by person id.
        self.parties = {person_id: str(capacity.label) for person_id, capacity in reversed(context.parties)}
        #: The row; not saved.
        self.submission = self._submission()
        self.facts = SubmissionFacts(self.submission, context.now)
        self.facts.policy, self.facts.parties = context.policy, self.parties
        self.facts.privileges, self.facts.bindings = context.content.privileges, context.content.bindings
        self.facts.approvals, self.facts.chain = [], context.chain
        self.conflicts = SubmissionConflicts(self.facts)
        self.conflicts.as_asked = context.conflicts
        rests_on = context.changes.app_in_force
        decided = context.votes.decisions_on({rests_on.pk}) if rests_on is not None else ()
        self.app_deciders = people_of(decision for _, decision in decided)
        self.links: list[CarriedDecision] = []
        #: Stage 1 first.
        self.approvals: list[PlannedApproval] = []
        if context.changes.app:
            self._add_app()
        for item in context.changes.asked:
            self._add_item(item)
        votes = replace(context.votes, links=[*context.votes.links, *self.links])
        #: The seats of each approval, and the people who may decide.
        self.route = Route(self.facts, self.conflicts, context.bench, votes, stopped=context.stopped)
        undecided = [approval.row for approval in self.approvals if not approval.is_rejected]
        #: Approvals that have too few different eligible people (A9).
        self.short = shortage(self.route.questions(undecided))
        #: All problems, also of an incomplete draft.
        self.problems = plan_problems.problems_of(context, wishes, self.short)

    @property
    def refusals(self) -> list[Refusal]:
        """Everything that prevents the submission, the first one first."""
        context, asked = self.context, self.context.changes.asked
        refusals = (
            plan_problems.problems_refusal(self.problems),
            plan_problems.no_change_refusal(context),
            conflict_check.refusal(context.conflicts, "input"),
            plan_problems.justification_refusal(self.problems),
            plan_problems.term_refusal(asked, self.wishes, context.policy),
            self._repetition(),
            plan_problems.shortage_refusal(self.short),
            plan_problems.takeover_refusal(context),
        )
        return [refusal for refusal in refusals if refusal is not None]

    def approval_of(self, item: RequestedItem | None) -> PlannedApproval | None:
        """Return the approval of an item of the context, or of the app (None); None if it is not asked."""
        return next((approval for approval in self.approvals if approval.item is item), None)

    def _submission(self) -> Submission:
        context, content = self.context, self.context.content
        kind = SubmissionKind.CHANGE if context.changes.before else SubmissionKind.NEW
        asked, words = _sentences(context.changes.asked), _sentences(context.changes.wanted)
        submission = Submission(
            automation=content.automation,
            kind=SubmissionKind.PROMOTION if context.promoted_from is not None else kind,
            submitted_by=context.submitter,
            submitted_at=context.now,
            policy=context.policy.version,
            tier=context.tier,
            reasons=list(context.app.reasons),
            asked=dict(context.app_facts),
            digest=digest.digest(dict(context.app_facts)),
            held=conflict_check.frozen_case(context.case, asked, words),
            app_approval=context.changes.app_in_force,
            light_path=context.light,
            promoted_from=context.promoted_from,
            continues=context.before,
        )
        if content.version is not None:
            submission.version = content.version
        return submission

    def _add_app(self) -> None:
        context = self.context
        app = Approval(
            stage=1,
            kind=ApprovalKind.APP,
            tier=context.tier,
            reasons=list(context.changes.app),
            term_days=context.policy.review_after(context.tier),
        )
        planned = self._add(app, None, "", context.before_approvals.get(app.key))
        self.submission.app_approval = app
        if planned.carried:
            self.app_deciders = people_of(planned.carried)

    def _add_item(self, item: RequestedItem) -> None:
        request = self.wishes.get(item.key, ItemRequest())
        source = self.context.before_approvals.get(item.key)
        text = free_text.clean(request.justification)
        row = Approval(
            stage=2,
            kind=ApprovalKind.PRIVILEGE if item.privilege else ApprovalKind.CREDENTIAL,
            privilege=item.privilege,
            credential=item.credential,
            decided_on=item.credential.decided_on if item.credential else None,
            tier=item.tier,
            reasons=list(item.reasons),
            term_days=request.term_days or self.context.policy.longest_term(item.tier),
        )
        if source is not None and source.justification is not None and text and source.justification.text == text:
            row.justification = source.justification  # the same text about the same request is stored once
        self._add(row, item, text, source)

    def _add(self, row: Approval, item: RequestedItem | None, text: str, source: Approval | None) -> PlannedApproval:
        row.pk = -1 - len(self.approvals)
        row.submission = self.submission
        usual = self.context.policy.seats(row.kind, row.tier)
        team_id = self.context.content.automation.team_id
        if item is None and any(match.other.team_id != team_id for match in self.context.likes.held):
            usual = tuple(dict.fromkeys([*usual, SeatLabel.SECURITY]))  # the lead may not see a possible duplicate (I9)
        planned = PlannedApproval(row, item, text, usual, source)
        earlier = self.context.earlier.get(planned.matter)
        row.earlier_id = earlier.record if earlier is not None else None
        row.round = self._round(source)
        seats = [Seat(approval=row, label=label) for label in self._labels(planned)]
        carried = self._carried(planned, [seat.label for seat in seats])
        self.facts.approvals.append(row)
        self.facts.seats[row.pk] = seats
        self.links += [CarriedDecision(approval=row, decision=decision, round=row.round) for decision in carried]
        self.approvals.append(replace(planned, carried=tuple(carried)))
        return self.approvals[-1]

    def _decisions(self, source: Approval) -> list[Decision]:
        """Return the standing decisions on an approval in its last round, carried-over ones too, oldest first."""
        votes = self.context.votes
        links = {link.decision_id: link.round for link in votes.links if link.approval_id == source.pk}
        standing = (decision for _, decision in votes.decisions_on({source.pk}) if decision.pk not in votes.retracted)
        return [decision for decision in standing if links.get(decision.pk, decision.round) == source.round]

    def _round(self, source: Approval | None) -> int:
        """Return the round. A change instead of an answer starts the next round; undecided rounds stay (A14)."""
        if source is None or source.state in NOT_CARRIED:
            return 1
        return source.round + any(decision.outcome == DecisionOutcome.ASK for decision in self._decisions(source))

    def _labels(self, planned: PlannedApproval) -> list[str]:
        """Return the seats of the policy, and those of an earlier decision, a stop or a conflict (A15, G5, S6)."""
        earlier, may_ask = self.context.earlier.get(planned.matter), partial(self._may_ask_again, planned.row)
        labels = additional_seats.required_seats(planned.usual, earlier, may_be_asked=may_ask)
        if planned.matter in self.context.stopped:
            labels = seats_if_stopped(planned.usual, labels)
        return [*labels, SeatLabel.CONFLICT] if self._is_signed_for(planned) else labels

    def _is_signed_for(self, planned: PlannedApproval) -> bool:
        """Return whether it is in a conflict that needs an extra approval (S6)."""
        keys, key = self.conflicts.asked_keys, f"{self.context.case.automation}/{planned.row.key}"
        signed = (conflict for conflict in self.context.conflicts if conflict.mode == Mode.APPROVAL)
        return any(conflict_check.takes_part(planned.row.kind, key, conflict, keys) for conflict in signed)

    def _may_ask_again(self, row: Approval, person: Person) -> bool:
        """Return whether an earlier decider is still here, is no party, and decides in no other stage."""
        has_decided_app = row.stage == 2 and person.pk in self.app_deciders
        return person.is_here and person.pk not in self.parties and not has_decided_app

    def _carried(self, planned: PlannedApproval, labels: Sequence[str]) -> list[Decision]:
        """Return the decisions that carry over: on the same request, by people who may still decide (A14).

        An approval from before a stop does not lift it: it was about running access (G5).
        """
        row, source = planned.row, planned.source
        if source is None or source.state in NOT_CARRIED or row.round != source.round:
            return []
        if planned.matter in self.context.stopped_since or not self._is_same(row, source):
            return []
        decisions = self._decisions(source)
        people = people_of(decisions)
        barred = self.parties.keys() | self.context.stopped.get(planned.matter, frozenset())
        barred |= self.app_deciders if row.stage == 2 else frozenset()  # they decide nothing in stage 2 (S2)
        return [] if people & barred else [decision for decision in decisions if decision.seat.label in labels]

    def _is_same(self, row: Approval, source: Approval) -> bool:
        context = self.context
        if row.kind != ApprovalKind.APP:
            return row.tier == source.tier and self._request_facts(row) == _without_state(source.facts)
        changed = app_reasons(context.app_facts, context.before, source_counts=context.source_counts)
        return not changed and not context.likes.is_open

    def _request_facts(self, row: Approval) -> dict[str, Any]:
        return _without_state(digest.facts_of_approval(row, self.conflicts))

    def _repetition(self) -> Refusal | None:
        """Return a refusal for the same version with the same request: it would only restart clocks (A10, A14)."""
        context, before = self.context, self.context.before
        version = context.content.version
        if before is None or version is None or before.version_id != version.pk:
            return None
        if any(approval.matter in context.stopped_since for approval in self.approvals):
            return None
        sources = context.before_approvals
        if any(source.state == ApprovalState.EXPIRED for source in sources.values()):
            return None
        asked = {approval.row.key: self._request_facts(approval.row) for approval in self.approvals}
        if {key: _without_state(source.facts) for key, source in sources.items()} != asked:
            return None
        sentence = "This version is under review already, and asks for the same."
        return Refusal("A14", "input", sentence, "Answer what was asked, or import a newer version.")


def _sentences(items: Sequence[RequestedItem]) -> dict[str, str]:
    """Return the sentence of each privilege by key."""
    return {item.key: item.privilege.sentence for item in items if item.privilege is not None}


def _without_state(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts about the request, without its state."""
    return {name: value for name, value in facts.items() if name not in STATE_FACTS}
