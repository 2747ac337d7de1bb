"""What a job does once a night: security is told of each signal, once in the policy's days; owners of what will end (S10, G4, R9).

It is woken every minute as every job is, since beat keeps no timetable over a restart, and looks once it is night where the organisation is
and it has not looked that night. A notice's key makes it one, so that a second look tells nobody twice.
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
from governance.core.jobs.nightly import is_due
from governance.core.models import Notice, Person
from governance.core.notices import outbox

JOB = "approvals.flag"

#: The mail.
EVENT = "signal_flagged"


def sweep(now: datetime) -> Mapping[str, int]:
    """Look, if that is due; returns how many signals there are and how many notices were queued."""
    if not is_due(now, JOB):
        return {}
    found, told = flag(now)
    return {"looked": 1, "signals": found, "told": told, "told_of_ends": grant_notices.tell_of_ends(now)}


def flag(now: datetime) -> tuple[int, int]:
    """Tell every security reviewer of each signal, once in the policy's days; returns how many signals and new notices there are."""
    policy = policy_queries.in_force(now)
    found = approval_signals.found(policy, now)
    names = {pk: person.name for pk, person in approval_signals.people_of(found).items()}
    reviewers = Bench.load(now).security if found else ()
    with transaction.atomic():
        made = outbox.queue(
            notice
            for signal in found
            for notice in (_notice(signal, reviewer, names, policy, now) for reviewer in reviewers)
        )
    return len(found), len(made)


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
            "sentence": approval_signals.words(signal, names, policy.signal_days),
            "page": ["signals"],
        },
    )
