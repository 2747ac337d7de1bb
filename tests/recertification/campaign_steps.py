"""How tests come to a campaign that somebody opens, and how far its job takes it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from governance.core.actors.actor import Actor
from governance.core.clock.organisation import organisation_zone
from governance.core.engine.transition import REGISTRY
from governance.core.models import Person
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import transitions as campaign_transitions
from governance.recertification.campaigns.scope import Scope
from governance.recertification.models import Campaign
from tests.people import as_actor

FILLER = Actor.of_job(campaign_jobs.JOB)


def day(now: datetime, days: int = 14) -> date:
    """A working day so many days ahead, or the next one."""
    ahead = now.astimezone(organisation_zone()).date() + timedelta(days=days)
    return ahead + timedelta(days=max(0, 7 - ahead.weekday()) if ahead.weekday() > 4 else 0)


def ordered(
    scope: Scope,
    *,
    by: Person,
    now: datetime,
    days: int = 14,
    name: str = "Spring clean",
    reason: str = "We have too much.",
) -> Campaign:
    """A campaign that a person has just opened."""
    return campaign_transitions.order_campaign(
        Campaign(name=name),
        actor=as_actor(by),
        now=now,
        reason=reason,
        campaign_scope=scope,
        day=day(now, days),
    )


def filled(campaign: Campaign, now: datetime) -> Campaign:
    """The same, once the job has done all of it."""
    campaign_jobs.sweep(now)
    campaign.refresh_from_db()
    return campaign


def chunk(what: str, campaign: Campaign, now: datetime, **more: Any) -> bool:
    """One chunk; whether there was one."""
    return REGISTRY[f"recertification.campaign.{what}"].when_due(campaign, actor=FILLER, now=now, **more)
