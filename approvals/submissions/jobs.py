"""Jobs of approvals: ask the next person, remind, and expire (A9, A10, R9).

Each job finds what is due and does one thing in its own transaction. It may be killed or run twice: the key of a
reminder is unique, and an expired approval is no longer due.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from approvals.assignment import additional_seats, candidates, reassignment
from approvals.assignment.context import load_contexts
from approvals.assignment.route import Route
from approvals.assignment.transitions.add_seats import add_signatures
from approvals.assignment.transitions.reassign import ask_deputies, reassign
from approvals.decisions.transitions.decide import title
from approvals.grants.jobs import circuit_breaker, revocation_tasks
from approvals.grants.jobs.expiry import expire_due
from approvals.light_path import jobs as light_path_jobs
from approvals.models import Approval, ApprovalState, Candidate, Submission, SubmissionState
from approvals.policies.facts import SUBMISSION_RELATIONS
from approvals.proposals import transitions as proposal_transitions
from approvals.submissions.transitions.expire import expire, expire_submission
from governance.core.actors.actor import Actor
from governance.core.clock import organisation
from governance.core.engine.transition import Transition
from governance.core.jobs import sweeps
from governance.core.models import Notice
from governance.core.notices import outbox
from inventory.automations import jobs as automation_jobs
from inventory.ownership import jobs as ownership_jobs

JOB = "approvals.sweep"

#: Event of the reminder, and its word for overdue approvals.
EVENT, OVERDUE = "approval_due", "overdue"

#: Batch sizes: approvals whose routes are read together, and approvals whose reminders are looked up together.
BATCH, TOLD_TOGETHER = 200, 500


def sweep(now: datetime) -> Mapping[str, int]:
    """Do everything that is due at ``now``. Return the counts."""
    actor = Actor.of_job(JOB)
    expired = {"expired_approvals": expire_approvals(now, actor), "expired_submissions": expire_submissions(now, actor)}
    stuck, late = _due_for_routing(now, reassignment.approvals_to_route(JOB, now))
    return {
        **expired,
        "asked_next": _run_for_submissions(stuck, reassign, now, actor),
        "deputies": _run_for_submissions(late, ask_deputies, now, actor),
        "signatures_added": add_signatures_due(now, actor),
        "drawn": light_path_jobs.draw_spot_checks(now, actor),
        "passed_on": light_path_jobs.pass_on_due(now, actor),
        "unseen": light_path_jobs.lapse_due(now, actor),
        "reminders": remind(now)
        + remind_to_accept(now)
        + light_path_jobs.remind(now)
        + ownership_jobs.remind_interims(now),
        "told_of_retiring": automation_jobs.send_reminders(now),
        "retired": automation_jobs.retire_due(now, actor),
        "expired_grants": expire_due(now, actor),
        "lapsed_proposals": lapse_proposals(now, actor),
        **circuit_breaker.sweep(now, actor),
        **revocation_tasks.sweep(now, actor),
    }


def expire_approvals(now: datetime, actor: Actor) -> int:
    """Expire open approvals past their deadline, and questions that no builder answered. Return the number."""
    due = Approval.objects.filter(
        Q(state=ApprovalState.OPEN, expires_at__lte=now) | Q(state=ApprovalState.CHANGES_ASKED, builder_due_at__lte=now)
    )
    return sweeps.sweep(due, lambda approval: expire.when_due(approval, actor=actor, now=now), job=actor.job)


def expire_submissions(now: datetime, actor: Actor) -> int:
    """Expire decided submissions that no one accepted or declined in time. Return the number (A5, A14)."""
    due = Submission.objects.filter(state=SubmissionState.DECIDED, accept_due_at__lte=now)
    return sweeps.sweep(
        due, lambda submission: expire_submission.when_due(submission, actor=actor, now=now), job=actor.job
    )


def lapse_proposals(now: datetime, actor: Actor) -> int:
    """End proposals that no one answered in time, and revert those that acted at once. Return the number (S8)."""
    due = proposal_transitions.due_to_lapse(now)
    return sweeps.sweep(
        due, lambda proposal: proposal_transitions.lapse.when_due(proposal, actor=actor, now=now), job=actor.job
    )


def add_signatures_due(now: datetime, actor: Actor) -> int:
    """Add the seats that new policies, new conflict rules or new conflicts require. Return the number of submissions
    (A1, S6).

    Seats of policies and rules are added to open submissions, and those of conflicts also to decided ones.
    """
    wanted = Q(pk__in=additional_seats.submissions_in_conflict(now))
    if additional_seats.has_new_rule(JOB, now):
        wanted |= Q(state=SubmissionState.OPEN)
    due = Submission.objects.filter(wanted)
    return sweeps.sweep(
        due, lambda submission: add_signatures.when_due(submission, actor=actor, now=now), job=actor.job
    )


def pass_on_due(now: datetime, actor: Actor) -> int:
    """Ask the next person about open approvals that no one who was asked may decide.

    Return the number of submissions (A9).
    """
    return _run_for_submissions(_due_for_routing(now, _open_approvals())[0], reassign, now, actor)


def ask_deputies_due(now: datetime, actor: Actor) -> int:
    """Ask the deputies about open approvals at half of their time. Return the number of submissions (A10)."""
    return _run_for_submissions(_due_for_routing(now, _open_approvals())[1], ask_deputies, now, actor)


def _open_approvals() -> QuerySet[Approval]:
    return Approval.objects.filter(state=ApprovalState.OPEN)


def _due_for_routing(now: datetime, among: QuerySet[Approval]) -> tuple[set[int], set[int]]:
    """Return submissions with an open approval that no one who was asked may decide, and those that need a deputy."""
    stuck, late = set[int](), set[int]()
    keys = among.order_by("submission_id", "pk").values_list("pk", flat=True)
    for batch in _load_batches(list(keys), now):
        for approval, route in batch:
            if candidates.seats_to_reassign(approval, route):
                stuck.add(approval.submission_id)
            if candidates.seats_for_late_rungs(approval, route):
                late.add(approval.submission_id)
    return stuck, late


def _run_for_submissions(keys: set[int], verb: Transition[Submission], now: datetime, actor: Actor) -> int:
    due = Submission.objects.filter(pk__in=keys, state=SubmissionState.OPEN)
    return sweeps.sweep(due, lambda submission: verb.when_due(submission, actor=actor, now=now), job=actor.job)


def remind_to_accept(now: datetime) -> int:
    """Remind the business owner of a decided submission, half-way and a day before the deadline.

    Return the number of notices.
    """
    waiting = Submission.objects.filter(state=SubmissionState.DECIDED, decided_at__isnull=False, accept_due_at__gt=now)
    sent = 0
    for submission in waiting.select_related(
        "version", "automation__team", "automation__business_owner", "automation__interim__person"
    ).order_by("pk"):
        assert submission.decided_at is not None  # the query filters on both
        assert submission.accept_due_at is not None
        word = _deadline_reminder(submission.decided_at, submission.accept_due_at, now)
        owner = submission.automation.accepting(now)
        if not word:
            continue
        with transaction.atomic():
            reminder = outbox.notice(
                recipient=owner,
                event="subset_to_accept",
                thread=f"submission:{submission.pk}",
                key=f"submission:{submission.pk}:subset:{word}:{owner.pk}",
                now=now,
                context={
                    "automation": submission.automation.name,
                    "team": submission.automation.team.name,
                    "version": submission.version.number,
                    "word": word,
                    "due": submission.accept_due_at.isoformat(),
                    "path": candidates.path(submission),
                },
            )
            sent += len(outbox.queue([reminder]))
    return sent


def remind(now: datetime) -> int:
    """Remind the approvers of open approvals: at half the time, a day before they are due, and daily once overdue."""
    open_now = Approval.objects.filter(state=ApprovalState.OPEN, due_at__isnull=False).order_by("submission_id", "pk")
    times = open_now.only("opened_at", "due_at", "stage", "round", "submission").iterator()
    words = {approval: word for approval in times if (word := _due_reminder(approval, now))}
    keys, sent_keys = _unsent_reminders(words, now)
    sent = 0
    for batch in _load_batches(keys, now):
        of_each = [_build_reminders(approval, route, words[approval], sent_keys, now) for approval, route in batch]
        with transaction.atomic():
            sent += len(outbox.queue(reminder for reminders in of_each for reminder in reminders))
    return sent


def _reminder_key(approval: Approval, word: str, person: int, now: datetime) -> str:
    """Return the key of a reminder: a person, kind and deadline, and the day if overdue.

    Approvals of one submission share it.
    """
    due = approval.due_at.isoformat() if approval.due_at else ""
    day = f":{now.astimezone(organisation.organisation_zone()).date().isoformat()}" if word == OVERDUE else ""
    return f"submission:{approval.submission_id}:{word}{day}:{due}:{approval.stage}:{approval.round}:{person}"


def _unsent_reminders(words: Mapping[Approval, str], now: datetime) -> tuple[list[int], set[str]]:
    """Return ids of approvals with a reminder that is not sent yet, and the keys of sent reminders.

    Most due reminders are sent already. Their routes need not be loaded.
    """
    unsent_ids, sent_keys, approvals = [], set[str](), list(words)
    for start in range(0, len(approvals), TOLD_TOGETHER):
        batch = approvals[start : start + TOLD_TOGETHER]
        present_candidates = Candidate.objects.filter(
            seat__approval__in=batch, person__is_active=True, person__left_at__isnull=True
        )
        asked_pairs = present_candidates.order_by().values_list("seat__approval", "person")
        people: dict[int, list[int]] = {}
        for approval_id, person in asked_pairs:
            people.setdefault(approval_id, []).append(person)
        of_each = {
            approval.pk: {
                _reminder_key(approval, words[approval], person, now) for person in people.get(approval.pk, ())
            }
            for approval in batch
        }
        notices = Notice.objects.filter(key__in=set().union(*of_each.values())).order_by()
        sent_keys.update(notices.values_list("key", flat=True))
        unsent_ids += [pk for pk, keys in of_each.items() if not keys <= sent_keys]
    return unsent_ids, sent_keys


def _load_batches(keys: Sequence[int], now: datetime) -> Iterator[list[tuple[Approval, Route]]]:
    """Yield batches of approvals with candidates loaded, and the routes of their submissions.

    Args:
        keys: ids of the approvals, grouped by submission.
        now: business time.
    """
    for start in range(0, len(keys), BATCH):
        batch = set(keys[start : start + BATCH])
        submissions = Submission.objects.filter(approvals__in=batch).distinct().order_by("pk")
        contexts = load_contexts(list(submissions.select_related(*SUBMISSION_RELATIONS)), now)
        yield [
            (approval, context.route)
            for context in contexts.values()
            for approval in context.approvals
            if approval.pk in batch
        ]


def _due_reminder(approval: Approval, now: datetime) -> str:
    """Return the latest reminder that is due; empty before the first."""
    if approval.opened_at is None or approval.due_at is None:
        return ""
    if now >= approval.due_at:
        return OVERDUE
    return _deadline_reminder(approval.opened_at, approval.due_at, now)


def _deadline_reminder(begun_at: datetime, due_at: datetime, now: datetime) -> str:
    """Return the reminder that is due before a deadline; empty before the first."""
    if now >= due_at - timedelta(days=1):
        return "day_before"
    return "half" if now >= begun_at + (due_at - begun_at) / 2 else ""


def _build_reminders(
    approval: Approval, route: Route, word: str, sent_keys: set[str], now: datetime
) -> Iterator[Notice]:
    """Yield reminders for people who were asked, may decide and have none yet. Adds their keys."""
    submission = route.submission
    due = approval.due_at.isoformat() if approval.due_at else ""
    standing = [
        (seat, person)
        for seat in route.standing(approval)
        for person in (seat.on_time if word == "half" else seat.may_decide)  # deputies were asked only at half the time
    ]
    for person in [person for seat, person in standing if person.pk in route.facts.candidates.get(seat.seat.pk, ())]:
        key = _reminder_key(approval, word, person.pk, now)
        if key in sent_keys:
            continue
        sent_keys.add(key)
        yield outbox.notice(
            recipient=person,
            event=EVENT,
            thread=f"submission:{submission.pk}",
            key=key,
            now=now,
            context={
                "automation": submission.automation.name,
                "team": submission.automation.team.name,
                "what": title(approval),
                "word": word,
                "due": due,
                "path": candidates.path(submission),
            },
        )
