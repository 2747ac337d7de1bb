"""Job that fills an ordered campaign chunk by chunk until the campaign is open (R2, R9).

The campaign's row stores the progress, so the next run continues after a killed one. A run stops when its time is used
up and wakes the job again, so other jobs get their turn.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
from django.db.models import Exists, OuterRef, QuerySet

from governance.core.access import Actor
from governance.core.jobs import nudge
from governance.recertification.campaigns import transitions as campaign_transitions
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.transitions import JOB
from governance.recertification.models import WAITING, Campaign, CampaignState, Item, Joining

log = structlog.get_logger(__name__)

#: Longest run in seconds, not counting the chunk in progress.
SECONDS = 20.0


def sweep(now: datetime) -> Mapping[str, int]:
    """Continue every campaign that is opening.

    One failing campaign is logged and does not block the others.

    Returns:
        How many chunks each step has done.

    Raises:
        Exception: the first failure, after all campaigns had their turn, so that the run is recorded as failed.
    """
    actor, done, until = Actor.of_job(JOB), Counter[str](), time.monotonic() + SECONDS
    failed: list[Exception] = []
    opening = Campaign.objects.filter(state=CampaignState.OPENING).order_by("pk")
    for campaign in opening:
        try:
            done += fill(campaign, now, actor, until)
        except Exception as error:
            log.exception("sweep.failed", job=JOB, model=campaign._meta.label_lower, row=campaign.pk)
            failed.append(error)
    if done.total() and opening.exists():
        nudge.send(JOB)
    if failed:
        raise failed[0]
    return done


def fill(campaign: Campaign, now: datetime, actor: Actor, until: float) -> Counter[str]:
    """Do as many chunks of one campaign as the time allows; return how many chunks each step has done.

    Args:
        campaign: opening; each chunk updates it.
        now: business time.
        actor: the job.
        until: by `time.monotonic`.
    """
    done = Counter[str]()
    steps: tuple[tuple[str, Callable[..., bool]], ...] = (
        ("frozen", campaign_transitions.freeze.when_due),
        ("asked", campaign_transitions.assign_questions.when_due),
        ("joined", _join_some),
        ("opened", campaign_transitions.finish.when_due),
    )
    for kind, act in steps:
        while act(campaign, actor=actor, now=now):
            done[kind] += 1
            if kind == "opened" or time.monotonic() > until:
                return done
    return done


#: Items to join before the next look at the clock.
JOINS = 100


def _join_some(campaign: Campaign, *, actor: Actor, now: datetime) -> bool:
    """Join the next open reviews of other campaigns; return whether any was joined."""
    items = list(to_join(campaign, now)[:JOINS])
    joined = [campaign_transitions.join_item.when_due(campaign, actor=actor, now=now, item=item) for item in items]
    return any(joined)


def to_join(campaign: Campaign, now: datetime) -> QuerySet[Item]:
    """Open items of other campaigns that this campaign's scope names and that it has not joined."""
    scope = Scope.from_json(campaign.scope)
    rows = Item.objects.filter(state__in=WAITING).exclude(campaign=campaign)
    joinings = Joining.objects.filter(campaign=campaign, item=OuterRef("pk"))
    grants = rows.filter(grant__in=scope.grants(now).filter(pk__lte=campaign.grants_until).values("pk"))
    in_scope = scope.automations(now).filter(pk__lte=campaign.automations_until)
    automations = rows.filter(automation__in=in_scope.values("pk"))
    items = Item.objects.filter(pk__in=grants.order_by().values("pk").union(automations.order_by().values("pk")))
    return items.filter(~Exists(joinings)).order_by("pk")
