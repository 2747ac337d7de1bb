"""What jobs do to approvals when their time has come: remind, and expire as rejected (A10, R9).

Each finds by itself what is due, does one thing in its own transaction, and may be killed or doubled anywhere: a reminder's key
makes it once, and an expired record is due no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from approvals import asking
from approvals.grant_sweeps import expire_due
from approvals.models import Approval, ApprovalState
from approvals.routing import Route
from approvals.transitions import expire
from approvals.transitions.deciding import title
from governance.controls import claims, outbox
from governance.controls.actors import Actor

JOB = "approvals.sweep"


def sweep(now: datetime) -> Mapping[str, int]:
    """Everything that is due at ``now``; returns how many of what."""
    actor = Actor.of_job(JOB)
    return {
        "expired_approvals": expire_approvals(now, actor),
        "reminders": remind(now),
        "expired_grants": expire_due(now, actor),
    }


def expire_approvals(now: datetime, actor: Actor) -> int:
    """End open records whose time is up, and those that no builder answered in time; returns how many."""
    due = Approval.objects.filter(
        Q(state=ApprovalState.OPEN, expires_at__lte=now) | Q(state=ApprovalState.CHANGES_ASKED, builder_due_at__lte=now)
    )
    return claims.sweep(due, lambda record: expire(record, actor=actor, now=now), job=actor.job)


def remind(now: datetime) -> int:
    """Remind whoever holds an open record: when half its time is gone, a day before it is due, and once it is overdue."""
    sent = 0
    open_now = Approval.objects.filter(state=ApprovalState.OPEN, due_at__isnull=False).select_related(
        "submission__automation__team", "submission__version", "submission__submitted_by"
    )
    for record in open_now.order_by("submission", "pk").iterator():
        word = _reminder(record, now)
        if word:
            sent += _remind_of(record, word, now)
    return sent


def _reminder(record: Approval, now: datetime) -> str:
    """Which reminder is due, the latest only; empty before the first."""
    if record.opened_at is None or record.due_at is None:
        return ""
    if now >= record.due_at:
        return "overdue"
    if now >= record.due_at - timedelta(days=1):
        return "day_before"
    return "half" if now >= record.opened_at + (record.due_at - record.opened_at) / 2 else ""


def _remind_of(record: Approval, word: str, now: datetime) -> int:
    submission = record.submission
    sent = 0
    with transaction.atomic():
        for standing in Route.load(submission, now).standing(record):
            for person in standing.may_decide:
                made = outbox.queue(
                    recipient=person,
                    event="approval_due",
                    thread=f"submission:{submission.pk}",
                    # One reminder a person, submission and kind: ten records of one submission are one mail.
                    key=f"submission:{submission.pk}:{word}:{record.stage}:{record.round}:{person.pk}",
                    now=now,
                    context={
                        "automation": submission.automation.name,
                        "team": submission.automation.team.name,
                        "what": title(record),
                        "word": word,
                        "due": record.due_at.isoformat() if record.due_at else "",
                        "path": asking.path(submission),
                    },
                )
                sent += made is not None
    return sent
