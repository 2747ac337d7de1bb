"""What jobs do to approvals when their time has come: ask the next, remind, and expire as rejected (A9, A10, R9).

Each finds by itself what is due, does one thing in its own transaction, and may be killed or doubled anywhere: a reminder's key
makes it once, and an expired record is due no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet, prefetch_related_objects

from approvals.assignment import additional_seats, candidates, reassignment
from approvals.assignment.escalation_chain import LADDER, Bench
from approvals.assignment.route import Route
from approvals.assignment.transitions.add_seats import add_signatures
from approvals.assignment.transitions.reassign import ask_deputies, pass_on
from approvals.decisions.transitions.decide import title
from approvals.grants.jobs import circuit_breaker, revocation_tasks
from approvals.grants.jobs.expiry import end_unneeded_due, expire_due
from approvals.light_path import jobs as light_path_jobs
from approvals.models import Approval, ApprovalState, Candidate, Submission, SubmissionState
from approvals.proposals import transitions as proposal_transitions
from approvals.submissions.transitions.stages import expire
from approvals.submissions.transitions.withdraw import lapse
from governance.core.actors.actor import Actor
from governance.core.clock import organisation
from governance.core.engine.transition import Transition
from governance.core.jobs import sweeps
from governance.core.models import Notice
from governance.core.notices import outbox
from inventory.automations import jobs as automation_jobs
from inventory.ownership import transitions as ownership_transitions

JOB = "approvals.sweep"

#: The mail that reminds, and its word for what should have been decided by now.
EVENT, OVERDUE = "approval_due", "overdue"

#: Records whose routes are read together, and of which it is found out together who was told: a key for each person who was asked.
BATCH, TOLD_TOGETHER = 200, 500

#: What a reminder says of a submission, and what the ladders of its records read of it.
SUBMISSION = (
    "submission__version",
    "submission__policy",
    "submission__submitted_by",
    "submission__automation__team__lead",
    "submission__automation__team__deputy_lead",
    "submission__automation__team__parent__lead",
)


def sweep(now: datetime) -> Mapping[str, int]:
    """Everything that is due at ``now``; returns how many of what."""
    actor = Actor.of_job(JOB)
    expired = {"expired_approvals": expire_approvals(now, actor), "expired_submissions": expire_submissions(now, actor)}
    stuck, late = _who_is_next(now, reassignment.to_route(JOB, now))
    return {
        **expired,
        "asked_next": _each(stuck, pass_on, now, actor),
        "deputies": _each(late, ask_deputies, now, actor),
        "signatures_added": add_signatures_due(now, actor),
        "drawn": light_path_jobs.draw_due(now, actor),
        "passed_on": light_path_jobs.pass_on_due(now, actor),
        "unseen": light_path_jobs.lapse_due(now, actor),
        "reminders": remind(now)
        + remind_to_accept(now)
        + light_path_jobs.remind(now)
        + ownership_transitions.remind(now),
        "told_of_retiring": automation_jobs.remind(now),
        "retired": automation_jobs.retire_due(now, actor),
        "expired_grants": expire_due(now, actor),
        "unneeded_grants": end_unneeded_due(now, actor),
        "lapsed_proposals": lapse_proposals(now, actor),
        **circuit_breaker.sweep(now, actor),
        **revocation_tasks.sweep(now, actor),
    }


def expire_approvals(now: datetime, actor: Actor) -> int:
    """End open records whose time is up, and those that no builder answered in time; returns how many."""
    due = Approval.objects.filter(
        Q(state=ApprovalState.OPEN, expires_at__lte=now) | Q(state=ApprovalState.CHANGES_ASKED, builder_due_at__lte=now)
    )
    return sweeps.sweep(due, lambda record: expire.when_due(record, actor=actor, now=now), job=actor.job)


def expire_submissions(now: datetime, actor: Actor) -> int:
    """End decided submissions that nobody accepted or declined in time; returns how many (A5, A14)."""
    due = Submission.objects.filter(state=SubmissionState.DECIDED, accept_due_at__lte=now)
    return sweeps.sweep(due, lambda submission: lapse.when_due(submission, actor=actor, now=now), job=actor.job)


def lapse_proposals(now: datetime, actor: Actor) -> int:
    """End proposals that nobody answered in time; what acted at once is taken back; returns how many (S8)."""
    due = proposal_transitions.about_to_lapse(now)
    return sweeps.sweep(due, lambda one: proposal_transitions.lapse.when_due(one, actor=actor, now=now), job=actor.job)


def add_signatures_due(now: datetime, actor: Actor) -> int:
    """Ask for what a policy or a conflict rule that has come into force adds to what is open, and for what a conflict adds to what is
    decided and not in force; returns in how many submissions (A1, S6).
    """
    wanted = Q(pk__in=additional_seats.decided_in_conflict(now))
    if additional_seats.has_ruled(JOB, now):
        wanted |= Q(state=SubmissionState.OPEN)
    due = Submission.objects.filter(wanted)
    return sweeps.sweep(due, lambda one: add_signatures.when_due(one, actor=actor, now=now), job=actor.job)


def pass_on_due(now: datetime, actor: Actor) -> int:
    """Ask whoever is next about open records that none of those who were asked may decide; returns in how many submissions (A9)."""
    return _each(_who_is_next(now, _open())[0], pass_on, now, actor)


def ask_deputies_due(now: datetime, actor: Actor) -> int:
    """Ask the deputies about open records half of whose time is gone; returns in how many submissions (A10)."""
    return _each(_who_is_next(now, _open())[1], ask_deputies, now, actor)


def _open() -> QuerySet[Approval]:
    return Approval.objects.filter(state=ApprovalState.OPEN)


def _who_is_next(now: datetime, among: QuerySet[Approval]) -> tuple[set[int], set[int]]:
    """Submissions with an open record that nobody who was asked may decide, and those with one whose deputy is to be asked too."""
    stuck, late = set[int](), set[int]()
    keys = among.order_by("submission_id", "pk").values_list("pk", flat=True)
    for batch in _together(list(keys), now):
        for record, route in batch:
            if candidates.unasked(record, route):
                stuck.add(record.submission_id)
            if candidates.without_deputy(record, route):
                late.add(record.submission_id)
    return stuck, late


def _each(keys: set[int], verb: Transition[Submission], now: datetime, actor: Actor) -> int:
    due = Submission.objects.filter(pk__in=keys, state=SubmissionState.OPEN)
    return sweeps.sweep(due, lambda submission: verb.when_due(submission, actor=actor, now=now), job=actor.job)


def remind_to_accept(now: datetime) -> int:
    """Remind the business owner of a decided submission, half-way and a day before its time is up; returns how many are told."""
    waiting = Submission.objects.filter(state=SubmissionState.DECIDED, decided_at__isnull=False, accept_due_at__gt=now)
    sent = 0
    for one in waiting.select_related(
        "version", "automation__team", "automation__business_owner", "automation__interim__person"
    ).order_by("pk"):
        assert one.decided_at is not None  # the query asks for both
        assert one.accept_due_at is not None
        word = _nearing(one.decided_at, one.accept_due_at, now)
        owner = one.automation.accepting(now)
        if not word:
            continue
        with transaction.atomic():
            reminder = outbox.notice(
                recipient=owner,
                event="subset_to_accept",
                thread=f"submission:{one.pk}",
                key=f"submission:{one.pk}:subset:{word}:{owner.pk}",
                now=now,
                context={
                    "automation": one.automation.name,
                    "team": one.automation.team.name,
                    "version": one.version.number,
                    "word": word,
                    "due": one.accept_due_at.isoformat(),
                    "path": candidates.path(one),
                },
            )
            sent += len(outbox.queue([reminder]))
    return sent


def remind(now: datetime) -> int:
    """Remind whoever holds an open record: when half its time is gone, a day before it is due, and daily once it is overdue."""
    open_now = Approval.objects.filter(state=ApprovalState.OPEN, due_at__isnull=False).order_by("submission_id", "pk")
    times = open_now.only("opened_at", "due_at", "stage", "round", "submission").iterator()
    words = {record: word for record in times if (word := _reminder(record, now))}
    keys, told = _untold(words, now)
    sent = 0
    for batch in _together(keys, now):
        of_each = [_reminders_of(record, route, words[record], told, now) for record, route in batch]
        with transaction.atomic():
            sent += len(outbox.queue(one for reminders in of_each for one in reminders))
    return sent


def _key(record: Approval, word: str, person: int, now: datetime) -> str:
    """What makes a reminder one: a person, kind and deadline, for ten records of one submission that are due together are one line; of
    what is overdue the day too.
    """
    due = record.due_at.isoformat() if record.due_at else ""
    day = f":{now.astimezone(organisation.organisation_zone()).date().isoformat()}" if word == OVERDUE else ""
    return f"submission:{record.submission_id}:{word}{day}:{due}:{record.stage}:{record.round}:{person}"


def _untold(words: Mapping[Approval, str], now: datetime) -> tuple[list[int], set[str]]:
    """Of records with a reminder due those, by key, of which somebody who was asked is not told yet; and the keys of what was told.

    Most that are due were told of already, and need not be routed to find that out.
    """
    untold, told, records = [], set[str](), list(words)
    for start in range(0, len(records), TOLD_TOGETHER):
        some = records[start : start + TOLD_TOGETHER]
        here = Candidate.objects.filter(seat__approval__in=some, person__is_active=True, person__left_at__isnull=True)
        asked = here.order_by().values_list("seat__approval", "person")
        people: dict[int, list[int]] = {}
        for record, person in asked:
            people.setdefault(record, []).append(person)
        of_each = {one.pk: {_key(one, words[one], person, now) for person in people.get(one.pk, ())} for one in some}
        known = Notice.objects.filter(key__in=set().union(*of_each.values())).order_by()
        told.update(known.values_list("key", flat=True))
        untold += [pk for pk, keys in of_each.items() if not keys <= told]
    return untold, told


def _together(keys: Sequence[int], now: datetime) -> Iterator[list[tuple[Approval, Route]]]:
    """Records with who was asked about them, and the routes of their submissions: `BATCH` of them read together.

    Args:
        keys: of the records, those of a submission one after the other.
        now: business time.
    """
    bench = Bench.load(now) if keys else None
    for start in range(0, len(keys), BATCH):
        found = Approval.objects.filter(pk__in=keys[start : start + BATCH]).select_related(*SUBMISSION)
        records = list(found.order_by("submission_id", "pk"))
        prefetch_related_objects(records, "seats__candidates", *LADDER)
        submissions = list({record.submission_id: record.submission for record in records}.values())
        routes = Route.load_all(submissions, now, bench)
        yield [(record, routes[record.submission_id]) for record in records]


def _reminder(record: Approval, now: datetime) -> str:
    """Which reminder is due, the latest only; empty before the first."""
    if record.opened_at is None or record.due_at is None:
        return ""
    if now >= record.due_at:
        return OVERDUE
    return _nearing(record.opened_at, record.due_at, now)


def _nearing(begun_at: datetime, due_at: datetime, now: datetime) -> str:
    """Which reminder is due before the end of a time; empty before the first."""
    if now >= due_at - timedelta(days=1):
        return "day_before"
    return "half" if now >= begun_at + (due_at - begun_at) / 2 else ""


def _reminders_of(record: Approval, route: Route, word: str, told: set[str], now: datetime) -> Iterator[Notice]:
    """A reminder to whoever was asked about one record, may decide it and has not been told yet; notes who is told."""
    submission = route.submission
    due = record.due_at.isoformat() if record.due_at else ""
    standing = [
        (seat.label, person)
        for seat in route.standing(record)
        for person in (
            seat.on_time if word == "half" else seat.may_decide
        )  # the others were just asked because of that
    ]
    for person in [person for label, person in standing if candidates.is_asked(person, record, label)]:
        key = _key(record, word, person.pk, now)
        if key in told:
            continue
        told.add(key)
        yield outbox.notice(
            recipient=person,
            event=EVENT,
            thread=f"submission:{submission.pk}",
            key=key,
            now=now,
            context={
                "automation": submission.automation.name,
                "team": submission.automation.team.name,
                "what": title(record),
                "word": word,
                "due": due,
                "path": candidates.path(submission),
            },
        )
