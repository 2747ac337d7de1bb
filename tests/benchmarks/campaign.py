"""A campaign of everything that is held: what freezing it costs beside the plain INSERT … SELECT of the same rows, and a reviewer's page at its size."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count

from governance.core.actors.actor import Actor
from governance.core.clock import current_time
from governance.core.clock.organisation import organisation_zone
from governance.core.models import Person
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import queries as campaign_queries
from governance.recertification.campaigns import scope as scopes
from governance.recertification.campaigns import transitions as campaign_transitions
from governance.recertification.campaigns import write_items
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.transitions import ASKS, FREEZES
from governance.recertification.items import jobs as item_jobs
from governance.recertification.models import Campaign, Question
from tests import people

#: Days until its deadline: what is held ends later than that and its grace.
DAYS = 4


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Args:
        items: how many there are.
        ratio: seconds of freezing them over seconds of the plain INSERT … SELECT of the same rows.
        twice: grants with more than one item, after it was killed in the middle and gone on with.
        asking: microseconds that asking took for each item.
        swept: seconds of the sweep while all of it is open and nothing is due.
        busiest, usual: who is asked most, and who is asked nearest to a hundred things.
    """

    items: int
    ratio: float
    twice: int
    asking: float
    swept: float
    busiest: Person
    usual: Person


def measure(n: people.Northwind) -> Measured:
    """Order, freeze and ask a campaign of everything."""
    now, actor = current_time.now(), Actor.of_job(campaign_jobs.JOB)
    day = (now.astimezone(organisation_zone()) + timedelta(days=DAYS)).date()
    day += timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
    campaign = campaign_transitions.order_campaign(
        Campaign(name="Everything"),
        actor=people.as_actor(n.sana),
        now=now,
        reason="To measure it.",
        campaign_scope=Scope(),
        day=day,
    )
    plain = _plainly(campaign, now)
    frozen = _freeze(campaign, actor, now)
    began = time.perf_counter()
    while campaign_transitions.assign_questions.when_due(campaign, actor=actor, now=now, size=ASKS):
        pass
    asking = time.perf_counter() - began
    campaign_transitions.finish.when_due(campaign, actor=actor, now=now)
    items = campaign.items.count()
    counts = campaign.items.order_by().values("grant").annotate(Count("pk"))
    per_person = Question.objects.unanswered().order_by().values_list("reviewer").annotate(count=Count("pk"))
    ordered = sorted(per_person, key=lambda entry: -entry[1])
    usual = min(ordered, key=lambda entry: abs(entry[1] - 100))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE recertification_item, recertification_question")
    return Measured(
        items,
        frozen / plain,
        counts.filter(pk__count__gt=1).count(),
        asking / items * 1_000_000,
        _sweep(now),
        Person.objects.get(pk=ordered[0][0]),
        Person.objects.get(pk=usual[0]),
    )


def _sweep(now: datetime) -> float:
    """Seconds of the second of two sweeps: what the first may still find is not there any more."""
    item_jobs.sweep(now + timedelta(minutes=1))
    began = time.perf_counter()
    item_jobs.sweep(now + timedelta(minutes=2))
    return time.perf_counter() - began


def _plainly(campaign: Campaign, now: Any) -> float:
    """Seconds of finding the same grants and inserting the same rows by one INSERT … SELECT, keys checked: no history, no ledger; undone again."""
    with transaction.atomic(), connection.cursor() as cursor:
        began = time.perf_counter()
        rows = scopes.reviewable(Scope().grants(now), campaign_queries.grace_by_tier(campaign.deadline))
        given = write_items.grant_parameters(write_items.load_grant_rows(rows, 10**9), now)
        cursor.execute(
            f"{write_items.COLUMNS} {write_items.ROWS_OF_GRANTS} ON CONFLICT DO NOTHING",
            {**write_items.item_parameters(campaign, now), **given},
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        seconds = time.perf_counter() - began
        transaction.set_rollback(True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM recertification_item")
    return seconds


def _freeze(campaign: Campaign, actor: Actor, now: Any) -> float:
    """Seconds until all of it is frozen, without the chunk that is killed in the middle."""
    size = min(FREEZES, max(campaign.expected // 5, 1))
    whole, spent = write_items.freeze_grants, 0.0

    def killed(*given: Any) -> Any:
        whole(*given)
        raise SystemExit

    for number in range(10**9):
        if number == 3:
            write_items.freeze_grants = killed
            _try(lambda: campaign_transitions.freeze.when_due(campaign, actor=actor, now=now, size=size))
            write_items.freeze_grants = whole
        began = time.perf_counter()
        went_on = campaign_transitions.freeze.when_due(campaign, actor=actor, now=now, size=size)
        spent += time.perf_counter() - began
        if not went_on:
            break
    return spent


def _try(act: Callable[[], object]) -> None:
    try:
        act()
    except SystemExit:
        return
    raise AssertionError("It was to be killed.")
