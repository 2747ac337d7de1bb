"""A campaign that security opened over what a leak could have touched: under way, some of it answered by one side, nobody late yet."""

from __future__ import annotations

from datetime import timedelta

from approvals.asking import organisation_holidays, organisation_zone
from governance.controls import calendar
from governance.demo.directing import Director
from governance.demo.playing import Ago, Story
from governance.recertification import filling
from governance.recertification.models import Asks, Campaign, Question
from governance.recertification.scope import BOTH, Scope

NAME = "After the keys in a mail"


def after_the_leak(director: Director) -> Story:
    """Sana opens it over what Operations has in production; two days later some of them say that it is needed."""
    now = yield Ago(4, "09:30")
    zone = organisation_zone()
    last = calendar.end_of_working_day(now + timedelta(days=12), zone, organisation_holidays())
    about = Scope(about=BOTH, environment="production", team=director.company.teams["operations"].pk)
    reason = "A mail with keys of Operations went outside. Say of each whether it still has to be held."
    made: Campaign = director.order_campaign(NAME, about, last.astimezone(zone).date(), "sana", now, reason)
    now = yield timedelta(minutes=30)
    filling.sweep(now)
    now = yield Ago(2, "11:00")
    waiting = Question.objects.unanswered().filter(item__campaign=made, asks=Asks.NEEDED, item__grant__isnull=False)
    of_two = waiting.exclude(item__snapshot__tier="low").select_related("reviewer").order_by("pk")
    for one in list(of_two)[::2]:
        director.keep(one, now, "It runs every day, and nothing else does this.")
