"""Job that fills an ordered campaign chunk by chunk until the campaign is open (R2, R9).

The campaign's row stores the progress, so the next run continues after a killed one. A run stops when its time is used
up and wakes the job again, so other jobs get their turn.
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

#: Longest run in seconds, not counting the chunk in progress.
SECONDS = 20.0


def sweep(now: datetime) -> Mapping[str, int]:
    """Continue every campaign that is opening or was called off.

    One failing campaign is logged and does not block the others.

    Returns:
        How many chunks each step has done.

    Raises:
        Exception: the first failure, after all campaigns had their turn, so that the run is recorded as failed.
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
    """Campaigns that are opening, and called-off campaigns with unclosed items."""
    unclosed = Item.objects.filter(campaign=OuterRef("pk"), state__in=UNCLOSED)
    joined = Joining.objects.filter(campaign=OuterRef("pk"), item__state__in=UNCLOSED)
    leaves = Q(Exists(unclosed) | Exists(joined), state=CampaignState.CALLED_OFF)
    return Campaign.objects.filter(Q(state=CampaignState.OPENING) | leaves).order_by("pk")


def fill(campaign: Campaign, now: datetime, actor: Actor, until: float) -> Counter[str]:
    """Do as many chunks of one campaign as the time allows; return how many chunks each step has done.

    Args:
        campaign: opening or called off; each chunk updates it.
        now: business time.
        actor: the job.
        until: by `time.monotonic`.
    """
    done = Counter[str]()
    ladders = Ladders(Bench.load(now))
    steps = (
        ("frozen", lambda: open_campaign.freeze.when_due(campaign, actor=actor, now=now)),
        ("asked", lambda: open_campaign.assign_questions.when_due(campaign, actor=actor, now=now, ladders=ladders)),
        ("joined", lambda: _join_some(campaign, now, actor)),
        ("opened", lambda: open_campaign.finish.when_due(campaign, actor=actor, now=now)),
        ("let_go", lambda: call_off.let_go.when_due(campaign, actor=actor, now=now)),
        ("left", lambda: _leave_some(campaign, now, actor)),
    )
    for kind, act in steps:
        while act():
            done[kind] += 1
            if kind == "opened" or time.monotonic() > until:
                return done
    return done


#: Items to join or leave before the next look at the clock.
JOINS = 100


def _join_some(campaign: Campaign, now: datetime, actor: Actor) -> bool:
    """Join the next open reviews of other campaigns; return whether any was joined."""
    items = list(to_join(campaign, now)[:JOINS])
    joined = [open_campaign.join_item.when_due(campaign, actor=actor, now=now, item=item) for item in items]
    return any(joined)


def _leave_some(campaign: Campaign, now: datetime, actor: Actor) -> bool:
    """Give the next joined reviews their own dates back; return whether any was left."""
    items = list(to_leave(campaign)[:JOINS]) if campaign.state == CampaignState.CALLED_OFF else []
    left = [call_off.leave_item.when_due(campaign, actor=actor, now=now, item=item) for item in items]
    return any(left)


def to_leave(campaign: Campaign) -> QuerySet[Item]:
    """Open items that still use the dates of a called-off campaign: items it joined, or its own that another joined."""
    joined = Joining.objects.filter(campaign=campaign).order_by().values("item")
    counted_on = Item.objects.filter(cancelled_items.JOINED_BY_OTHERS, campaign=campaign).order_by().values("pk")
    rows = Item.objects.filter(
        pk__in=joined.union(counted_on),
        state__in=UNCLOSED,
        suspended_at__isnull=True,
        **{f"snapshot__{joined_due_dates.DATES}__contains": [{"of": campaign.pk}]},
    )
    return rows.exclude(cancelled_items.LET_GO).order_by("pk")


def to_join(campaign: Campaign, now: datetime) -> QuerySet[Item]:
    """Open items of other campaigns that this campaign's scope names and that it has not joined.

    Items that are about to be let go are left out.
    """
    scope = Scope.of(campaign.scope)
    rows = Item.objects.filter(state__in=[ItemState.OPEN, ItemState.ESCALATED]).exclude(campaign=campaign)
    rows = rows.exclude(cancelled_items.LET_GO)
    joinings = Joining.objects.filter(campaign=campaign, item=OuterRef("pk"))
    grants = rows.filter(grant__in=scope.grants(now).filter(pk__lte=campaign.grants_until).values("pk"))
    automations = rows.filter(
        automation__in=scope.automations(now).filter(pk__lte=campaign.automations_until).values("pk")
    )
    items = Item.objects.filter(pk__in=grants.order_by().values("pk").union(automations.order_by().values("pk")))
    return items.filter(~Exists(joinings)).order_by("pk")


def is_under_review(scope: Scope, now: datetime) -> int:
    """Count the grants and automations of a scope that are already under review."""
    unclosed = Item.objects.filter(state__in=UNCLOSED).order_by()
    return (
        unclosed.filter(grant__in=scope.grants(now).values("pk")).count()
        + unclosed.filter(automation__in=scope.automations(now).values("pk")).count()
    )
