"""Which signatures a submission takes besides those that it was asked with: by a policy or a conflict that came later (A1, S6, T1, T3).

What was asked is frozen, and nothing of it is taken away: a later policy that asks for less reaches only what is submitted after it, also where it is
back because what one person tightened has lapsed (S8). What
has been decided stands, but for a conflict that takes a signature: nothing that is in one comes into force without it. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from approvals.assignment.escalation_chain import LADDER
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check import remaining_conflicts
from approvals.conflicts.check import submission as conflicts
from approvals.conflicts.check.automation import Found
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

#: How many submissions are asked together whether they are in a conflict.
BATCH = 200
#: How much older than a run a rule may be that it has not seen: it is dated before its transaction ends.
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Tiers:
    """What everything of a submission is by the policy in force now.

    Args:
        app: the app's.
        privileges: by key.
        credentials: by id.
    """

    app: Tier
    privileges: Mapping[str, Tier]
    credentials: Mapping[int, Tier]

    def of(self, record: Approval) -> Tier:
        """A record's, never less than it was asked at."""
        if record.kind == ApprovalKind.APP:
            found: Tier | None = self.app
        elif record.kind == ApprovalKind.PRIVILEGE:
            found = self.privileges.get(record.key)
        else:
            found = self.credentials.get(record.credential_id or 0)
        return max(Tier.of(record.tier), found or Tier.LOW)


def missing(submission: Submission, records: Iterable[Approval], now: datetime) -> dict[int, tuple[str, ...]]:
    """The seats that some undecided records take by now and do not have.

    Args:
        submission: with automation, version and policy.
        records: of it, undecided.
        now: business time.

    Returns:
        Labels of seats by the record's id; only of those that lack one.
    """
    records, policy = list(records), policy_queries.in_force(now)
    judged = tiers(submission, policy, now) if records else None
    there: dict[int, set[str]] = {}
    for pk, label in Seat.objects.filter(approval__in=records).values_list("approval", "label") if records else ():
        there.setdefault(pk, set()).add(label)
    found = {}
    for record in records:
        record.submission = submission
        tier = judged.of(record).word if judged is not None else record.tier
        wanted = [*policy.seats(record.kind, tier), *(_for_conflicts(record, now))]
        if more := tuple(label for label in dict.fromkeys(wanted) if label not in there.get(record.pk, ())):
            found[record.pk] = more
    return found


def _for_conflicts(record: Approval, now: datetime) -> list[str]:
    signed_for = any(one.mode == Mode.APPROVAL for one in remaining_conflicts.of_record(record, now))
    return [SeatLabel.CONFLICT] if signed_for else []


@dataclass(frozen=True)
class Unsigned:
    """An approved record that nobody has signed for a conflict that it has come into since.

    Args:
        record: with what its ladder and its title read.
        found: the conflict.
    """

    record: Approval
    found: Found


def unsigned(submission: Submission, now: datetime) -> Sequence[Unsigned]:
    """What is approved in a submission and lacks the signature that a conflict takes by now, as all of it is decided (S6).

    A rule or a register that changed, or what another put in force, may have made the conflict after the yes.

    Args:
        submission: every record of which has ended.
        now: business time.
    """
    if all(one.rule.mode != Mode.APPROVAL for one in conflicts.rules_for(submission, now)):
        return ()
    records = list(submission.approvals.select_related(*LADDER, "privilege__credential").order_by("stage", "pk"))
    left = [one for one in conflicts.left(submission, records, now) if one.standing.rule.mode == Mode.APPROVAL]
    if not left:
        return ()
    seats = set(Seat.objects.filter(approval__in=records, label=SeatLabel.CONFLICT).values_list("approval", flat=True))
    given = Decision.objects.standing().filter(outcome=DecisionOutcome.APPROVE, seat__label=SeatLabel.CONFLICT)
    carried = CarriedDecision.objects.filter(approval__in=records, decision__in=given).values_list(
        "approval", flat=True
    )
    signed = {*given.filter(approval__in=records).values_list("approval", flat=True), *carried}
    lacking = [one for one in records if one.state == ApprovalState.APPROVED and one.pk not in signed]
    asked, pairs = conflicts.asked_in(submission), []
    for record in lacking:
        record.submission = submission
        key = conflicts.key_of(record)
        # One that is signed takes no further seat, but one that is there already is filled.
        due = [one for one in left if one.signature is None or record.pk in seats]
        part = next((one for one in due if conflicts.takes_part(record.kind, key, one, asked)), None)
        if part is not None:
            pairs.append(Unsigned(record, part))
    return pairs


def grown(submission: Submission, now: datetime) -> Found | None:
    """A conflict among the approved privileges that holds more than Security signed in this submission, or None."""
    signed = set(submission.signatures.standing().values_list("rule__code", flat=True))
    if not signed:
        return None
    records = submission.approvals.select_related("privilege").order_by("stage", "pk")
    left = (one for one in conflicts.left(submission, records, now) if one.mode == Mode.APPROVAL)
    return next((one for one in left if one.standing.rule.code in signed), None)


def decided_in_conflict(now: datetime) -> set[int]:
    """Ids of submissions that are decided, not in force yet, and in a conflict that takes a signature; for many in as many queries."""
    if all(one.rule.mode != Mode.APPROVAL for one in conflict_queries.in_force(now)):
        return set()
    waiting = Submission.objects.filter(state=SubmissionState.DECIDED).order_by("pk")
    some, found = list(waiting.select_related("automation", "version", "policy")), set[int]()
    for start in range(0, len(some), BATCH):
        batch = some[start : start + BATCH]
        conflicts.know(batch, now)
        caught = (one for one in batch if any(f.mode == Mode.APPROVAL for f in conflicts.of_submission(one, now)))
        found.update(one.pk for one in caught)
    return found


def tiers(submission: Submission, policy: policy_queries.Policy, now: datetime) -> Tiers | None:
    """What everything of it is by a policy, that in force now; None where that judges as the one does that it was submitted under."""
    if policy.tiers == policy_queries.of(submission.policy).tiers:
        return None
    automation, version = submission.automation, submission.version
    rows = assessment.Rows.of(version)
    used = [one.credential for one in rows.used]
    own = parties.people_in(automation, used, now) | set(submission.parties.values_list("person", flat=True))
    judged = assessment.judge(
        rows.privileges,
        used,
        rows.triggers,
        kind=automation.asked["kind"],
        environment=automation.environment,
        raised_to=automation.raised_to,
        sharers=assessment.sharers_of(automation, assessment.identities_of(version)),
        chain=chain_queries.with_version(version, rows.privileges),
        party_ids=own,
        bindings=policy_tiers.bindings_of(submission),
        rules=policy.tiers,
    )
    return Tiers(
        judged.app.tier,
        {key: one.tier for key, one in judged.privileges.items()},
        {credential.pk: one.tier for credential, one in judged.credentials},
    )


def has_ruled(job: str, now: datetime) -> bool:
    """Whether a policy or a conflict rule came into force since a run of ``job`` last ended well: else nothing can be missing by one."""
    last = JobRun.objects.filter(job=job, seen_at__isnull=False, error="").order_by("-id").first()
    if last is None or last.started_at > now:
        return True
    since = {"effective_at__gt": last.started_at - MARGIN, "effective_at__lte": now}
    return PolicyVersion.objects.filter(**since).exists() or ConflictRule.objects.filter(**since).exists()
