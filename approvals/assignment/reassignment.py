"""Select the open approvals that the reassignment sweep routes (A9, R9).

Routing is the main cost of the sweep and rarely finds a change. So a run routes:
- approvals touched by an event since the last run
- all approvals, if an event may have changed the eligible people anywhere
- all approvals once in each `PERIOD`, because a passing date is no event and a failed row must be tried again
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from approvals.models import Approval, ApprovalState
from approvals.models.approval import ENDED
from governance.core.ledger import sealing
from governance.core.models import JobRun, Seal

#: Each open approval is routed once in each of these periods, touched or not.
PERIOD = timedelta(minutes=10)

#: Margin for the last seal that a run has seen: sealing takes a moment.
MARGIN = timedelta(minutes=1)

#: Events that may change the eligible people of any approval.
EVERYWHERE = frozenset(
    {"person.left", "role.given", "role.given_back", "role.ended", "team.joined", "team.leads_named", "team.left"}
)

#: Subjects of events that affect open approvals, by submission. Who decides one approval depends on who is left for
#: the others (A9).
SUBJECTS = frozenset({"approvals.submission", "inventory.automation", "inventory.resource"})

#: The most names to look for. Above that, all open approvals are routed.
MAX_NAMES = 5_000


def approvals_to_route(job: str, now: datetime) -> QuerySet[Approval]:
    """Return the open approvals that the run of ``job`` at ``now`` routes; all in the first run of a `PERIOD`."""
    open_now = Approval.objects.filter(state=ApprovalState.OPEN)
    last = JobRun.objects.filter(job=job, seen_at__isnull=False, error="").order_by("-id").first()
    if last is None or _period(last.started_at) != _period(now):
        return open_now
    touched = _touched_since(last)
    return open_now if touched is None else open_now.filter(touched)


def _period(at: datetime) -> float:
    return at.timestamp() // PERIOD.total_seconds()


def _touched_since(run: JobRun) -> Q | None:
    """Filter approvals touched by an event that ``run`` may have missed; None if any approval may be affected."""
    seal = Seal.objects.filter(at__lte=run.began_at - MARGIN).order_by("-number").first()
    if seal is None:
        return None
    named: dict[str, set[int]] = {model: set() for model in SUBJECTS}
    for verb, subjects in sealing.after(seal).values_list("verb", "about").iterator():
        if verb in EVERYWHERE:
            return None
        for model, _, key in (name.partition(":") for name in subjects):
            if model in SUBJECTS and key.isdecimal():
                named[model].add(int(key))
        if sum(map(len, named.values())) > MAX_NAMES:
            return None
    resources = named["inventory.resource"]
    undecided = Approval.objects.exclude(state__in=ENDED).order_by()
    on_these = undecided.filter(Q(privilege__entitlement__resource__in=resources) | Q(decided_on__in=resources))
    return (
        Q(submission__in=named["approvals.submission"])
        | Q(submission__automation__in=named["inventory.automation"])
        | Q(submission__in=on_these.values("submission"))
    )
