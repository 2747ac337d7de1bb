"""Stories of campaigns by security: one under way after a leak, one called off, and one not filled yet."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from governance.core.actors.actor import Actor
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.demo.company.cast import Cast
from governance.demo.stories.playback import Ago, Story
from governance.demo.stories.scenes import MINUTES, SOON
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns.scope import AUTOMATIONS, BOTH, Scope
from governance.recertification.campaigns.transitions import open_campaign
from governance.recertification.campaigns.transitions.call_off import call_off
from governance.recertification.models import Asks, Campaign, Question


def _order(d: Cast, name: str, scope: Scope, reason: str) -> Campaign:
    """Order a campaign of two weeks as Sana; the job fills it."""
    day = _in_two_weeks(d.now)
    return open_campaign.order_campaign(Campaign(name=name), **d.by("sana", reason), campaign_scope=scope, day=day)


def _in_two_weeks(now: datetime) -> date:
    zone = organisation_zone()
    end = working_days.end_of_working_day(now + timedelta(days=12), zone, organisation_holidays())
    return end.astimezone(zone).date()


def too_much(d: Cast) -> Story:
    """Sana reviews all grants instead of one team's, and calls the campaign off before anybody is asked."""
    d.now = yield Ago(5, "16:10")
    campaign = _order(d, "All that is held", Scope(), "The keys of a mailbox were in a mail.")
    open_campaign.freeze.when_due(campaign, actor=Actor.of_job(open_campaign.JOB), now=d.now)
    d.now = yield MINUTES
    call_off(campaign, **d.by("sana", "It was meant for Operations alone, in production."))
    d.now = yield MINUTES
    campaign_jobs.sweep(d.now)


def after_the_leak(d: Cast) -> Story:
    """Sana opens a campaign about Operations in production; two days later some reviewers keep their grants."""
    d.now = yield Ago(4, "09:30")
    scope = Scope(about=BOTH, environment="production", team=d.teams["operations"].pk)
    reason = "A mail with keys of Operations went outside. Say of each whether it still has to be held."
    campaign = _order(d, "After the keys in a mail", scope, reason)
    d.now = yield SOON
    campaign_jobs.sweep(d.now)
    d.now = yield Ago(2, "11:00")
    waiting = Question.objects.unanswered().filter(item__campaign=campaign, asks=Asks.NEEDED, item__grant__isnull=False)
    of_two = waiting.exclude(item__snapshot__tier="low").select_related("reviewer").order_by("pk")
    for question in list(of_two)[::2]:
        d.answer_question(question, "It runs every day, and nothing else does this.")
    d.now = yield Ago(1, "16:40")
    trials = Scope(about=AUTOMATIONS, environment="test")
    _order(d, "What is still on trial", trials, "Trials were to be over by the end of the month.")


STORIES = (too_much, after_the_leak)
