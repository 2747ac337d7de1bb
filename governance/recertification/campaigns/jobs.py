"""The job that fills campaigns that somebody has opened, chunk by chunk, until each is open (R2, R9).

What is left to do is said by the campaign's own row, so a run that is killed is gone on with by the next; a run that has used its time lets
others have their turn, and has itself woken again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import structlog
from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.assignment.escalation_chain import Bench
from governance.core.actors.actor import Actor
from governance.core.jobs import nudge
from governance.recertification.campaigns.reviewer_ladders import Ladders
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.transitions import call_off, open_campaign
from governance.recertification.campaigns.transitions.open_campaign import JOB
from governance.recertification.items import cancelled_items, joined_due_dates
from governance.recertification.models import UNCLOSED, Campaign, CampaignState, Item, ItemState, Joining

log = structlog.get_logger(__name__)

#: Seconds that a run takes at the most, but for the chunk that it is at.
SECONDS = 20.0


def sweep(now: datetime) -> Mapping[str, int]:
    """Go on with every campaign that is being opened, or was called off meanwhile; returns how many chunks of what were done.

    One that fails is logged and does not hold up the others.

    Raises:
        Exception: what failed first, once all have had their turn, so that the run is on record as failed.
    """
    actor, done, until = Actor.of_job(JOB), Counter[str](), time.monotonic() + SECONDS
    failed: list[Exception] = []
    for campaign in _under_way():
        try:
            done += fill(campaign, now, actor, until)
        except Exception as error:
            log.exception("sweep.failed", job=JOB, model=campaign._meta.label_lower, row=campaign.pk)
            failed.append(error)
    if done.total() and _under_way().exists():
        nudge.send(JOB)
    if failed:
        raise failed[0]
    return done


def _under_way() -> QuerySet[Campaign]:
    """Campaigns that are being opened, or were called off and leave something open."""
    unclosed = Item.objects.filter(campaign=OuterRef("pk"), state__in=UNCLOSED)
    joined = Joining.objects.filter(campaign=OuterRef("pk"), item__state__in=UNCLOSED)
    leaves = Q(Exists(unclosed) | Exists(joined), state=CampaignState.CALLED_OFF)
    return Campaign.objects.filter(Q(state=CampaignState.OPENING) | leaves).order_by("pk")


def fill(campaign: Campaign, now: datetime, actor: Actor, until: float) -> Counter[str]:
    """Do as much of one campaign as there is time for; returns how many chunks of what were done.

    Args:
        campaign: which is being opened, or was called off; brought up to date by each chunk.
        now: business time.
        actor: the job.
        until: by `time.monotonic`.
    """
    done = Counter[str]()
    ladders = Ladders(Bench.load(now))
    steps = (
        ("frozen", lambda: open_campaign.freeze.when_due(campaign, actor=actor, now=now)),
        ("asked", lambda: open_campaign.ask.when_due(campaign, actor=actor, now=now, ladders=ladders)),
        ("joined", lambda: _join_some(campaign, now, actor)),
        ("opened", lambda: open_campaign.finish.when_due(campaign, actor=actor, now=now)),
        ("let_go", lambda: call_off.let_go.when_due(campaign, actor=actor, now=now)),
        ("left", lambda: _leave_some(campaign, now, actor)),
    )
    for what, act in steps:
        while act():
            done[what] += 1
            if what == "opened" or time.monotonic() > until:
                return done
    return done


#: Items that are joined before it is looked at the clock.
JOINS = 100


def _join_some(campaign: Campaign, now: datetime, actor: Actor) -> bool:
    """Join a few of the reviews that were open already; whether there were any."""
    found = list(to_join(campaign, now)[:JOINS])
    joined = [open_campaign.join_item.when_due(campaign, actor=actor, now=now, item=item) for item in found]
    return any(joined)


def _leave_some(campaign: Campaign, now: datetime, actor: Actor) -> bool:
    """Give a few of the reviews that go on without it their own dates back; whether there were any."""
    found = list(to_leave(campaign)[:JOINS]) if campaign.state == CampaignState.CALLED_OFF else []
    left = [call_off.leave_item.when_due(campaign, actor=actor, now=now, item=item) for item in found]
    return any(left)


def to_leave(campaign: Campaign) -> QuerySet[Item]:
    """Open items that a campaign that was called off has joined, or that another has joined in it, with its dates among theirs."""
    joined = Joining.objects.filter(campaign=campaign).order_by().values("item")
    counted_on = Item.objects.filter(cancelled_items.COUNTED_ON, campaign=campaign).order_by().values("pk")
    rows = Item.objects.filter(
        pk__in=joined.union(counted_on),
        state__in=UNCLOSED,
        suspended_at__isnull=True,
        **{f"snapshot__{joined_due_dates.DATES}__contains": [{"of": campaign.pk}]},
    )
    return rows.exclude(cancelled_items.LET_GO).order_by("pk")


def to_join(campaign: Campaign, now: datetime) -> QuerySet[Item]:
    """Open items of other campaigns about what this one is about, that it has not joined; without those that are about to be let go."""
    about = Scope.of(campaign.scope)
    rows = Item.objects.filter(state__in=[ItemState.OPEN, ItemState.ESCALATED]).exclude(campaign=campaign)
    rows = rows.exclude(cancelled_items.LET_GO)
    known = Joining.objects.filter(campaign=campaign, item=OuterRef("pk"))
    grants = rows.filter(grant__in=about.grants(now).filter(pk__lte=campaign.grants_until).values("pk"))
    automations = rows.filter(
        automation__in=about.automations(now).filter(pk__lte=campaign.automations_until).values("pk")
    )
    found = Item.objects.filter(pk__in=grants.order_by().values("pk").union(automations.order_by().values("pk")))
    return found.filter(~Exists(known)).order_by("pk")


def is_under_review(about: Scope, now: datetime) -> int:
    """How many things of a scope are under review already."""
    unclosed = Item.objects.filter(state__in=UNCLOSED).order_by()
    return (
        unclosed.filter(grant__in=about.grants(now).values("pk")).count()
        + unclosed.filter(automation__in=about.automations(now).values("pk")).count()
    )
