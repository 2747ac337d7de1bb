"""Jobs of decisions: reminders of open approvals, and the nightly notices of signals (A10, S10, G4, R9).

The key of a notice is unique, so a killed or repeated run sends none twice. The nightly job runs every minute, since
beat keeps no timetable over a restart, and acts once a night in the organisation's time zone.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction

from approvals.assignment import candidates
from approvals.assignment.escalation_chain import Bench
from approvals.assignment.jobs import load_batches
from approvals.assignment.route import Route
from approvals.decisions import approval_signals
from approvals.decisions.approval_signals import Signal
from approvals.grants import jobs as grant_jobs
from approvals.models import Approval, ApprovalState, Candidate
from approvals.policies.queries import Policy, in_force
from governance.core.clock import organisation
from governance.core.database.grouping import grouped
from governance.core.jobs.job_runs import is_nightly_due
from governance.core.models import Notice, Person
from governance.core.notices import outbox

#: The nightly job about signals, and about grants that will end.
JOB = "approvals.flag"

#: Word of the reminder for overdue approvals.
OVERDUE = "overdue"

#: Number of approvals whose reminders are looked up together.
TOLD_TOGETHER = 500


def remind(now: datetime) -> int:
    """Remind the approvers of open approvals: at half the time, a day before they are due, and daily once overdue."""
    open_now = Approval.objects.filter(state=ApprovalState.OPEN, due_at__isnull=False).order_by("submission_id", "pk")
    times = open_now.only("opened_at", "due_at", "stage", "round", "submission").iterator()
    words = {approval: word for approval in times if (word := _due_reminder(approval, now))}
    keys, sent_keys = _unsent_reminders(words, now)
    sent = 0
    for batch in load_batches(keys, now):
        of_each = [_build_reminders(approval, route, words[approval], sent_keys, now) for approval, route in batch]
        with transaction.atomic():
            sent += len(outbox.queue(reminder for reminders in of_each for reminder in reminders))
    return sent


def _reminder_key(approval: Approval, word: str, now: datetime) -> str:
    """Return the key of a reminder in its submission: kind, deadline, and the day if overdue; approvals share it."""
    due = approval.due_at.isoformat() if approval.due_at else ""
    day = f":{now.astimezone(organisation.organisation_zone()).date().isoformat()}" if word == OVERDUE else ""
    return f"{word}{day}:{due}:{approval.stage}:{approval.round}"


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
        people = grouped(present_candidates.order_by().values_list("seat__approval", "person"))
        of_each = {}
        for approval in batch:
            key = f"submission:{approval.submission_id}:{_reminder_key(approval, words[approval], now)}"
            of_each[approval.pk] = {f"{key}:{person}" for person in people.get(approval.pk, ())}
        notices = Notice.objects.filter(key__in=set().union(*of_each.values())).order_by()
        sent_keys.update(notices.values_list("key", flat=True))
        unsent_ids += [pk for pk, keys in of_each.items() if not keys <= sent_keys]
    return unsent_ids, sent_keys


def _due_reminder(approval: Approval, now: datetime) -> str:
    """Return the latest reminder that is due; empty before the first."""
    if approval.opened_at is None or approval.due_at is None:
        return ""
    if now >= approval.due_at:
        return OVERDUE
    return deadline_reminder(approval.opened_at, approval.due_at, now)


def deadline_reminder(begun_at: datetime, due_at: datetime, now: datetime) -> str:
    """Return the reminder that is due before a deadline; empty before the first."""
    if now >= due_at - timedelta(days=1):
        return "day_before"
    return "half" if now >= begun_at + (due_at - begun_at) / 2 else ""


def _build_reminders(approval: Approval, route: Route, word: str, sent: set[str], now: datetime) -> Iterator[Notice]:
    """Yield reminders for people who were asked, may decide and have none yet. Adds their keys."""
    people = [
        person
        for seat in route.standing(approval)
        for person in (seat.on_time if word == "half" else seat.may_decide)  # deputies were asked only at half the time
        if person.pk in route.facts.candidates[seat.seat.pk]
    ]
    words = {"what": approval.title, "word": word, "due": approval.due_at.isoformat() if approval.due_at else ""}
    key = _reminder_key(approval, word, now)
    for reminder in candidates.notices(now, route.submission, people, "approval_due", key=key, **words):
        if reminder.key not in sent:
            sent.add(reminder.key)
            yield reminder


def sweep(now: datetime) -> Mapping[str, int]:
    """Run if due. Return the number of signals and of new notices."""
    if not is_nightly_due(now, JOB):
        return {}
    signal_count, notice_count = flag(now)
    return {"looked": 1, "signals": signal_count, "told": notice_count, "told_of_ends": grant_jobs.notify_ends(now)}


def flag(now: datetime) -> tuple[int, int]:
    """Notify every security reviewer of each signal, once in the policy's days.

    Return the number of signals and new notices.
    """
    policy = in_force(now)
    signals = approval_signals.find_signals(policy, now)
    names = approval_signals.names_of(signals)
    reviewers = Bench.load(now).security if signals else ()
    with transaction.atomic():
        of_each = (_notices(signal, reviewers, names, policy, now) for signal in signals)
        notices = outbox.queue(notice for notices in of_each for notice in notices)
    return len(signals), len(notices)


def _notices(
    signal: Signal, reviewers: Sequence[Person], names: Mapping[int, str], policy: Policy, now: datetime
) -> list[Notice]:
    first, second = (names.get(pk, "Somebody") for pk in signal.people)
    sentence = approval_signals.signal_sentence(signal, names, policy.signal_days)
    facts = {"first": first, "second": second, "sentence": sentence, "page": ["signals"]}
    window = str(now.toordinal() // policy.signal_days)
    return outbox.notices_for(
        reviewers, "signal_flagged", thread=f"signal:{signal.key}", key=window, now=now, context=facts
    )
