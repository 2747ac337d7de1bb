"""The job that fills campaigns that somebody has opened, chunk by chunk, until each is open (R2, R9).

What is left to do is said by the campaign's own row, so a run that is killed is gone on with by the next; a run that has used its time lets
others have their turn, and has itself woken again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from django.db.models import Q, QuerySet

from approvals.ladders import Bench
from governance.controls import nudge
from governance.controls.actors import Actor
from governance.recertification import called_off
from governance.recertification.asking import Ladders
from governance.recertification.models import UNCLOSED, Campaign, CampaignState, Item, ItemState, Joining
from governance.recertification.scope import Scope
from governance.recertification.transitions import calling_off, campaigns
from governance.recertification.transitions.campaigns import JOB

#: Seconds that a run takes at the most, but for the chunk that it is at.
SECONDS = 20.0


def sweep(now: datetime) -> Mapping[str, int]:
    """Go on with every campaign that is being opened, or was called off meanwhile; returns how many chunks of what were done."""
    actor, done, until = Actor.of_job(JOB), Counter[str](), time.monotonic() + SECONDS
    left = Item.objects.filter(called_off.LET_GO).order_by()
    under_way = Q(state=CampaignState.OPENING) | Q(state=CampaignState.CALLED_OFF, pk__in=left.values("campaign"))
    opening = Campaign.objects.filter(under_way).order_by("pk")
    for campaign in opening:
        done += fill(campaign, now, actor, until)
    if opening.exists() and done.total():
        nudge.send(JOB)
    return done


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
        ("frozen", lambda: campaigns.freeze.when_due(campaign, actor=actor, now=now)),
        ("asked", lambda: campaigns.ask.when_due(campaign, actor=actor, now=now, ladders=ladders)),
        ("joined", lambda: _join_some(campaign, now, actor)),
        ("opened", lambda: campaigns.finish.when_due(campaign, actor=actor, now=now)),
        ("let_go", lambda: calling_off.let_go.when_due(campaign, actor=actor, now=now)),
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
    joined = [campaigns.join_item.when_due(campaign, actor=actor, now=now, item=item) for item in found]
    return any(joined)


def to_join(campaign: Campaign, now: datetime) -> QuerySet[Item]:
    """Open items of other campaigns about what this one is about, that it has not joined."""
    about = Scope.of(campaign.scope)
    rows = Item.objects.filter(state__in=[ItemState.OPEN, ItemState.ESCALATED]).exclude(campaign=campaign)
    known = Joining.objects.filter(campaign=campaign).order_by()
    grants = rows.filter(grant__in=about.grants(now).filter(pk__lte=campaign.grants_until).values("pk"))
    automations = rows.filter(
        automation__in=about.automations(now).filter(pk__lte=campaign.automations_until).values("pk")
    )
    found = Item.objects.filter(pk__in=grants.order_by().values("pk").union(automations.order_by().values("pk")))
    return found.exclude(pk__in=known.values("item")).order_by("pk")


def is_under_review(about: Scope, now: datetime) -> int:
    """How many things of a scope are under review already."""
    unclosed = Item.objects.filter(state__in=UNCLOSED).order_by()
    return (
        unclosed.filter(grant__in=about.grants(now).values("pk")).count()
        + unclosed.filter(automation__in=about.automations(now).values("pk")).count()
    )
