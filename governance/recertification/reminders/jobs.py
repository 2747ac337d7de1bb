"""What jobs do in a review when the time has come: open, remind, hand on, suspend, close (R1, R5, R6, R9).

Each finds by itself what is due, does one thing in its own transaction, and may be killed or doubled anywhere: what was done is
due no more, and what was not is found again. The order within a run is the order of a review: nothing skips a step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from django.db import IntegrityError, transaction
from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat, NullIf

from approvals.assignment.candidates import organisation_zone
from approvals.grants import circuit_breaker as grant_circuit_breaker
from approvals.grants.jobs import circuit_breaker
from approvals.grants.transitions import lifecycle
from approvals.grants.transitions.lifecycle import Why
from approvals.models import Grant, GrantState, HeldGrant
from approvals.policies import queries as policy_queries
from governance.core.actors.actor import Actor
from governance.core.database.key_filters import among
from governance.core.jobs import sweeps
from governance.core.models import Person
from governance.recertification.items import cancelled_items, conflict_reviews, review_triggers, reviewers
from governance.recertification.items import notices as item_notices
from governance.recertification.items.schedule import OPENS_BEFORE
from governance.recertification.items.transitions import (
    join_conflict,
    missing_reviewer,
    open_item,
    reassess_policy,
    reassess_shared_identity,
    settle,
)
from governance.recertification.items.transitions.open_item import OF_AUTOMATION, OF_GRANT, scheduled_campaign, times_of
from governance.recertification.items.transitions.settle import cause_of
from governance.recertification.models import UNCLOSED, Campaign, CampaignKind, CampaignState, Item, ItemState, Question
from governance.recertification.reminders import transitions as reminder_transitions
from inventory.models import Automation, AutomationState

log = structlog.get_logger(__name__)

JOB = "recertification.sweep"

#: Automations that one run judges anew by a policy: it leaves time for the reviews that follow.
AT_ONCE = 500


def sweep(now: datetime) -> Mapping[str, int]:
    """Everything that is due at ``now``; returns how many of what."""
    actor = Actor.of_job(JOB)
    return {
        "opened": open_due(now, actor) + open_in_conflict(now, actor),
        "asked": ask_nobodys(now, actor),
        "reassigned": reassign_due(now, actor),
        "reminded": remind_due(now, actor),
        "escalated": escalate_due(now, actor),
        "suspended": suspend_due(now, actor),
        "closed": close_due(now, actor),
        "judged_with_sharers": judge_sharers(now, actor),
        "judged_by_policy": judge_by_policy(now, actor),
    }


def judge_sharers(now: datetime, actor: Actor) -> int:
    """Judge anew whatever is joined with something riskier; returns how many (I5, A16)."""
    due = Automation.objects.filter(pk__in=reassess_shared_identity.due(), state__in=reassess_shared_identity.HELD)
    return sweeps.sweep(
        due, partial(reassess_shared_identity.judge_with_sharers.when_due, actor=actor, now=now), job=JOB
    )


def judge_by_policy(now: datetime, actor: Actor) -> int:
    """Judge anew what is in use where a policy computes tiers otherwise, so many a run; returns how many (T4)."""
    some = sorted(reassess_policy.due(now).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    due = Automation.objects.filter(pk__in=some)
    return sweeps.sweep(due, partial(reassess_policy.judge_by_policy.when_due, actor=actor, now=now), job=JOB)


def open_due(now: datetime, actor: Actor) -> int:
    """Open an item for every live grant and automation that comes up for review; returns how many."""
    opened = 0
    for tier in OPENS_BEFORE:
        opened += sweeps.sweep(
            _grants_due(tier, now),
            lambda grant: open_one(Item(grant=grant), tier=grant.counted_tier, now=now, actor=actor),
            job=JOB,
        )
        opened += sweeps.sweep(
            _automations_due(tier, now),
            lambda one: open_one(Item(automation=one), tier=one.tier, now=now, actor=actor),
            job=JOB,
        )
    return opened


def open_in_conflict(now: datetime, actor: Actor) -> int:
    """Ask once about each conflict of an enforced rule in what is held; an item that is open is joined; returns how many are opened (S6, R1, R2)."""
    opened = 0
    for conflict, grant in conflict_reviews.unasked():
        item = Item.objects.filter(grant=grant, state__in=UNCLOSED).first()
        if item is None and review_triggers.may_wait(conflict, grant, now):
            continue
        if item is None:
            made = Item(grant=grant, reason=conflict_reviews.IN_CONFLICT)
            opened += open_one(made, tier=grant.counted_tier, now=now, actor=actor)
        elif item.state != ItemState.ANSWERED:
            join_conflict.join_review.when_due(conflict, actor=actor, now=now)
    return opened


def _grants_due(tier: str, now: datetime) -> QuerySet[Grant]:
    """Live grants whose opening has come, by the same dates as `schedule.plan`, which has the last word."""
    lead = timedelta(days=OPENS_BEFORE[tier])
    under_review = Item.objects.filter(grant=OuterRef("pk"), state__in=UNCLOSED)
    rows = (
        Grant.objects.live(now)
        .select_related(*OF_GRANT)
        .annotate(counted=Coalesce(NullIf("raised_to", Value("")), "tier"))
        .filter(counted=tier, renew=True, ends_at__gt=F("begins_at") + Value(lead))
    )
    return rows.filter(~Exists(under_review)).filter(Q(ends_at__lte=now + lead) | _review_near("begins_at", tier, now))


def _automations_due(tier: str, now: datetime) -> QuerySet[Automation]:
    """Live automations whose opening has come."""
    under_review = Item.objects.filter(automation=OuterRef("pk"), state__in=UNCLOSED)
    rows = (
        Automation.objects.select_related(*OF_AUTOMATION)
        .filter(state=AutomationState.LIVE, tier=tier)
        .filter(~Exists(under_review))
    )
    return rows.filter(_review_near("created_at", tier, now))


def _review_near(began: str, tier: str, now: datetime) -> Q:
    """Rows whose review comes so soon that its item opens: by their date, or without one so many days after they began (R1).

    As columns stand, so that the index on the date finds the few that are due among all that are held.
    """
    until = now + timedelta(days=OPENS_BEFORE[tier])
    days = timedelta(days=policy_queries.in_force(now).review_after(tier))
    undated = Q(("review_on__isnull", True), (f"{began}__lte", until - days))
    return Q(review_on__lte=until.astimezone(UTC).date()) | undated


def open_one(item: Item, *, tier: str, now: datetime, actor: Actor) -> bool:
    """Open one item in the campaign of its tier and day; whether it was due after all."""
    bench = reviewers.bench_of(item, now)
    if times_of(item, now, bench) is None:
        return False
    short = reviewers.nobody_for(item, tier, bench)
    if short:
        log.error("review.nobody_to_ask", grant=item.grant_id, automation=item.automation_id, asks=short)
        with transaction.atomic():
            item_notices.tell_security(item, short, now)
        return False
    item.campaign = campaign_of(tier, now, actor)
    item.reason = item.reason or _reason(item)
    return open_item.open_item.when_due(item, actor=actor, now=now)


def _reason(item: Item) -> str:
    """Why an item opens: a key of `wording.BECAUSE`."""
    grant = item.grant
    if grant is None:
        return item.of_automation.review_because or "review date"
    asked = grant.items.exclude(cancelled_items.NEVER_ASKED)
    risen = grant.raised_at is not None and not asked.filter(opened_at__gte=grant.raised_at).exists()
    return "tier raised" if risen else "review date"


def campaign_of(tier: str, now: datetime, actor: Actor) -> Campaign:
    """The campaign that holds what comes up for a tier on the organisation's day of ``now``, opened if need be (R2)."""
    day = now.astimezone(organisation_zone()).date()
    known = Campaign.objects.filter(kind=CampaignKind.SCHEDULED, tier=tier, opened_on=day)
    found = known.first()
    if found is None:
        try:
            found = open_item.open_campaign(scheduled_campaign(tier, day, now), actor=actor, now=now)
        except IntegrityError:  # another worker was faster: campaign_one_scheduled_a_tier_and_day
            found = known.get()
    return found


def ask_nobodys(now: datetime, actor: Actor) -> int:
    """Ask about what nobody could be asked about, once somebody can be; returns how many items (A9)."""

    def ask(item: Item) -> bool:
        item = Item.objects.select_related(*_WITH_WHAT_IT_IS_ABOUT).get(pk=item.pk)
        if reviewers.short_of(item, reviewers.bench_of(item, now)):
            return False
        if not reviewers.missing(item) and reviewers.vacant(item):
            return False
        return missing_reviewer.ask_now.when_due(item, actor=actor, now=now)

    unsettled = (ItemState.OPEN, ItemState.ESCALATED)
    waiting = Item.objects.filter(nobody=True, state__in=unsettled, campaign__state=CampaignState.OPEN)
    return sweeps.sweep(_still_there(waiting), ask, job=JOB)


_WITH_WHAT_IT_IS_ABOUT = (*(f"grant__{path}" for path in OF_GRANT), *(f"automation__{path}" for path in OF_AUTOMATION))


def reassign_due(now: datetime, actor: Actor) -> int:
    """Ask the next on the ladder what a reviewer was asked who left, or may not answer it any more; returns how many (R8)."""

    def reassign(question: Question) -> bool:
        item = question.item
        if reviewers.next_now(question, reviewers.bench_of(item, now)) is not None:
            return reminder_transitions.replace_reviewer.when_due(question, actor=actor, now=now)
        if item.nobody or not missing_reviewer.leave_unasked.when_due(item, actor=actor, now=now):
            with transaction.atomic():  # once a week, for as long as nobody is there
                item_notices.tell_security(item, [question.asks], now)
        return False

    out = _asked_still(now).filter(Q(reviewer__in=_gone()) | Q(pk__in=reviewers.asked_who_may_not()))
    return sweeps.sweep(out, reassign, job=JOB)


def _gone() -> QuerySet[Person]:
    return Person.objects.filter(Q(is_active=False) | Q(left_at__isnull=False))


def remind_due(now: datetime, actor: Actor) -> int:
    """Remind whoever has not answered and whose day for it has come; returns how many (R5)."""
    due = _asked_still(now).filter(remind_at__lte=now)
    return sweeps.sweep(due, partial(reminder_transitions.remind.when_due, actor=actor, now=now), job=JOB)


def escalate_due(now: datetime, actor: Actor) -> int:
    """Hand on what was not answered by its deadline; returns how many (R6)."""
    due = _still_there(_somebody_late().filter(state=ItemState.OPEN, deadline__lte=now))
    return sweeps.sweep(due, partial(reminder_transitions.escalate.when_due, actor=actor, now=now), job=JOB)


def suspend_due(now: datetime, actor: Actor) -> int:
    """Suspend what nobody answered for in the grace period; returns how many (R6)."""
    due = _somebody_late().filter(state=ItemState.ESCALATED, suspended_at__isnull=True, grace_until__lte=now)
    return sweeps.sweep(
        _still_there(due), partial(reminder_transitions.suspend_for_silence.when_due, actor=actor, now=now), job=JOB
    )


def _somebody_late() -> QuerySet[Item]:
    """Without those of which whoever is there has answered what they were asked, and the rest can be asked of nobody (A9).

    Whether who is there may still answer is asked of each, under its lock (`duties.DEADLINE_PASSED`).
    """
    here = {"reviewer__is_active": True, "reviewer__left_at__isnull": True}
    waits = Question.objects.filter(item=OuterRef("pk"), answered_at__isnull=True, **here)
    return Item.objects.exclude(cancelled_items.LET_GO).filter(Q(nobody=False) | Exists(waits))


def close_due(now: datetime, actor: Actor) -> int:
    """Close what has come to its end, and campaigns in which nothing is left; returns how many items (R4, R6).

    Each reason to close is a query of its own: as one, nearly all that is open would be gone through for each of them.
    """
    unclosed = Item.objects.filter(state__in=UNCLOSED)
    over = unclosed.filter(closes_at__lte=now)
    _ask_brake(over, now, actor)
    close = partial(settle.close.when_due, actor=actor, now=now)
    due = (
        over.filter(_may_end(now)),
        unclosed.filter(among(conflict_reviews.resolved())).filter(_may_end(now)),
        # Last: what those before end is a reason to close what is asked about it too.
        unclosed.filter(grant__state=GrantState.ENDED),
        unclosed.filter(automation__state=AutomationState.RETIRED),
    )
    closed = sum(sweeps.sweep(rows, close, job=JOB) for rows in due)
    today = now.astimezone(organisation_zone()).date()
    is_over = Q(opened_on__lt=today) | Q(kind=CampaignKind.ADHOC)
    waits = Item.objects.filter(campaign=OuterRef("pk"), state__in=UNCLOSED)
    done = Campaign.objects.filter(is_over, ~Exists(waits), state=CampaignState.OPEN)
    sweeps.sweep(done, partial(open_item.close_campaign.when_due, actor=actor, now=now), job=JOB)
    return closed


def _ask_brake(due: QuerySet[Item], now: datetime, actor: Actor) -> None:
    """Before a campaign ends what it closes: too much at once is held, all of it (G6)."""
    ending = (
        _still_there(due)
        .filter(~_is_held(now))
        .exclude(automation__isnull=False, automation__suspended_by_review_at__isnull=True)
    )
    by_campaign: dict[int, list[Item]] = {}
    for item in ending.select_related("campaign", "grant").order_by("campaign_id", "pk"):
        by_campaign.setdefault(item.campaign_id, []).append(item)
    of_automations = _standing_of({item.automation_id for item in ending if item.automation_id is not None})
    for items in by_campaign.values():
        held = [item.grant for item in items if item.grant is not None]
        held += [one for item in items if item.automation_id for one in of_automations.get(item.automation_id, ())]
        each = {one.pk: one for one in held}  # a grant and its automation may both be under review
        circuit_breaker.ask_first(cause_of(items[0].campaign), list(each.values()), Why.SILENCE, now=now, actor=actor)


def _standing_of(automations: Collection[int]) -> dict[int, list[Grant]]:
    found: dict[int, list[Grant]] = {}
    for grant in Grant.objects.standing().filter(among(automations, "automation")).order_by("pk"):
        found.setdefault(grant.automation_id, []).append(grant)
    return found


def _may_end(now: datetime) -> Q:
    """Of items: whether the brake does not hold them; or something of their automation was released and has not ended, whatever is held of the rest."""
    return ~_is_held(now) | Q(_of_its_automation(HeldGrant.objects.released()))


def _is_held(now: datetime) -> Q:
    """Of items: whether their grant, or one of their automation, is held from their campaign."""
    return Q(grant_circuit_breaker.is_blocked("grant", _CAUSE, now)) | Q(
        _of_its_automation(grant_circuit_breaker.blocked(now))
    )


_CAUSE = Concat(Value("campaign:"), Cast(OuterRef("campaign"), CharField()))


def _of_its_automation(held: QuerySet[HeldGrant]) -> Exists:
    """Of items: whether one of these is of the automation under review, stands and is held from its campaign."""
    of_it = held.filter(grant__automation=OuterRef("automation"), grant__state__in=lifecycle.STANDING)
    return Exists(of_it.filter(batch__cause__key=_CAUSE))


def _asked_still(now: datetime) -> QuerySet[Question]:
    """Questions that wait for somebody, about what has not ended otherwise and whose time is not over: its item closes later in the same run."""
    stays = Q(closes_at__isnull=True) | Q(closes_at__gt=now) | _is_held(now)
    items = _still_there(Item.objects.exclude(cancelled_items.LET_GO).filter(stays))
    return Question.objects.unanswered().filter(item__in=items)


def _still_there(items: QuerySet[Item]) -> QuerySet[Item]:
    """Without those whose grant has ended or whose automation is retired: asked of each, since there are more of these every year."""
    ended = Grant.objects.filter(pk=OuterRef("grant"), state=GrantState.ENDED)
    retired = Automation.objects.filter(pk=OuterRef("automation"), state=AutomationState.RETIRED)
    return items.filter(~Exists(ended), ~Exists(retired))
