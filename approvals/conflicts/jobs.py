"""Scan what is held for conflicts, follow what the scan finds, and enforce what nobody resolved (S6, R9).

It is woken every minute as every job is. It looks where something changed that conflicts rest on since it last looked, and once a night
whatever changed: then also which entitlement fills which leg is worked out anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from approvals.conflicts import members, scan
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts import transitions as conflict_transitions
from approvals.conflicts.scan import Conflicts, Part
from approvals.models import Conflict, ConflictRule, ConflictState, Grant, Waiver
from governance.core.actors.actor import Actor
from governance.core.jobs import nightly, sweeps
from governance.core.models import JobRun
from inventory.models import Automation, Entitlement, Resource

JOB = "approvals.conflicts"


def sweep(now: datetime) -> Mapping[str, int]:
    """One run; returns how much of what it did."""
    actor = Actor.of_job(JOB)
    counts: dict[str, int] = {}
    is_night = nightly.is_due(now, JOB)
    if is_night:
        counts |= {"looked": 1, "members": members.weigh_all(now)}
    if is_night or has_changed(now):
        counts |= {"scanned": 1, **look(now, actor)}
    due = Conflict.objects.enforceable(now)
    counts["enforced"] = sweeps.sweep(
        due, lambda one: conflict_transitions.enforce.when_due(one, actor=actor, now=now), job=actor.job
    )
    return counts


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
