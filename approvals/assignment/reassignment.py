"""Select the open approvals that the reassignment sweep routes (A9, R9).

Routing is the main cost of the sweep and rarely finds a change. So a run routes:
- approvals touched by an event since the last run
- all approvals, if an event may have changed the eligible people anywhere
- the other approvals in turn within `ROUND`, because a passing date is no event and a failed row must be tried again
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Func, IntegerField, Q, QuerySet

from approvals.models import Approval, ApprovalState
from approvals.models.approval import ENDED
from governance.core.ledger import sealing
from governance.core.models import JobRun, Seal

#: Each open approval is routed once within this time, touched or not.
ROUND = timedelta(minutes=10)

#: Margin for the last seal that a run has seen: sealing takes a moment.
MARGIN = timedelta(minutes=1)

#: Events that may change the eligible people of any approval.
EVERYWHERE = frozenset(
    {
        "person.left",
        "role.given",
        "role.given_back",
        "role.ended",
        "team.joined",
        "team.leads_named",
        "team.left",
    }
)

#: Subjects of events that affect open approvals, by submission. Who decides one approval depends on who is left for
#: the others (A9).
SUBJECTS = frozenset({"approvals.submission", "inventory.automation", "inventory.resource"})

#: The most names to look for. Above that, all open approvals are routed.
MAX_NAMES = 5_000


def approvals_to_route(job: str, now: datetime) -> QuerySet[Approval]:
    """Return the open approvals that the run of ``job`` at ``now`` routes; all if no run succeeded within `ROUND`."""
    open_now = Approval.objects.filter(state=ApprovalState.OPEN)
    last = JobRun.objects.filter(job=job, seen_at__isnull=False, error="").order_by("-id").first()
    if last is None or not timedelta() <= now - last.started_at < ROUND:
        return open_now
    touched = _touched_since(last)
    if touched is None:
        return open_now
    turns = [minute % _TURNS for minute in range(_minute(last.started_at) + 1, _minute(now) + 1)]
    return open_now.alias(turn=_Turn("submission_id")).filter(touched | Q(turn__in=turns))


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


_TURNS = ROUND // timedelta(minutes=1)


class _Turn(Func):
    """The minute of a round in which a submission is routed: by a hash, because keys may come in steps."""

    template = f"MOD(hashint8extended(%(expressions)s, 0) & 1048575, {_TURNS})"
    output_field = IntegerField()


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60
