"""Digest lines: what a person was notified of and has not finished (A10, A14).

A line of a task is the task of the Approvals page and home. The other lines are reminders of facts that still hold.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from approvals.inbox.queries import approvals, tasks
from approvals.inbox.queries.approvals import SubmissionTask
from approvals.inbox.task import Task
from approvals.models import ApprovalState, Conflict, Grant, Submission, Waiver
from governance.core.access import Actor
from governance.core.database.grouping import grouped
from governance.core.mail import daily_digest
from governance.core.mail.daily_digest import Line
from governance.core.models import Notice, NoticeState, Person


def register() -> None:
    """Register the digest lines of approvals, by event."""
    _register_tasks(approvals.decisions, "stage_1_opened", "stage_2_opened", "approval_answered", "approval_due")
    _register_tasks(_questions, "changes_asked")
    _register_tasks(_acceptances, "subset_to_accept")
    _register_tasks(approvals.spot_checks, "sample_drawn", "sample_due")
    _register_tasks(tasks.waivers, "waiver_asked")
    _register_tasks(tasks.proposals, "proposal_made", "proposal_to_accept")
    _register_tasks(tasks.revocation_tasks, "revocation_overdue")
    _register_tasks(tasks.resources, "resource_waits")
    daily_digest.register(retraction_lines, "question_retracted")
    _register_rows("submission", lambda _: Submission.objects.unfinished(), None, "tier_raised")
    approved = Q(app_approval__state=ApprovalState.APPROVED)
    rejected = Q(approvals__state=ApprovalState.REJECTED)
    _register_rows("submission", lambda _: Submission.objects.unfinished().filter(approved), None, "app_approved")
    _register_rows("submission", lambda _: Submission.objects.filter(rejected), None, "part_rejected")
    _register_rows("conflict", lambda now: Conflict.objects.standing("", now), "due_at", "conflict_opened")
    _register_rows("waiver", lambda now: Waiver.objects.live(now).not_followed(), "ends_at", "waiver_ending")
    _register_rows("grant", lambda now: Grant.objects.live(now), "ends_at", "grant_ending")


def _questions(actor: Actor, now: datetime) -> list[Task]:
    assert actor.person is not None  # a digest has a recipient
    submissions = approvals.unfinished_submissions(actor.person, now)
    return approvals.questions(approvals.load_questions(submissions), submissions)


def _acceptances(actor: Actor, now: datetime) -> list[Task]:
    assert actor.person is not None  # a digest has a recipient
    submissions = approvals.unfinished_submissions(actor.person, now)
    return approvals.acceptances(submissions, actor.person, now)


def _register_tasks(load: Callable[[Actor, datetime], Iterable[Task]], *events: str) -> None:
    """Register lines of the recipient's open tasks."""

    def lines(person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
        open_tasks = [task for task in load(Actor.of_person(person), now) if task.thread in threads and not task.is_own]
        by_thread = grouped((task.thread, task) for task in open_tasks)
        return {thread: _line(some) for thread, some in by_thread.items()}

    daily_digest.register(lines, *events)


def _line(some: list[Task]) -> Line:
    """Return the line of the tasks of one thread."""
    due = min((task.due for task in some if task.due is not None), default=None)
    if len(some) > 1:  # questions about one submission
        return Line(due, f"{some[0].subject}: {len(some)} approvals wait for an answer or a change")
    facts = {"count": len(some[0].approvals)} if isinstance(some[0], SubmissionTask) else {}
    return Line(due, some[0].line, facts)


def _register_rows(noun: str, rows: Callable[[datetime], QuerySet[Any]], due: str | None, *events: str) -> None:
    """Register lines of rows that are still in some state, for any recipient.

    Args:
        noun: the threads are named ``noun:pk``.
        rows: the rows in that state.
        due: column of the deadline.
        events: the events of the notices.
    """

    def lines(_person: Person, threads: Collection[str], now: datetime) -> dict[str, Line]:
        found = rows(now).filter(pk__in=daily_digest.keys(threads)).order_by("pk")
        return {f"{noun}:{row.pk}": Line(getattr(row, due) if due else None) for row in found}

    daily_digest.register(lines, *events)


def retraction_lines(person: Person, threads: Collection[str], _now: datetime) -> dict[str, Line]:
    """Submissions with a retracted question that the person has already had by mail. Other people need no notice of the retraction."""
    notices = Notice.objects.filter(recipient=person, event="changes_asked", thread__in=threads)
    sent_threads = notices.filter(digest__state=NoticeState.SENT).order_by().values_list("thread", flat=True)
    return {thread: Line() for thread in sent_threads}
