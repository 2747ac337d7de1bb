"""Seats that an open submission needs in addition because of a later policy or conflict (A1, S6, T1, T3). Reads only.

- A later policy adds seats and removes none. A relaxed policy applies only to later submissions, even if a tightening
  has lapsed (S8).
- Decided approvals keep their seats. Only a conflict that needs an extra approval adds one to them before they come
  into force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals.assignment.escalation_chain import CHAIN_RELATIONS
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check import remaining_conflicts
from approvals.conflicts.check import submission as conflicts
from approvals.conflicts.check.automation import FoundConflict
from approvals.models import (
    Approval,
    ApprovalKind,
    ApprovalState,
    CarriedDecision,
    ConflictRule,
    Decision,
    DecisionOutcome,
    PolicyVersion,
    Seat,
    SeatLabel,
    Submission,
    SubmissionState,
)
from approvals.models.conflict import Mode
from approvals.policies import queries as policy_queries
from approvals.policies import tiers as policy_tiers
from governance.core.models import JobRun
from inventory.chains import queries as chain_queries
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

    def of(self, record: Approval) -> Tier:
        """Return the tier of an approval, never lower than its tier at submission."""
        if record.kind == ApprovalKind.APP:
            tier: Tier | None = self.app
        elif record.kind == ApprovalKind.PRIVILEGE:
            tier = self.privileges.get(record.key)
        else:
            tier = self.credentials.get(record.credential_id or 0)
        return max(Tier.of(record.tier), tier or Tier.LOW)


def missing_seats(submission: Submission, records: Iterable[Approval], now: datetime) -> dict[int, tuple[str, ...]]:
    """Return the seats that undecided approvals need now and lack.

    Args:
        submission: with automation, version and policy.
        records: its undecided approvals.
        now: business time.

    Returns:
        Labels of missing seats by approval id, without empty entries.
    """
    records, policy = list(records), policy_queries.in_force(now)
    judged = current_tiers(submission, policy, now) if records else None
    present: dict[int, set[str]] = {}
    for pk, label in Seat.objects.filter(approval__in=records).values_list("approval", "label") if records else ():
        present.setdefault(pk, set()).add(label)
    labels_by_id = {}
    for record in records:
        record.submission = submission
        tier = judged.of(record).word if judged is not None else record.tier
        required = [*policy.seats(record.kind, tier), *(_conflict_seats(record, now))]
        if lacking := tuple(label for label in dict.fromkeys(required) if label not in present.get(record.pk, ())):
            labels_by_id[record.pk] = lacking
    return labels_by_id


def _conflict_seats(record: Approval, now: datetime) -> list[str]:
    signed_for = any(
        conflict.mode == Mode.APPROVAL for conflict in remaining_conflicts.remaining_of_approval(record, now)
    )
    return [SeatLabel.CONFLICT] if signed_for else []


@dataclass(frozen=True)
class UnsignedApproval:
    """An approval that ended as approved but lacks the extra approval for a later conflict.

    Args:
        record: the approval, with relations that its escalation chain and title read.
        conflict: the conflict.
    """

    record: Approval
    conflict: FoundConflict


def unsigned_approvals(submission: Submission, now: datetime) -> Sequence[UnsignedApproval]:
    """Return approved items that lack an extra approval for a conflict, once the submission is decided (S6).

    The conflict may come from a changed rule, a register change or another submission that came into force later.

    Args:
        submission: its approvals have all ended.
        now: business time.
    """
    if all(conflict.rule.mode != Mode.APPROVAL for conflict in conflicts.rules_for(submission, now)):
        return ()
    records = list(
        submission.approvals.select_related(*CHAIN_RELATIONS, "privilege__credential").order_by("stage", "pk")
    )
    conflicts_left = [
        conflict
        for conflict in conflicts.remaining_conflicts(submission, records, now)
        if conflict.standing.rule.mode == Mode.APPROVAL
    ]
    if not conflicts_left:
        return ()
    seats = set(Seat.objects.filter(approval__in=records, label=SeatLabel.CONFLICT).values_list("approval", flat=True))
    given = Decision.objects.standing().filter(outcome=DecisionOutcome.APPROVE, seat__label=SeatLabel.CONFLICT)
    carried = CarriedDecision.objects.filter(approval__in=records, decision__in=given).values_list(
        "approval", flat=True
    )
    signed = {*given.filter(approval__in=records).values_list("approval", flat=True), *carried}
    unsigned_records = [
        record for record in records if record.state == ApprovalState.APPROVED and record.pk not in signed
    ]
    privileges, pairs = conflicts.approval_keys_in(submission), []
    for record in unsigned_records:
        record.submission = submission
        key = conflicts.key_of(record)
        # A signed conflict needs no further seat, but an existing seat is filled.
        open_conflicts = [conflict for conflict in conflicts_left if conflict.signature is None or record.pk in seats]
        found_conflict = next(
            (conflict for conflict in open_conflicts if conflicts.takes_part(record.kind, key, conflict, privileges)),
            None,
        )
        if found_conflict is not None:
            pairs.append(UnsignedApproval(record, found_conflict))
    return pairs


def grown_conflict(submission: Submission, now: datetime) -> FoundConflict | None:
    """Return a conflict among approved privileges that holds more than Security signed in this submission, or None."""
    signed = set(submission.signatures.standing().values_list("rule__code", flat=True))
    if not signed:
        return None
    records = submission.approvals.select_related("privilege").order_by("stage", "pk")
    left = (
        conflict
        for conflict in conflicts.remaining_conflicts(submission, records, now)
        if conflict.mode == Mode.APPROVAL
    )
    return next((conflict for conflict in left if conflict.standing.rule.code in signed), None)


def submissions_in_conflict(now: datetime) -> set[int]:
    """Return the ids of decided submissions that need an extra approval for a conflict before they come into force.

    The number of queries does not depend on the number of submissions.
    """
    if all(conflict.rule.mode != Mode.APPROVAL for conflict in conflict_queries.in_force(now)):
        return set()
    waiting = Submission.objects.filter(state=SubmissionState.DECIDED).order_by("pk")
    submissions, submission_ids = list(waiting.select_related("automation", "version", "policy")), set[int]()
    for start in range(0, len(submissions), BATCH):
        batch = submissions[start : start + BATCH]
        conflicts.preload_conflicts(batch, now)
        caught = (
            submission
            for submission in batch
            if any(f.mode == Mode.APPROVAL for f in conflicts.conflicts_of_submission(submission, now))
        )
        submission_ids.update(submission.pk for submission in caught)
    return submission_ids


def current_tiers(submission: Submission, policy: policy_queries.Policy, now: datetime) -> Tiers | None:
    """Return the tiers of a submission under ``policy``, or None if its own policy has the same tier rules."""
    if policy.tiers == policy_queries.policy_of(submission.policy).tiers:
        return None
    automation, version = submission.automation, submission.version
    rows = version_transitions.VersionRows.of(version)
    used = [use.credential for use in rows.used]
    party_ids = parties.party_ids(automation, used, now) | set(submission.parties.values_list("person", flat=True))
    judged = assessment.judge_version(
        rows.privileges,
        used,
        rows.triggers,
        kind=automation.asked["kind"],
        environment=automation.environment,
        raised_to=automation.raised_to,
        sharers=assessment.sharers_of(automation, assessment.identities_of(version)),
        chain=chain_queries.chain_with_version(version, rows.privileges),
        party_ids=party_ids,
        bindings=policy_tiers.bindings_of(submission),
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
