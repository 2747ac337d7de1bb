"""Grants as lists show them: their effective state, and the shares of the ways in which they are enforced (G3, G4)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, Sum

from approvals.models import EnforcedBy, Grant, GrantState, RevocationOutcome, RevocationState, RevocationTask
from approvals.models.grant import GrantKind, GrantQuerySet
from inventory.models import AutomationState

ENDS_SOON = timedelta(days=30)
#: Why an active grant is not in force: by the state of its automation (G3, G5), or without its credential (A2).
NOT_LIVE = {
    AutomationState.SUSPENDED: "the automation is stopped",
    AutomationState.RETIRED: "the automation was retired, and its end is paused",
}
WITHOUT_CREDENTIAL = "the credential that it needs is not granted any more"


def effective_state(grant: Grant, now: datetime) -> tuple[str, str]:
    """Return the effective state of a grant and its reason.

    A grant is not in force after its term, while its automation is stopped (G3, G5), or without its credential (A2).
    The last is known of grants that `GrantQuerySet.telling_usable` loaded.
    """
    if grant.state == GrantState.ACTIVE:
        if grant.ends_at <= now:
            return GrantState.ENDED, "its term is over"
        if words := NOT_LIVE.get(AutomationState(grant.automation.state)):
            return GrantState.SUSPENDED, words
        if not getattr(grant, "usable", True):
            return GrantState.SUSPENDED, WITHOUT_CREDENTIAL
    return grant.state, grant.why_words


def load_usage(automation: int, now: datetime) -> dict[str, Any]:
    """Load the measured use, in 30 days, of an automation's standing grants of privileges, by key. One query.

    Returns:
        ``since``, the first measured day or None; then ``calls``, ``refused`` and the instant of the ``last``.
    """
    within = Q(usage__day__gt=(now - timedelta(days=30)).date())
    sums = {"calls": Sum("usage__allowed", filter=within), "refused": Sum("usage__refused", filter=within)}
    ends = {"since": Min("usage__day", filter=within), "last": Max("usage__last_at", filter=within)}
    grants = Grant.objects.standing().filter(automation=automation, kind=GrantKind.PRIVILEGE).order_by()
    return {row["key"]: row for row in grants.values("key").annotate(**sums, **ends)}


@dataclass(frozen=True)
class GrantRow:
    """One grant in a list.

    Args:
        grant: the grant.
        state: a state of ``components/state_words.py``.
        why: its reason in words.
        tone: of the term's bar.
        below: words below the bar.
        task: revocation task of an ended grant (G4).
        may_stop: whether the reader may stop it (G5).
    """

    grant: Grant
    state: str
    why: str
    tone: str
    below: str
    task: RevocationTask | None
    may_stop: bool

    @property
    def owner(self) -> str:
        """Owner of the resource that decided it."""
        entitlement, credential = self.grant.entitlement, self.grant.credential
        resource = entitlement.resource if entitlement else credential.decided_on if credential else None
        return resource.owner.name if resource and resource.owner else "Nobody"


def grant_row(grant: Grant, now: datetime, *, may_stop: bool) -> GrantRow:
    """Return the row of a grant. An ended grant is read with its revocation tasks and their words."""
    state, why = effective_state(grant, now)
    if state == GrantState.ENDED:
        task = next(iter(grant.revocation_tasks.all()), None) if grant.state == GrantState.ENDED else None
        shown, why = state_words(task, now) if task is not None else (state, why)
        return GrantRow(grant, shown, why, "", "ended", task, may_stop)
    left = grant.ends_at - now
    below = "ends today" if left.days < 1 else "1 day left" if left.days == 1 else f"{left.days} days left"
    if state == GrantState.ACTIVE and left <= ENDS_SOON:
        return GrantRow(grant, "ends_soon", why, "wait", below, None, may_stop)
    return GrantRow(grant, state, why, "no" if state == GrantState.SUSPENDED else "", below, None, may_stop)


def state_words(task: RevocationTask, now: datetime) -> tuple[str, str]:
    """Return the state of an ended grant by its task, and the line below it on pages.

    Args:
        task: the task; its words and their people should be prefetched.
        now: business time.
    """
    if task.state == RevocationState.OPEN:
        below = f"a check says: {task.found}" if task.found else ""
        return ("removal_overdue" if task.is_overdue(now) else "removal_open"), below
    if task.outcome == RevocationOutcome.IN_USE:
        return GrantState.ENDED, "the same access was granted again"
    if task.outcome == RevocationOutcome.DRIVER:
        return "removed", f"checked by a driver on {_day(task.closed_at)}"
    people = [word.person_name for word in task.words.all()]
    return "removed", f"checked by {' and '.join(people)} on {_day(task.closed_at)}"


def _day(at: datetime | None) -> str:
    return f"{at:%a} {at.day} {at:%b %Y}" if at is not None else ""


def shares(rows: GrantQuerySet) -> str:
    """Describe how grants are enforced, for example "20 % brokered, 80 % gated"; empty for no grants. One query.

    Args:
        rows: the grants.
    """
    counts = dict(rows.order_by().values_list("enforcement").annotate(number=Count("pk")))
    total = sum(counts.values())
    counted = [(counts.get(enforcement, 0), enforcement.label.lower()) for enforcement in EnforcedBy]
    return ", ".join(f"{_percent(number, total)} {label}" for number, label in counted if number)


def _percent(number: int, total: int) -> str:
    """Round to a percentage, but never to 0 % of some or 100 % of a part."""
    return "100 %" if number == total else f"{min(max(round(100 * number / total), 1), 99)} %"
