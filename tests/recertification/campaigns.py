"""How tests come to a campaign that somebody opens, and how far its job takes it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from approvals.asking import organisation_zone
from approvals.ladders import Bench
from governance.controls.actors import Actor
from governance.controls.models import Person
from governance.recertification import filling, transitions
from governance.recertification.asking import Ladders
from governance.recertification.models import Campaign
from governance.recertification.scope import Scope
from tests.people import as_actor

FILLER = Actor.of_job(filling.JOB)


def day(now: datetime, days: int = 14) -> date:
    """A working day so many days ahead, or the next one."""
    found = now.astimezone(organisation_zone()).date() + timedelta(days=days)
    return found + timedelta(days=max(0, 7 - found.weekday()) if found.weekday() > 4 else 0)


def ordered(about: Scope, *, by: Person, now: datetime, days: int = 14, name: str = "Spring clean") -> Campaign:
    """A campaign that a person has just opened."""
    return transitions.order_campaign(
        Campaign(name=name), actor=as_actor(by), now=now, reason="We have too much.", about=about, day=day(now, days)
    )


def filled(campaign: Campaign, now: datetime) -> Campaign:
    """The same, once the job has done all of it."""
    filling.sweep(now)
    campaign.refresh_from_db()
    return campaign


def chunk(what: str, campaign: Campaign, now: datetime, **more: Any) -> bool:
    """One chunk; whether there was one."""
    if what == "ask":
        more["ladders"] = Ladders(Bench.load(now))
    step = {"freeze": transitions.freeze, "ask": transitions.ask, "finish": transitions.finish, "join_item": transitions.join_item}[what]
    return step.when_due(campaign, actor=FILLER, now=now, **more)
