"""What a job does about conflicts: looks through everything that is held, follows what it finds, enforces what nobody resolved, and reminds
of waivers that end (S6, S7, R9).

It is woken every minute as every job is. It looks where something changed that conflicts rest on since it last looked, and once a night
whatever changed: then also which entitlement fills which leg is worked out anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from approvals.conflicts import members, scan
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts import transitions as conflict_transitions
from approvals.conflicts.scan import Conflicts, Part
from approvals.decisions.jobs import approval_signals
from approvals.models import Conflict, ConflictRule, ConflictState, Grant, Waiver, WaiverState
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from governance.core.jobs import sweeps
from governance.core.models import JobRun
from governance.core.notices import outbox
from inventory.models import Automation, Entitlement, Resource

JOB = "approvals.conflicts"

#: How long before its end whoever needs a waiver hears of it.
BEFORE = (waiver_transitions.SOON, timedelta(days=3))


def sweep(now: datetime) -> Mapping[str, int]:
    """One run; returns how much of what it did."""
    actor = Actor.of_job(JOB)
    counts: dict[str, int] = {}
    is_night = approval_signals.is_due(now, JOB)
    if is_night:
        counts |= {"looked": 1, "members": members.weigh_all(now)}
    if is_night or has_changed(now):
        counts |= {"scanned": 1, **look(now, actor)}
    due = Conflict.objects.enforceable(now)
    counts["enforced"] = sweeps.sweep(
        due, lambda one: conflict_transitions.enforce.when_due(one, actor=actor, now=now), job=actor.job
    )
    over = Waiver.objects.filter(state=WaiverState.GRANTED, ends_at__lte=now)
    counts["expired"] = sweeps.sweep(
        over, lambda one: waiver_transitions.expire_waiver.when_due(one, actor=actor, now=now), job=actor.job
    )
    counts["reminded"] = remind(now)
    return counts


def remind(now: datetime) -> int:
    """Tell whoever asked for a waiver, and whoever answers, that it ends: two weeks and three days before, where none follows; returns how many hear."""
    ending = Waiver.objects.live(now).filter(ends_at__lte=now + max(BEFORE))
    soon = ending.not_followed().select_related("automation__team", "asked_by")
    sent = 0
    for waiver in soon.order_by("pk"):
        assert waiver.ends_at is not None  # a live one ends
        word = min(one.days for one in BEFORE if waiver.ends_at - now <= one)
        with transaction.atomic():
            people = [waiver.asked_by, *waiver.automation.answering(now)]
            sent += len(
                outbox.queue(waiver_transitions.notices(waiver, people, "waiver_ending", f"before:{word}", now))
            )
    return sent


def has_changed(now: datetime) -> bool:
    """Whether something changed that conflicts rest on since a run last looked through everything."""
    last = JobRun.objects.filter(job=JOB, counts__scanned=1, error="").order_by("-id").first()
    if last is None or last.started_at > now:
        return True
    since = {"history_date__gte": last.started_at}
    return (
        Grant.history.filter(**since).exists()
        or Automation.history.filter(**since).exists()
        or Entitlement.history.filter(**since).exists()
        or Resource.history.filter(**since).exists()
        or Waiver.history.filter(**since).exists()
        or ConflictRule.objects.filter(effective_at__gte=last.started_at, effective_at__lte=now).exists()
        or ConflictRule.objects.filter(until__gt=last.started_at, until__lte=now).exists()
        or Grant.objects.filter(ends_at__gt=last.started_at, ends_at__lte=now).exists()
    )


def look(now: datetime, actor: Actor) -> dict[str, int]:
    """Look through everything that is held; returns how many conflicts there are and of how many rules something changed."""
    rules = conflict_queries.in_force(now)
    found = _by_rule(scan.scan(rules, now))
    known: dict[str, list[Conflict]] = {}
    for row in Conflict.objects.filter(state=ConflictState.OPEN):
        known.setdefault(row.code, []).append(row)
    followed = 0
    for one in rules:
        here, before = found.get(one.version.pk, {}), known.pop(one.version.code, [])
        if conflict_transitions.differs(one.version, here, before):
            conflict_transitions.follow_scan(one.version, actor=actor, now=now, found=here)
            followed += 1
    for code in sorted(known):  # of rules that are no more
        version = ConflictRule.objects.filter(code=code).order_by("-number")[0]
        conflict_transitions.follow_scan(version, actor=actor, now=now, found={}, why="rule_given_up")
        followed += 1
    return {"conflicts": sum(map(len, found.values())), "followed": followed}


def _by_rule(found: Conflicts) -> dict[int, dict[int, list[Part]]]:
    by_rule: dict[int, dict[int, list[Part]]] = {}
    for (rule, subject), parts in found.items():
        by_rule.setdefault(rule, {})[subject] = parts
    return by_rule
