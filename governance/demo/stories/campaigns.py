"""Stories of campaigns by security: one under way after a leak, one called off, and one not filled yet."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from governance.core.actors.actor import Actor
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.demo.stories.director import Director
from governance.demo.stories.playback import Ago, Story
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns.scope import AUTOMATIONS, BOTH, Scope
from governance.recertification.campaigns.transitions import open_campaign
from governance.recertification.campaigns.transitions.open_campaign import JOB
from governance.recertification.models import Asks, Campaign, Question

NAME = "After the keys in a mail"


def _in_two_weeks(now: datetime) -> date:
    zone = organisation_zone()
    return (
        working_days.end_of_working_day(now + timedelta(days=12), zone, organisation_holidays()).astimezone(zone).date()
    )


def too_much(director: Director) -> Story:
    """Sana reviews all grants instead of one team's, and calls the campaign off before anybody is asked."""
    now = yield Ago(5, "16:10")
    reason = "The keys of a mailbox were in a mail."
    made = director.order_campaign("All that is held", Scope(), _in_two_weeks(now), "sana", now, reason)
    open_campaign.freeze.when_due(made, actor=Actor.of_job(JOB), now=now)
    now = yield timedelta(minutes=3)
    director.call_off(made, "sana", now, "It was meant for Operations alone, in production.")
    now = yield timedelta(minutes=1)
    campaign_jobs.sweep(now)


def after_the_leak(director: Director) -> Story:
    """Sana opens a campaign about Operations in production; two days later some reviewers keep their grants."""
    now = yield Ago(4, "09:30")
    campaign_scope = Scope(about=BOTH, environment="production", team=director.company.teams["operations"].pk)
    reason = "A mail with keys of Operations went outside. Say of each whether it still has to be held."
    made: Campaign = director.order_campaign(NAME, campaign_scope, _in_two_weeks(now), "sana", now, reason)
    now = yield timedelta(minutes=30)
    campaign_jobs.sweep(now)
    now = yield Ago(2, "11:00")
    waiting = Question.objects.unanswered().filter(item__campaign=made, asks=Asks.NEEDED, item__grant__isnull=False)
    of_two = waiting.exclude(item__snapshot__tier="low").select_related("reviewer").order_by("pk")
    for question in list(of_two)[::2]:
        director.keep(question, now, "It runs every day, and nothing else does this.")
    now = yield Ago(1, "16:40")
    trials = Scope(about=AUTOMATIONS, environment="test")
    reason = "Trials were to be over by the end of the month."
    director.order_campaign("What is still on trial", trials, _in_two_weeks(now), "sana", now, reason)
