"""Conflicts of a submission that remain after its decisions so far, without refused privileges (S6).

For pages; reads only.

A decision is about the conflicts of the whole submission (`submission.facts_of`). So a decision on another approval
voids none (A6).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from approvals.conflicts.check import automation
from approvals.conflicts.check import submission as check_submission
from approvals.conflicts.check.automation import FoundConflict
from approvals.models import Approval, Grant, Submission

#: Approvals that grant less than was asked.
REDUCED = Q(state__in=check_submission.GIVES_NOTHING) | ~Q(granted_level="")


def remaining_of_submission(submission: Submission, now: datetime) -> Sequence[FoundConflict]:
    """Return a submission's conflicts without refused or narrowed access. Cached on this instance."""
    conflicts: Sequence[FoundConflict] | None = submission.__dict__.get("_remaining")
    if conflicts is None:
        conflicts = check_submission.conflicts_of_submission(submission, now)
        approvals = submission.approvals.all()
        if conflicts and any(
            approval.state in check_submission.GIVES_NOTHING or approval.granted_level for approval in approvals
        ):
            conflicts = tuple(check_submission.remaining_conflicts(submission, approvals, now))
        submission.__dict__["_remaining"] = conflicts
    return conflicts


def remaining_of_approval(approval: Approval, now: datetime) -> list[FoundConflict]:
    """Return the remaining conflicts that an approval is part of; none if it is refused itself."""
    key, asked_keys = check_submission.key_of(approval), check_submission.approval_keys_in(approval.submission)
    conflicts = remaining_of_submission(approval.submission, now)
    return [conflict for conflict in conflicts if check_submission.takes_part(approval.kind, key, conflict, asked_keys)]


def preload_remaining(submissions: Sequence[Submission], now: datetime) -> None:
    """Load the remaining conflicts of several submissions for one page. The number of queries is fixed."""
    check_submission.preload_conflicts(submissions, now)
    submission_by_id = {submission.pk: submission for submission in submissions}
    for submission in submissions:
        submission.__dict__["_remaining"] = check_submission.conflicts_of_submission(submission, now)
    in_conflict = [pk for pk, submission in submission_by_id.items() if submission.__dict__["_remaining"]]
    if not in_conflict:
        return
    less = Approval.objects.filter(REDUCED, submission__in=in_conflict).values("submission")
    approvals_by_submission: dict[int, list[Approval]] = {}
    for approval in Approval.objects.filter(submission__in=less, stage=2).select_related("privilege"):
        approvals_by_submission.setdefault(approval.submission_id, []).append(approval)
    if not approvals_by_submission:
        return
    narrowed = [submission_by_id[pk] for pk in approvals_by_submission]
    rules, kept = check_submission.rules_for(narrowed[0], now), _grants_by_automation(narrowed, now)
    cases = [
        check_submission.case_as_decided(
            submission, approvals_by_submission[submission.pk], kept.get(submission.automation_id, []), case
        )
        for submission, case in zip(narrowed, check_submission.current_cases(narrowed, rules), strict=True)
    ]
    conflicts_by_submission = dict(
        zip(approvals_by_submission, automation.find_all_conflicts(cases, now, rules), strict=True)
    )
    for submission in submissions:
        submission.__dict__["_remaining"] = tuple(
            conflicts_by_submission.get(submission.pk, submission.__dict__["_remaining"])
        )


def _grants_by_automation(submissions: Sequence[Submission], now: datetime) -> dict[int, list[Grant]]:
    """Return the grants of the submissions' automations, by automation."""
    grants_by_automation: dict[int, list[Grant]] = {}
    for grant in check_submission.counted_grants([submission.automation_id for submission in submissions], now):
        grants_by_automation.setdefault(grant.automation_id, []).append(grant)
    return grants_by_automation
