"""Jobs of items: one moves reviews on, the other opens or joins reviews for events (R1, R2, R5, R6, R9).

Each step finds its due rows and handles each in its own transaction. So a killed or doubled run does no harm. The
steps run in the order of a review, and none is skipped.

A few queries look for events every ten minutes, and at once after an incident or a departure. Each cause asks once, and
recent reviews are not repeated (`review_triggers`). Unused grants are looked for once a night.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import structlog
from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from approvals.assignment.escalation_chain import Bench
from approvals.grants import circuit_breaker
from approvals.grants import jobs as grant_jobs
from approvals.grants.transitions import lifecycle
from approvals.models import Grant, GrantState, HeldGrant
from approvals.models.grant import Why
from approvals.policies import queries as policy_queries
from governance.core.access import Actor
from governance.core.clock.organisation import organisation_zone
from governance.core.database.grouping import grouped
from governance.core.database.querysets import among
from governance.core.jobs import job_runs
from governance.core.models import Person
from governance.recertification.items import context as item_context
from governance.recertification.items import due_reviews, review_triggers, reviewers
from governance.recertification.items import notices as item_notices
from governance.recertification.items.context import OF_AUTOMATION, OF_GRANT, load_with_chains
from governance.recertification.items.review_triggers import ReviewTrigger
from governance.recertification.items.transitions import open_item, risk_increase, silence
from governance.recertification.items.transitions.silence import cause_of
from governance.recertification.models.campaign import Campaign, CampaignKind, CampaignState
from governance.recertification.models.item import UNCLOSED, WAITING, Item, ItemState, Question
from inventory.models import Automation, AutomationState

log = structlog.get_logger(__name__)

JOB = "recertification.sweep"
EVENTS_JOB = "recertification.events"

#: Most automations that one run assesses by a policy, to leave time for the reviews.
AT_ONCE = 500


def sweep(now: datetime) -> Mapping[str, int]:
    """Do all steps that are due at ``now``; return the number for each."""
    actor = Actor.of_job(JOB)
    return {
        "opened": due_reviews.open_due(now, actor) + open_in_conflict(now, actor),
        "asked": assign_waiting_items(now, actor),
        "reassigned": reassign_due(now, actor),
        "reminded": remind_due(now, actor),
        "escalated": escalate_due(now, actor),
        "suspended": suspend_due(now, actor),
        "closed": close_due(now, actor),
        "reassessed": reassess_due(now, actor),
    }


def open_in_conflict(now: datetime, actor: Actor) -> int:
    """Review each conflict of an enforced rule once; join an open item if there is one (S6, R1, R2).

    Returns:
        The number of opened items.
    """
    opened = 0
    for conflict, grant in review_triggers.unreviewed_conflicts():
        item = Item.objects.filter(grant=grant, state__in=UNCLOSED).first()
        because, cause = review_triggers.IN_CONFLICT, f"conflict:{conflict.pk}"
        if item is not None and item.state != ItemState.ANSWERED:
            open_item.note_event.when_due(item, actor=actor, now=now, because=because, cause=cause)
        elif item is None and not review_triggers.may_wait(conflict, grant, now):
            opened += due_reviews.open_item_if_due(Item(grant=grant, reason=because), now, actor)
    return opened


def assign_waiting_items(now: datetime, actor: Actor) -> int:
    """Assign items without a reviewer as soon as one is eligible; return the number of items (A9)."""

    def ask(item: Item) -> bool:
        context = load_with_chains(item, now)
        if reviewers.missing_without_reviewer(context, Bench.load(now)):
            return False
        if not item_context.missing_questions(context) and reviewers.vacant_questions(context):
            return False
        return silence.ask_now.when_due(item, actor=actor, now=now)

    waiting = Item.objects.filter(nobody=True, state__in=WAITING, campaign__state=CampaignState.OPEN)
    return job_runs.sweep(subject_in_force(waiting), ask, job=JOB)


def reassign_due(now: datetime, actor: Actor) -> int:
    """Give questions to the next on the escalation chain if the reviewer left or may not answer; return the number (R8)."""

    def reassign(question: Question) -> bool:
        item = question.item
        if reviewers.next_reviewer_now(load_with_chains(question, now), question, Bench.load(now)) is not None:
            return silence.replace_reviewer.when_due(question, actor=actor, now=now)
        if item.nobody or not silence.leave_unasked.when_due(item, actor=actor, now=now):
            with transaction.atomic():  # once a week, until somebody is eligible
                item_notices.notify_security(item, [question.asks], now)
        return False

    departed = Person.objects.filter(Q(is_active=False) | Q(left_at__isnull=False))
    is_out = Q(reviewer__in=departed) | Q(pk__in=reviewers.ineligible_questions())
    return job_runs.sweep(still_open_questions(now).filter(is_out), reassign, job=JOB)


def remind_due(now: datetime, actor: Actor) -> int:
    """Remind reviewers with unanswered questions on their day; return the number (R5)."""
    due = still_open_questions(now).filter(remind_at__lte=now)
    return silence.remind.sweep(due, actor=actor, now=now)


def escalate_due(now: datetime, actor: Actor) -> int:
    """Escalate items past their deadline; return the number (R6)."""
    due = subject_in_force(_late_items().filter(state=ItemState.OPEN, deadline__lte=now))
    return silence.escalate.sweep(due, actor=actor, now=now)


def suspend_due(now: datetime, actor: Actor) -> int:
    """Suspend grants and automations without an answer in the grace period; return the number (R6)."""
    due = _late_items().filter(state=ItemState.ESCALATED, suspended_at__isnull=True, grace_until__lte=now)
    return silence.suspend_for_silence.sweep(subject_in_force(due), actor=actor, now=now)


def _late_items() -> QuerySet[Item]:
    """Items in which an active reviewer has an unanswered question (A9).

    The duty `deadline_passed` checks under the lock whether the reviewer may still answer.
    """
    active_reviewer = {"reviewer__is_active": True, "reviewer__left_at__isnull": True}
    waits = Question.objects.filter(item=OuterRef("pk"), answered_at__isnull=True, **active_reviewer)
    return Item.objects.filter(Q(nobody=False) | Exists(waits))


def reassess_due(now: datetime, actor: Actor) -> int:
    """Assess automations that a policy or a connected automation made riskier; return the number (T4, I5, A16)."""
    by_policy = risk_increase.assessed_by_earlier_policy(now).order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
    ids = sorted({*risk_increase.connected_with_riskier(), *by_policy})
    due = Automation.objects.filter(pk__in=ids, state__in=risk_increase.HELD)
    return risk_increase.reassess.sweep(due, actor=actor, now=now)


def close_due(now: datetime, actor: Actor) -> int:
    """Close due items and finished campaigns; return the number of closed items (R4, R6).

    Each reason is a query of its own: a combined one would scan nearly all open items for each reason.
    """
    unclosed = Item.objects.filter(state__in=UNCLOSED)
    over = unclosed.filter(closes_at__lte=now)
    _ask_brake(over, now, actor)
    due = (
        over.filter(_may_end(now)),
        unclosed.filter(among(review_triggers.resolved_items())).filter(_may_end(now)),
        # Last: grants that end above are a reason to close their other items.
        unclosed.filter(grant__state=GrantState.ENDED),
        unclosed.filter(automation__state=AutomationState.RETIRED),
    )
    closed = sum(silence.close.sweep(rows, actor=actor, now=now) for rows in due)
    today = now.astimezone(organisation_zone()).date()
    is_over = Q(opened_on__lt=today) | Q(kind=CampaignKind.ADHOC)
    waits = Item.objects.filter(campaign=OuterRef("pk"), state__in=UNCLOSED)
    done = Campaign.objects.filter(is_over, ~Exists(waits), state=CampaignState.OPEN)
    open_item.close_campaign.sweep(done, actor=actor, now=now)
    return closed


def _ask_brake(due: QuerySet[Item], now: datetime, actor: Actor) -> None:
    """Ask the circuit breaker before a campaign ends grants; it may hold all of them (G6)."""
    rows = subject_in_force(due).filter(~_is_held(now))
    rows = rows.exclude(automation__isnull=False, automation__suspended_by_review_at__isnull=True)
    ending = list(rows.select_related("campaign", "grant").order_by("campaign_id", "pk"))
    keys = {item.automation_id for item in ending if item.automation_id is not None}
    standing = Grant.objects.standing().filter(among(keys, "automation")).order_by("pk")
    of_automations = grouped((grant.automation_id, grant) for grant in standing)
    by_campaign: dict[Campaign, dict[int, Grant]] = {}  # a grant and its automation may both be under review
    for item in ending:
        grants = [item.grant] if item.grant is not None else of_automations.get(item.automation_id or 0, [])
        by_campaign.setdefault(item.campaign, {}).update({grant.pk: grant for grant in grants})
    for campaign, held in by_campaign.items():
        grant_jobs.ask_first(cause_of(campaign), list(held.values()), Why.SILENCE, now=now, actor=actor)


def _may_end(now: datetime) -> Q:
    """Condition for items: not held, or some grant of their automation was released and has not ended."""
    return ~_is_held(now) | Q(_of_its_automation(HeldGrant.objects.released()))


def _is_held(now: datetime) -> Q:
    """Condition for items: their grant, or one of their automation's, is held from their campaign."""
    blocked = _of_its_automation(circuit_breaker.blocked_grants(now))
    return Q(circuit_breaker.is_blocked("grant", _CAUSE, now)) | Q(blocked)


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


def subject_in_force(items: QuerySet[Item]) -> QuerySet[Item]:
    """Items whose grant has not ended and whose automation is not retired.

    It checks item by item, because ended grants grow with the years.
    """
    ended = Grant.objects.filter(pk=OuterRef("grant"), state=GrantState.ENDED)
    retired = Automation.objects.filter(pk=OuterRef("automation"), state=AutomationState.RETIRED)
    return items.filter(~Exists(ended), ~Exists(retired))


def sweep_events(now: datetime) -> Mapping[str, int]:
    """Open or join reviews for all events until ``now``; return the number by kind."""
    actor = Actor.of_job(EVENTS_JOB)
    is_night = job_runs.is_nightly_due(now, EVENTS_JOB)
    grants, automations = review_triggers.find_triggers(now, is_night=is_night)
    quiet_days = policy_queries.in_force(now).quiet_days
    quiet_until = review_triggers.automations_quiet_until(list(automations), quiet_days)

    def about_grant(grant: Grant) -> bool:
        until = review_triggers.grant_quiet_until(grant, quiet_days)
        return _open_or_join(Item(grant=grant), grants[grant.pk], until, now, actor)

    def about_automation(automation: Automation) -> bool:
        until = quiet_until.get(automation.pk)
        return _open_or_join(Item(automation=automation), automations[automation.pk], until, now, actor)

    of_grants = Grant.objects.live(now).filter(among(grants.keys())).select_related(*OF_GRANT)
    of_automations = Automation.objects.filter(among(automations.keys())).select_related(*OF_AUTOMATION)
    run = partial(job_runs.sweep, job=EVENTS_JOB)
    counts = {"grants": run(of_grants, about_grant), "automations": run(of_automations, about_automation)}
    return {"looked": 1, **counts} if is_night else counts


def _open_or_join(
    new: Item, happened: Sequence[ReviewTrigger], until: datetime | None, now: datetime, actor: Actor
) -> bool:
    """Open an item for the events of one grant or automation, or join its open item; return whether it did.

    In the quiet time after a recent review, only an incident opens it.

    Args:
        new: the item that would open.
        happened: events without a review.
        until: end of the quiet time, if any.
        now: business time.
        actor: the job.
    """
    item = Item.objects.filter(grant=new.grant, automation=new.automation, state__in=UNCLOSED).first()
    if item is not None:
        note = partial(open_item.note_event.when_due, item, actor=actor, now=now)
        noted = [item.state in WAITING and note(because=trigger.because, cause=trigger.cause) for trigger in happened]
        return any(noted)
    if until is not None and now < until:
        happened = [trigger for trigger in happened if trigger.because == review_triggers.INCIDENT]
    if not happened:
        return False
    new.reason, *joined = dict.fromkeys(trigger.because for trigger in happened)
    new.snapshot = {review_triggers.CAUSES: [trigger.cause for trigger in happened]}
    if joined:
        new.snapshot["joined"] = joined
    return due_reviews.open_item_if_due(new, now, actor)
