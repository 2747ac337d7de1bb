"""Scan held access for conflicts, update the stored conflicts, and enforce those that are overdue (S6, R9).

The job runs every minute. It scans if access or rules have changed since the last scan, and once a night in any case.
The nightly run also recomputes which entitlement fills which leg.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from approvals.conflicts import leg_members, scan
from approvals.conflicts import queries as conflict_queries
from approvals.conflicts import transitions as conflict_transitions
from approvals.models import Conflict, ConflictRule, ConflictState, Grant, Waiver
from governance.core.access import Actor
from governance.core.database.grouping import grouped
from governance.core.jobs import job_runs
from governance.core.models import JobRun
from inventory.models import Automation, Entitlement, Resource

JOB = "approvals.conflicts"


def sweep(now: datetime) -> Mapping[str, int]:
    """Run once. Return the counts."""
    actor = Actor.of_job(JOB)
    counts: dict[str, int] = {}
    is_night = job_runs.is_nightly_due(now, JOB)
    if is_night:
        counts |= {"looked": 1, "members": leg_members.update_all(now)}
    if is_night or has_changed(now):
        counts |= {"scanned": 1, **scan_all(now, actor)}
    due = Conflict.objects.enforceable(now)
    counts["enforced"] = conflict_transitions.enforce.sweep(due, actor=actor, now=now)
    return counts


def has_changed(now: datetime) -> bool:
    """Return whether access, automations, resources, waivers or rules have changed since the last full scan."""
    last = JobRun.objects.filter(job=JOB, counts__scanned=1, error="").order_by("-id").first()
    if last is None or last.started_at > now:
        return True
    at, models = last.started_at, (Grant, Automation, Entitlement, Resource, Waiver)
    return (
        any(model.history.filter(history_date__gte=at).exists() for model in models)
        or ConflictRule.objects.filter(effective_at__gte=at, effective_at__lte=now).exists()
        or ConflictRule.objects.filter(until__gt=at, until__lte=now).exists()
        or Grant.objects.filter(ends_at__gt=at, ends_at__lte=now).exists()
    )


def scan_all(now: datetime, actor: Actor) -> dict[str, int]:
    """Scan all held access. Return the number of conflicts and the number of rules with changes."""
    rules = conflict_queries.in_force(now)
    parts_by_rule: defaultdict[int, dict[int, list[scan.Part]]] = defaultdict(dict)
    for (rule, subject), parts in scan.scan(rules, now).items():
        parts_by_rule[rule][subject] = parts
    open_by_code = grouped((row.code, row) for row in Conflict.objects.filter(state=ConflictState.OPEN))
    followed = 0
    for stored in rules:
        parts_by_subject, before = parts_by_rule[stored.version.pk], open_by_code.pop(stored.version.code, [])
        if conflict_transitions.has_changes(stored.version, parts_by_subject, before):
            conflict_transitions.follow_scan(stored.version, actor=actor, now=now, parts_by_subject=parts_by_subject)
            followed += 1
    for code in sorted(open_by_code):  # the rule no longer exists
        version = ConflictRule.objects.filter(code=code).order_by("-number")[0]
        conflict_transitions.follow_scan(version, actor=actor, now=now, parts_by_subject={}, why="rule_given_up")
        followed += 1
    return {"conflicts": sum(map(len, parts_by_rule.values())), "followed": followed}
