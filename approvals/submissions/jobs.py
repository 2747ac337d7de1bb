"""Jobs of submissions: expire and remind, and the sweep of approvals that runs the jobs of all packages (A10, R9).

Each job finds what is due and does one thing in its own transaction. It may be killed or run twice: an expired approval is
no longer due.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from approvals.assignment import candidates
from approvals.assignment import jobs as assignment_jobs
from approvals.decisions import jobs as decision_jobs
from approvals.grants import jobs as grant_jobs
from approvals.light_path import jobs as light_path_jobs
from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from approvals.proposals.jobs import end_due
from approvals.submissions.transitions.expire import expire, expire_submission
from governance.core.access import Actor
from governance.core.notices import outbox
from inventory.automations import jobs as automation_jobs
from inventory.ownership import jobs as ownership_jobs

#: The sweep of approvals.
JOB = assignment_jobs.JOB


def sweep(now: datetime) -> Mapping[str, int]:
    """Do everything that is due at ``now``. Return the counts."""
    actor = Actor.of_job(JOB)
    expired = {"expired_approvals": expire_approvals(now, actor), "expired_submissions": expire_submissions(now, actor)}
    return {
        **expired,
        **assignment_jobs.route_due(now, actor),
        "signatures_added": assignment_jobs.add_signatures_due(now, actor),
        "drawn": light_path_jobs.draw_spot_checks(now, actor),
        "passed_on": light_path_jobs.pass_on_due(now, actor),
        "unseen": light_path_jobs.lapse_due(now, actor),
        "reminders": decision_jobs.remind(now)
        + remind_to_accept(now)
        + light_path_jobs.remind(now)
        + ownership_jobs.remind_interims(now),
        "told_of_retiring": automation_jobs.send_reminders(now),
        "retired": automation_jobs.retire_due(now, actor),
        "expired_grants": grant_jobs.expire_due(now, actor),
        "lapsed_proposals": end_due.lapse_due(now, actor),
        **grant_jobs.end_held_grants(now, actor),
        **grant_jobs.follow_revocation_tasks(now, actor),
    }


def expire_approvals(now: datetime, actor: Actor) -> int:
    """Expire open approvals past their deadline, and questions that no builder answered. Return the number."""
    due = Approval.objects.filter(
        Q(state=ApprovalState.OPEN, expires_at__lte=now) | Q(state=ApprovalState.CHANGES_ASKED, builder_due_at__lte=now)
    )
    return expire.sweep(due, actor=actor, now=now)


def expire_submissions(now: datetime, actor: Actor) -> int:
    """Expire decided submissions that no one accepted or declined in time. Return the number (A5, A14)."""
    due = Submission.objects.filter(state=SubmissionState.DECIDED, accept_due_at__lte=now)
    return expire_submission.sweep(due, actor=actor, now=now)


def remind_to_accept(now: datetime) -> int:
    """Remind the business owner of a decided submission, half-way and a day before the deadline.

    Return the number of notices.
    """
    waiting = Submission.objects.filter(state=SubmissionState.DECIDED, decided_at__isnull=False, accept_due_at__gt=now)
    waiting = waiting.select_related("version", "submitted_by", "automation__team", "automation__business_owner")
    sent = 0
    for submission in waiting.select_related("automation__interim__person").order_by("pk"):
        assert submission.decided_at is not None  # the query filters on both
        assert submission.accept_due_at is not None
        if word := decision_jobs.deadline_reminder(submission.decided_at, submission.accept_due_at, now):
            owner = submission.automation.accepting(now)
            facts = {"word": word, "due": submission.accept_due_at.isoformat()}
            notices = candidates.notices(now, submission, [owner], "subset_to_accept", key=f"subset:{word}", **facts)
            with transaction.atomic():
                sent += len(outbox.queue(notices))
    return sent
