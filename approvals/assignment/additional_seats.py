"""Seats that a question needs in addition, because of a later policy, a conflict or a refusal (A1, A15, S6, T1, T3). Reads only.

- A later policy adds seats and removes none. A relaxed policy applies only to later submissions, even if a tightening
  has lapsed (S8).
- Decided approvals keep their seats. Only a conflict that needs an extra approval adds one to them before they come
  into force.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals.assignment.context import SubmissionContext
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check.find_conflicts import FoundConflict
from approvals.conflicts.check.submission import load_conflicts
from approvals.models import Approval, ApprovalKind, ApprovalState, DecisionOutcome, PolicyVersion, SeatLabel
from approvals.models.conflict_rule import ConflictRule, Mode
from approvals.models.submission import Submission, SubmissionState
from approvals.policies import queries as policy_queries
from approvals.policies.facts import SubmissionFacts, load_facts
from approvals.prior_decisions.queries import EarlierOutcome, decider
from governance.core.models import JobRun, Person
from inventory.ownership import parties
from inventory.risk.tiers import Tier
from inventory.versions import assessment
from inventory.versions import transitions as version_transitions

#: How many submissions one conflict check covers.
BATCH = 200
#: A rule is dated before its transaction ends. A run may miss a rule that is older by up to this.
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Tiers:
    """The tiers of a submission under the policy in force now.

    Args:
        app: tier of the app.
        privileges: tiers by key.
        credentials: tiers by id.
    """

    app: Tier
    privileges: Mapping[str, Tier]
    credentials: Mapping[int, Tier]

    def tier_of(self, record: Approval) -> Tier:
        """Return the tier of an approval, never lower than its tier at submission."""
        if record.kind == ApprovalKind.APP:
            tier: Tier | None = self.app
        elif record.kind == ApprovalKind.PRIVILEGE:
            tier = self.privileges.get(record.key)
        else:
            tier = self.credentials.get(record.credential_id or 0)
        return max(Tier.from_word(record.tier), tier or Tier.LOW)


def missing_seats(context: SubmissionContext, approvals: Collection[Approval]) -> dict[int, tuple[str, ...]]:
    """Return the seats that undecided approvals need now and lack.

    Args:
        context: of the submission.
        approvals: its undecided approvals.

    Returns:
        Labels of missing seats by approval id, without empty entries.
    """
    if not approvals:
        return {}
    policy = policy_queries.in_force(context.now)
    judged = current_tiers(context.facts, policy)
    labels_by_id = {}
    for approval in approvals:
        tier = judged.tier_of(approval).word if judged is not None else approval.tier
        is_signed_for = any(conflict.mode == Mode.APPROVAL for conflict in context.conflicts.remaining_of(approval))
        required = [*policy.seats(approval.kind, tier), *([SeatLabel.CONFLICT] if is_signed_for else [])]
        present = labels_of(context, approval)
        if lacking := tuple(label for label in dict.fromkeys(required) if label not in present):
            labels_by_id[approval.pk] = lacking
    return labels_by_id


def labels_of(context: SubmissionContext, approval: Approval) -> set[str]:
    """Return the labels of all seats of an approval."""
    return {seat.label for seat in context.facts.seats_of(approval)}


def unsigned_approvals(
    context: SubmissionContext, remaining: Sequence[FoundConflict] | None = None
) -> list[tuple[Approval, FoundConflict]]:
    """Return approved items that lack an extra approval, each with its conflict, once the submission is decided (S6).

    The conflict may come from a changed rule, a register change or another submission that came into force later.

    Args:
        context: of the submission; its approvals have all ended.
        remaining: the conflicts after its decisions; None to look them up.
    """
    if all(stored.rule.mode != Mode.APPROVAL for stored in context.conflicts.rules):
        return []
    remaining = context.conflicts.after_decisions(context.approvals) if remaining is None else remaining
    left = [conflict for conflict in remaining if conflict.standing.rule.mode == Mode.APPROVAL]
    unsigned = []
    for approval in context.approvals if left else ():
        # Whether a decision in the seat of a conflict, made here or carried over, stands.
        decisions = context.route.decisions.get(approval.pk, ())
        outcomes = [decision.outcome for decision in decisions if decision.seat.label == SeatLabel.CONFLICT]
        if approval.state != ApprovalState.APPROVED or DecisionOutcome.APPROVE in outcomes:
            continue
        # A signed conflict needs no further seat, but an existing seat is filled.
        has_seat = SeatLabel.CONFLICT in labels_of(context, approval)
        open_conflicts = [conflict for conflict in left if conflict.signature is None or has_seat]
        unsigned += [(approval, conflict) for conflict in context.conflicts.conflicts_of(approval, open_conflicts)[:1]]
    return unsigned


def grown_conflict(context: SubmissionContext, remaining: Sequence[FoundConflict]) -> FoundConflict | None:
    """Return a conflict that holds more than Security signed in this submission, or None.

    Args:
        context: of the submission.
        remaining: the conflicts after its decisions.
    """
    grown = [conflict for conflict in remaining if conflict.mode == Mode.APPROVAL]
    signatures = context.submission.signatures.standing()
    signed = set(signatures.values_list("rule__code", flat=True)) if grown else set()
    return next((conflict for conflict in grown if conflict.standing.rule.code in signed), None)


def submissions_in_conflict(now: datetime) -> set[int]:
    """Return the ids of decided submissions that need an extra approval for a conflict before they come into force.

    The number of queries does not depend on the number of submissions.
    """
    if all(conflict.rule.mode != Mode.APPROVAL for conflict in conflict_queries.in_force(now)):
        return set()
    waiting = Submission.objects.filter(state=SubmissionState.DECIDED).order_by("pk")
    submissions, modes = list(waiting.select_related("automation", "version", "policy")), dict[int, set[str]]()
    for start in range(0, len(submissions), BATCH):
        loaded = load_conflicts(load_facts(submissions[start : start + BATCH], now).values(), now)
        modes |= {pk: {conflict.mode for conflict in conflicts.as_asked} for pk, conflicts in loaded.items()}
    return {pk for pk, of_one in modes.items() if Mode.APPROVAL in of_one}


def current_tiers(facts: SubmissionFacts, policy: policy_queries.Policy) -> Tiers | None:
    """Return the tiers of a submission under ``policy``, or None if its own policy has the same tier rules."""
    if policy.tiers == facts.policy.tiers:
        return None
    submission, automation = facts.submission, facts.submission.automation
    rows = version_transitions.VersionRows.load(submission.version)
    judged = assessment.judge_version(
        *(automation, rows.privileges, rows.credentials, rows.triggers),
        shared=facts.shared_tier,
        chain=facts.chain,
        party_ids=parties.party_ids(automation, rows.credentials, facts.now) | set(facts.party_ids),
        bindings=facts.bindings,
        rules=policy.tiers,
    )
    return Tiers(
        judged.app.tier,
        {key: privilege.tier for key, privilege in judged.privileges.items()},
        {credential.pk: item.tier for credential, item in judged.credentials},
    )


def has_new_rule(job: str, now: datetime) -> bool:
    """Return whether a policy or conflict rule came into force since the last successful run of ``job``.

    If not, no rule can have added a missing seat.
    """
    last = JobRun.objects.filter(job=job, seen_at__isnull=False, error="").order_by("-id").first()
    if last is None or last.started_at > now:
        return True
    since = {"effective_at__gt": last.started_at - MARGIN, "effective_at__lte": now}
    return PolicyVersion.objects.filter(**since).exists() or ConflictRule.objects.filter(**since).exists()


def required_seats(
    labels: Sequence[str], before: EarlierOutcome | None, *, may_be_asked: Callable[[Person], bool]
) -> list[str]:
    """Return the seats of a question: the policy's, and an extra one if an earlier decider can't be asked again.

    Args:
        labels: the seats that the policy asks for.
        before: the earlier outcome; None if it was not refused or withdrawn.
        may_be_asked: whether a person is active and has no conflict of duties.
    """
    result = list(labels)
    if before is None or not before.counted:
        return result
    if not all(may_be_asked(decider(word)) for word in before.counted):
        return [*result, SeatLabel.SECOND if SeatLabel.SECURITY in result else SeatLabel.SECURITY]
    return list(dict.fromkeys([*result, *(word.seat.label for word in before.counted)]))
