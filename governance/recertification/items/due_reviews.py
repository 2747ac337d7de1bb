"""Find grants and automations that are due for review, and open their items (R1, R2).

The policy holds the days between reviews, by tier. A grant is also reviewed before it ends. `answer_deadlines` plans
the times of an item, and `transitions.open_item` opens the item.
"""

from datetime import UTC, datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet, Value

from approvals.assignment.escalation_chain import Bench
from approvals.models import Grant
from approvals.policies import queries as policy_queries
from governance.core.access import Actor
from governance.core.clock.organisation import organisation_zone
from governance.core.jobs import job_runs
from governance.recertification.items import notices as item_notices
from governance.recertification.items import reviewers
from governance.recertification.items.answer_deadlines import OPENS_BEFORE
from governance.recertification.items.context import OF_AUTOMATION, OF_GRANT, load_context
from governance.recertification.items.transitions import open_item
from governance.recertification.items.transitions.open_item import times_of
from governance.recertification.models.campaign import Campaign, CampaignKind
from governance.recertification.models.item import Item, under_review, with_tier
from inventory.models import Automation, AutomationState

log = structlog.get_logger(__name__)


def open_due(now: datetime, actor: Actor) -> int:
    """Open an item for every live grant and automation that is due for review; return the number."""
    opened = 0
    for tier in OPENS_BEFORE:
        grants, automations = _grants_due(tier, now), _automations_due(tier, now)
        opened += job_runs.sweep(grants, lambda grant: open_item_if_due(Item(grant=grant), now, actor), job=actor.job)
        opened += job_runs.sweep(
            automations, lambda automation: open_item_if_due(Item(automation=automation), now, actor), job=actor.job
        )
    return opened


def _grants_due(tier: str, now: datetime) -> QuerySet[Grant]:
    """Live grants that may be due; `answer_deadlines.plan_times` decides."""
    lead = timedelta(days=OPENS_BEFORE[tier])
    live = with_tier(Grant.objects.live(now).select_related(*OF_GRANT))
    rows = live.filter(~under_review(), tier_now=tier, renew=True, ends_at__gt=F("begins_at") + Value(lead))
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
    short = reviewers.missing_without_reviewer(load_context(item, now), bench)
    if short:
        log.error("review.nobody_to_ask", grant=item.grant_id, automation=item.automation_id, asks=short)
        with transaction.atomic():
            item_notices.notify_security(item, short, now)
        return False
    item.campaign = campaign_of(item.counted_tier, now, actor)
    item.reason = item.reason or _reason(item)
    return open_item.open_item.when_due(item, actor=actor, now=now)


def _reason(item: Item) -> str:
    """Reason of a new item: a key of `REASON_WORDS`."""
    grant = item.grant
    if grant is None:
        return item.of_automation.review_because or "review date"
    risen = grant.raised_at is not None and not grant.items.filter(opened_at__gte=grant.raised_at).exists()
    return "tier raised" if risen else "review date"


def campaign_of(tier: str, now: datetime, actor: Actor) -> Campaign:
    """The scheduled campaign of a tier on the organisation's day of ``now``; opened if needed (R2)."""
    key = {"kind": CampaignKind.SCHEDULED, "tier": tier, "opened_on": now.astimezone(organisation_zone()).date()}
    campaign = Campaign.objects.filter(**key).first()
    if campaign is not None:
        return campaign
    try:
        return open_item.open_campaign(Campaign(**key), actor=actor, now=now)
    except IntegrityError:  # another worker was faster: campaign_one_scheduled_a_tier_and_day
        return Campaign.objects.get(**key)
