"""Which open records the sweep routes, to find those that none of those who were asked may decide any more (A9, R9).

Routing is most of what that sweep costs, and nearly always finds nothing new. So a run routes what the ledger says was touched since the run
before it; everything where who may decide anything may have changed; and in turn, within `ROUND`, all the rest: a date
that passes is no event, and a row that could not be acted on is found again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Func, IntegerField, Q, QuerySet

from approvals.models import Approval, ApprovalState
from approvals.models.approval import ENDED
from governance.core.ledger import sealing
from governance.core.models import JobRun, Seal

#: Within which every open record is routed once, touched or not.
ROUND = timedelta(minutes=10)

#: How much older than a run the seal is that tells what that run has seen: sealing takes a moment.
MARGIN = timedelta(minutes=1)

#: What may change who decides anywhere.
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

#: What an event is about that open records hang on, by their submission: who decides one record of it rests on who is left for the others (A9).
ABOUT = frozenset({"approvals.submission", "inventory.automation", "inventory.resource"})

#: The most that is looked for by name: past that everything is looked at.
MOST = 5_000


def to_route(job: str, now: datetime) -> QuerySet[Approval]:
    """The open records that the run of ``job`` at ``now`` looks at: all of them where no run ended well within `ROUND`."""
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
    """Records of submissions that an event has to do with that ``run`` has perhaps not seen; None where any record may be meant."""
    seal = Seal.objects.filter(at__lte=run.began_at - MARGIN).order_by("-number").first()
    if seal is None:
        return None
    named: dict[str, set[int]] = {model: set() for model in ABOUT}
    for verb, about in sealing.after(seal).values_list("verb", "about").iterator():
        if verb in EVERYWHERE:
            return None
        for model, _, key in (name.partition(":") for name in about):
            if model in ABOUT and key.isdecimal():
                named[model].add(int(key))
        if sum(map(len, named.values())) > MOST:
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
    """In which minute of a round a submission has its turn: by a hash, since keys may come in steps."""

    template = f"MOD(hashint8extended(%(expressions)s, 0) & 1048575, {_TURNS})"
    output_field = IntegerField()


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60
