"""Nightly job: notify security of signals, and owners of grants that will end (S10, G4, R9).

Each signal is sent once in the policy's days. The job runs every minute, since beat keeps no timetable over a restart.
It acts once a night, in the organisation's time zone. The key of a notice prevents a second one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from approvals.assignment.escalation_chain import Bench
from approvals.decisions import approval_signals
from approvals.decisions.approval_signals import Signal
from approvals.grants import notices as grant_notices
from approvals.policies import queries as policy_queries
from approvals.policies.queries import Policy
from governance.core.jobs.job_runs import is_nightly_due
from governance.core.models import Notice, Person
from governance.core.notices import outbox

JOB = "approvals.flag"

#: Event of the mail.
EVENT = "signal_flagged"


def sweep(now: datetime) -> Mapping[str, int]:
    """Run if due. Return the number of signals and of new notices."""
    if not is_nightly_due(now, JOB):
        return {}
    signal_count, notice_count = flag(now)
    return {"looked": 1, "signals": signal_count, "told": notice_count, "told_of_ends": grant_notices.notify_ends(now)}


def flag(now: datetime) -> tuple[int, int]:
    """Notify every security reviewer of each signal, once in the policy's days.

    Return the number of signals and new notices.
    """
    policy = policy_queries.in_force(now)
    signals = approval_signals.find_signals(policy, now)
    names = {pk: person.name for pk, person in approval_signals.people_of(signals).items()}
    reviewers = Bench.load(now).security if signals else ()
    with transaction.atomic():
        notices = outbox.queue(
            notice
            for signal in signals
            for notice in (_notice(signal, reviewer, names, policy, now) for reviewer in reviewers)
        )
    return len(signals), len(notices)


def _notice(signal: Signal, reviewer: Person, names: Mapping[int, str], policy: Policy, now: datetime) -> Notice:
    window = now.toordinal() // policy.signal_days
    first, second = (names.get(pk, "Somebody") for pk in signal.people)
    return outbox.notice(
        recipient=reviewer,
        event=EVENT,
        thread=f"signal:{signal.key}",
        key=f"signal:{signal.key}:{window}:{reviewer.pk}",
        now=now,
        context={
            "first": first,
            "second": second,
            "sentence": approval_signals.signal_sentence(signal, names, policy.signal_days),
            "page": ["signals"],
        },
    )
