"""Job steps that open items: due reviews and conflicts (R1)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value

from approvals.assignment.escalation_chain import Bench
from approvals.models import Grant, GrantState
from approvals.policies import queries as policy_queries
from governance.core.actors.actor import Actor
from governance.core.clock.organisation import organisation_zone
from governance.core.engine.transition import Transition
from governance.core.jobs import sweeps
from governance.recertification.items import conflict_reviews, review_triggers, reviewers
from governance.recertification.items import notices as item_notices
from governance.recertification.items.item_context import OF_AUTOMATION, OF_GRANT, load_with_ladders
from governance.recertification.items.schedule import OPENS_BEFORE
from governance.recertification.items.transitions import missing_reviewer, open_item
from governance.recertification.items.transitions.open_item import scheduled_campaign, times_of
from governance.recertification.models import (
    UNCLOSED,
    WAITING,
    Campaign,
    CampaignKind,
    CampaignState,
    Item,
    ItemState,
    under_review,
    with_tier,
)
from inventory.models import Automation, AutomationState

log = structlog.get_logger(__name__)


JOB = "recertification.sweep"


def run_due(rows: QuerySet[Any], verb: Transition[Any], now: datetime, actor: Actor) -> int:
    """Perform an operation on each row that is due; return the number."""
    return sweeps.sweep(rows, partial(verb.when_due, actor=actor, now=now), job=JOB)


def open_due(now: datetime, actor: Actor) -> int:
    """Open an item for every live grant and automation that is due for review; return the number."""
    opened = 0
    for tier in OPENS_BEFORE:
        grants, automations = _grants_due(tier, now), _automations_due(tier, now)
        opened += sweeps.sweep(grants, lambda grant: open_item_if_due(Item(grant=grant), now, actor), job=JOB)
        opened += sweeps.sweep(
            automations, lambda automation: open_item_if_due(Item(automation=automation), now, actor), job=JOB
        )
    return opened


def open_in_conflict(now: datetime, actor: Actor) -> int:
    """Review each conflict of an enforced rule once; join an open item if there is one (S6, R1, R2).

    Returns:
        The number of opened items.
    """
    opened = 0
    for conflict, grant in conflict_reviews.unreviewed_conflicts():
        item = Item.objects.filter(grant=grant, state__in=UNCLOSED).first()
        if item is None and review_triggers.may_wait(conflict, grant, now):
            continue
        if item is None:
            opened += open_item_if_due(Item(grant=grant, reason=conflict_reviews.IN_CONFLICT), now, actor)
        elif item.state != ItemState.ANSWERED:
            because, cause = conflict_reviews.IN_CONFLICT, f"conflict:{conflict.pk}"
            open_item.note_event.when_due(item, actor=actor, now=now, because=because, cause=cause)
    return opened


def _grants_due(tier: str, now: datetime) -> QuerySet[Grant]:
    """Live grants that may be due; `schedule.plan_times` decides."""
    lead = timedelta(days=OPENS_BEFORE[tier])
    rows = with_tier(Grant.objects.live(now).select_related(*OF_GRANT)).filter(
        ~under_review(), tier_now=tier, renew=True, ends_at__gt=F("begins_at") + Value(lead)
    )
    return rows.filter(Q(ends_at__lte=now + lead) | _review_near("begins_at", tier, now))


def _automations_due(tier: str, now: datetime) -> QuerySet[Automation]:
    """Live automations that may be due."""
    rows = Automation.objects.filter(~under_review("automation"), state=AutomationState.LIVE, tier=tier)
    return rows.filter(_review_near("created_at", tier, now)).select_related(*OF_AUTOMATION)


def _review_near(began: str, tier: str, now: datetime) -> Q:
    """Condition: the review date, or the default date without one, is near enough to open an item (R1).

    It compares plain columns, so the index on the date finds the few due rows.
    """
    until = now + timedelta(days=OPENS_BEFORE[tier])
    days = timedelta(days=policy_queries.in_force(now).review_after(tier))
    undated = Q(("review_on__isnull", True), (f"{began}__lte", until - days))
    return Q(review_on__lte=until.astimezone(UTC).date()) | undated


def open_item_if_due(item: Item, now: datetime, actor: Actor) -> bool:
    """Open an item in the campaign of its tier and day; return whether it was due."""
    bench = Bench.load(now)
    if times_of(item, now, bench) is None:
        return False
    short = reviewers.questions_without_reviewer(item, bench)
    if short:
        log.error("review.nobody_to_ask", grant=item.grant_id, automation=item.automation_id, asks=short)
        with transaction.atomic():
            item_notices.notify_security(item, short, now)
        return False
    item.campaign = campaign_of(item.counted_tier, now, actor)
    item.reason = item.reason or _reason(item)
    return open_item.open_item.when_due(item, actor=actor, now=now)


def _reason(item: Item) -> str:
    """Reason of a new item: a key of `item_title.REASON_WORDS`."""
    grant = item.grant
    if grant is None:
        return item.of_automation.review_because or "review date"
    risen = grant.raised_at is not None and not grant.items.filter(opened_at__gte=grant.raised_at).exists()
    return "tier raised" if risen else "review date"


def campaign_of(tier: str, now: datetime, actor: Actor) -> Campaign:
    """The scheduled campaign of a tier on the organisation's day of ``now``; opened if needed (R2)."""
    day = now.astimezone(organisation_zone()).date()
    campaigns = Campaign.objects.filter(kind=CampaignKind.SCHEDULED, tier=tier, opened_on=day)
    campaign = campaigns.first()
    if campaign is None:
        try:
            campaign = open_item.open_campaign(scheduled_campaign(tier, day, now), actor=actor, now=now)
        except IntegrityError:  # another worker was faster: campaign_one_scheduled_a_tier_and_day
            campaign = campaigns.get()
    return campaign


def assign_waiting_items(now: datetime, actor: Actor) -> int:
    """Assign items without a reviewer as soon as one is eligible; return the number of items (A9)."""

    def ask(item: Item) -> bool:
        context = load_with_ladders(item, now)
        if reviewers.missing_without_reviewer(context, Bench.load(now)):
            return False
        if not reviewers.missing_questions(context) and reviewers.vacant_questions(context):
            return False
        return missing_reviewer.ask_now.when_due(item, actor=actor, now=now)

    waiting = Item.objects.filter(nobody=True, state__in=WAITING, campaign__state=CampaignState.OPEN)
    return sweeps.sweep(subject_in_force(waiting), ask, job=JOB)


def subject_in_force(items: QuerySet[Item]) -> QuerySet[Item]:
    """Items whose grant has not ended and whose automation is not retired.

    It checks item by item, because ended grants grow with the years.
    """
    ended = Grant.objects.filter(pk=OuterRef("grant"), state=GrantState.ENDED)
    retired = Automation.objects.filter(pk=OuterRef("automation"), state=AutomationState.RETIRED)
    return items.filter(~Exists(ended), ~Exists(retired))
