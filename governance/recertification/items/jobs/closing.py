"""Job steps that close items and campaigns (R4, R6)."""

from __future__ import annotations

from datetime import datetime

from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from approvals.grants import circuit_breaker as grant_circuit_breaker
from approvals.grants import jobs as grant_jobs
from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantState, HeldGrant
from approvals.models.grant import Why
from governance.core.actors.actor import Actor
from governance.core.clock.organisation import organisation_zone
from governance.core.database.key_filters import among
from governance.recertification.items import conflict_reviews
from governance.recertification.items.jobs.opening import run_due, subject_in_force
from governance.recertification.items.transitions import open_item, settle
from governance.recertification.items.transitions.settle import cause_of
from governance.recertification.models import UNCLOSED, Campaign, CampaignKind, CampaignState, Item, Question
from inventory.models import AutomationState


def close_due(now: datetime, actor: Actor) -> int:
    """Close due items and finished campaigns; return the number of closed items (R4, R6).

    Each reason is a query of its own: a combined one would scan nearly all open items for each reason.
    """
    unclosed = Item.objects.filter(state__in=UNCLOSED)
    over = unclosed.filter(closes_at__lte=now)
    _ask_brake(over, now, actor)
    due = (
        over.filter(_may_end(now)),
        unclosed.filter(among(conflict_reviews.resolved_items())).filter(_may_end(now)),
        # Last: grants that end above are a reason to close their other items.
        unclosed.filter(grant__state=GrantState.ENDED),
        unclosed.filter(automation__state=AutomationState.RETIRED),
    )
    closed = sum(run_due(rows, settle.close, now, actor) for rows in due)
    today = now.astimezone(organisation_zone()).date()
    is_over = Q(opened_on__lt=today) | Q(kind=CampaignKind.ADHOC)
    waits = Item.objects.filter(campaign=OuterRef("pk"), state__in=UNCLOSED)
    done = Campaign.objects.filter(is_over, ~Exists(waits), state=CampaignState.OPEN)
    run_due(done, open_item.close_campaign, now, actor)
    return closed


def _ask_brake(due: QuerySet[Item], now: datetime, actor: Actor) -> None:
    """Ask the circuit breaker before a campaign ends grants; it may hold all of them (G6)."""
    ending = (
        subject_in_force(due)
        .filter(~_is_held(now))
        .exclude(automation__isnull=False, automation__suspended_by_review_at__isnull=True)
    )
    by_campaign: dict[int, list[Item]] = {}
    for item in ending.select_related("campaign", "grant").order_by("campaign_id", "pk"):
        by_campaign.setdefault(item.campaign_id, []).append(item)
    keys = {item.automation_id for item in ending if item.automation_id is not None}
    of_automations: dict[int, list[Grant]] = {}
    for grant in Grant.objects.standing().filter(among(keys, "automation")).order_by("pk"):
        of_automations.setdefault(grant.automation_id, []).append(grant)
    for items in by_campaign.values():
        held = [item.grant for item in items if item.grant is not None]
        held += [grant for item in items if item.automation_id for grant in of_automations.get(item.automation_id, ())]
        each = {grant.pk: grant for grant in held}  # a grant and its automation may both be under review
        grant_jobs.ask_first(cause_of(items[0].campaign), list(each.values()), Why.SILENCE, now=now, actor=actor)


def _may_end(now: datetime) -> Q:
    """Condition for items: not held, or some grant of their automation was released and has not ended."""
    return ~_is_held(now) | Q(_of_its_automation(HeldGrant.objects.released()))


def _is_held(now: datetime) -> Q:
    """Condition for items: their grant, or one of their automation's, is held from their campaign."""
    return Q(grant_circuit_breaker.is_blocked("grant", _CAUSE, now)) | Q(
        _of_its_automation(grant_circuit_breaker.blocked_grants(now))
    )


_CAUSE = Concat(Value("campaign:"), Cast(OuterRef("campaign"), CharField()))


def _of_its_automation(held: QuerySet[HeldGrant]) -> Exists:
    """Condition for items: one of these held grants belongs to their automation and stands."""
    same_automation = held.filter(grant__automation=OuterRef("automation"), grant__state__in=lifecycle.STANDING)
    return Exists(same_automation.filter(batch__cause__key=_CAUSE))


def still_open_questions(now: datetime) -> QuerySet[Question]:
    """Unanswered questions about grants in force; without items that the same run closes later."""
    stays = Q(closes_at__isnull=True) | Q(closes_at__gt=now) | _is_held(now)
    items = subject_in_force(Item.objects.filter(stays))
    return Question.objects.unanswered().filter(item__in=items)
