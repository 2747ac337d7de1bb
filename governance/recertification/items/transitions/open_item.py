"""Opening a review: the campaign of a day, its items with their snapshots, and their questions (R1, R2)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from approvals.assignment.escalation_chain import Bench
from approvals.policies import queries as policy_queries
from governance.core.access import Permission, Refusal, refuse
from governance.core.clock.organisation import organisation_holidays, organisation_zone, zone_of
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.recertification.items import answer_deadlines, reminder_dates, review_triggers, reviewers
from governance.recertification.items import context as item_context
from governance.recertification.items import notices as item_notices
from governance.recertification.items import rules as item_rules
from governance.recertification.items.answer_deadlines import Times
from governance.recertification.items.context import ItemContext, load_with_chains
from governance.recertification.models.campaign import Campaign, CampaignState
from governance.recertification.models.item import CHANGED, UNCLOSED, WAITING, Asks, Item, ItemState, Question
from inventory.models import AutomationState

#: Declares an operation on an item; grant and automation are locked before it.
on_item = partial(transition, Item, parents=("of_automation", "grant"))


@transition(Campaign, event="campaign.opened", permission=Permission.ITEM_OPEN, duties=[item_rules.opened_once])
def open_campaign(step: Step[Campaign]) -> Effect:
    """Open the new campaign of a tier and day, with deadlines by the tier's days (R2).

    It uses the organisation's time zone; an item uses its reviewers' zones (H8).
    """
    campaign = step.subject
    tier, ahead = campaign.tier, step.now + timedelta(days=answer_deadlines.OPENS_BEFORE[campaign.tier])
    times = answer_deadlines.times_before(ahead, tier, [organisation_zone()], organisation_holidays())
    campaign.name = f"Review of {campaign.opened_on:%-d %b %Y}, {tier} risk"
    campaign.scope, campaign.snapshot_at = {"tier": tier, "because": "review date"}, step.now
    campaign.deadline, campaign.grace_until = times.deadline, times.grace_until
    step.save(campaign)
    return Effect(payload={"tier": tier, "opened_on": str(campaign.opened_on)})


@transition(
    Campaign,
    event="campaign.closed",
    permission=Permission.ITEM_CLOSE,
    source=[CampaignState.OPEN],
    target=[CampaignState.CLOSED],
    duties=[item_rules.all_closed],
)
def close_campaign(step: Step[Campaign]) -> Effect:
    """Close a campaign without unclosed items."""
    return Effect(payload={"items": step.subject.items.count()})


@on_item(
    event="item.opened", permission=Permission.ITEM_OPEN, duties=[item_rules.opened_once], context=load_with_chains
)
def open_item(step: Step[Item]) -> Effect:
    """Open a new item and put its questions to the reviewers (R1, R5)."""
    item = step.subject
    if Item.objects.filter(grant=item.grant, automation=item.automation, state__in=UNCLOSED).exists():
        raise refuse(Refusal("R5", "state", "It is under review already."))
    tier, bench = item.counted_tier, Bench.load(step.now)
    times = times_of(item, step.now, bench)
    if times is None:
        raise refuse(Refusal("R1", "state", "It is not due for review."))
    item.opened_at, item.deadline, item.grace_until = step.now, times.deadline, times.grace_until
    item.snapshot = {**item.snapshot, **snapshot(item, tier)}
    _note_conflicts(item, step.now)
    wanted = item_context.wanted_questions(item)
    if tier == "low" and Asks.ACCEPTABLE in wanted:
        item.snapshot["drawn"] = True
    step.save(item)
    questions = ask_questions(step, step.context, wanted, bench)
    return Effect(
        payload={
            "deadline": ledger_events.instant(item.deadline),
            "asked": {question.asks: str(question.reviewer.opaque_id) for question in questions},
        }
    )


@on_item(event="item.joined", permission=None, source=WAITING, duties=[item_rules.standing], context=load_with_chains)
def join(step: Step[Item], *, because: str, cause: str = "", by: Times | None = None) -> Effect:
    """Join an event or a campaign to an open item; the deadline may move forward, never back (R2, R5).

    Args:
        step: the running step.
        because: a key of `REASON_WORDS`.
        cause: identifies an event (`review_triggers`); empty for others.
        by: deadline and grace of the event or campaign; None for the item's own dates.
    """
    item, context = step.subject, step.context
    tier, bench = item.counted_tier, Bench.load(step.now)
    joined = [*item.snapshot.get("joined", []), because]
    item.snapshot = {**item.snapshot, "tier": tier, "joined": list(dict.fromkeys(joined))}
    if because in CHANGES:
        item.snapshot[CHANGED] = {"because": because, "at": step.now.isoformat()}
    if cause:
        item.snapshot[review_triggers.CAUSES] = [*item.snapshot.get(review_triggers.CAUSES, []), cause]
    times = by or times_of(item, step.now, bench)
    if times is not None and item.state == ItemState.OPEN:
        item.deadline = min(item.deadline, times.deadline)
        item.grace_until = min(item.grace_until, times.grace_until)
    _note_conflicts(item, step.now)
    step.save(item)
    for question in context.unanswered:
        reset_reminder(step, question)
        item_notices.notify_reviewer(step, question, "joined", key=f"joined:{cause or because}:{tier}")
    ask_missing(step, context, bench)  # above low risk, both questions are asked (S4)
    return Effect(payload={"because": because, "deadline": ledger_events.instant(item.deadline)})


def ask_missing(step: Step[Any], context: ItemContext, bench: Bench) -> None:
    """Ask the missing questions of an open item; notify security of those without an eligible reviewer (S4, A9).

    If nobody was asked yet, all questions are asked or none, as at the opening.
    """
    item = context.item
    lacking, short = item_context.missing_questions(context), reviewers.missing_without_reviewer(context, bench)
    if not short or len(lacking) < len(item_context.wanted_questions(item)):
        ask_questions(step, context, [asks for asks in lacking if asks.value not in short], bench)
    is_short = bool(short or reviewers.vacant_questions(context))
    if item.nobody != is_short:
        item.nobody = is_short
        step.save(item)
    if short:
        item_notices.notify_security(item, short, step.now)


@on_item(event="item.event_noted", permission=Permission.ITEM_OPEN, source=WAITING, duties=[item_rules.standing])
def note_event(step: Step[Item], *, because: str, cause: str) -> Effect:
    """Join an event to the open item, once (R1, R2).

    Args:
        step: the running step.
        because: a key of `REASON_WORDS`.
        cause: identifies the event.
    """
    if cause in step.subject.snapshot.get(review_triggers.CAUSES, []):
        raise refuse(Refusal("R2", "state", "A review has asked about this event already."))
    join(step.subject, actor=step.actor, now=step.now, because=because, cause=cause)
    return Effect(payload={"because": because})


def _note_conflicts(item: Item, now: datetime) -> None:
    """Store the grant's open conflicts on the item, and use the date of their resolution as deadline (S6)."""
    grants = [item.grant.pk] if item.grant is not None else []
    conflicts = list(review_triggers.enforced_conflicts().filter(grants__contains=grants)) if grants else []
    if conflicts:
        ids = [*item.snapshot.get(review_triggers.CONFLICTS_KEY, []), *(conflict.pk for conflict in conflicts)]
        item.snapshot = {**item.snapshot, review_triggers.CONFLICTS_KEY: list(dict.fromkeys(ids))}
        item.deadline = min(item.deadline, review_triggers.resolve_by(conflicts, now) or item.deadline)


def reset_reminder(step: Step[Any], question: Question) -> datetime:
    """Set the next reminder of a just notified reviewer by the present deadline (R5). Saves the question."""
    item, zone = question.item, zone_of(question.reviewer)
    next_at = reminder_dates.next_reminder(step.now, opened_at=item.opened_at, deadline=item.deadline, zone=zone)
    question.remind_at = next_at
    step.save(question)
    return next_at


#: Reasons of a join that outdate a draft: keys of `REASON_WORDS`. A joining campaign does not.
CHANGES = review_triggers.BEFORE_ITS_TIME | {"tier raised", "new finding"}

#: Reasons to review even a grant that will not be renewed: it can do harm until its end.
UNTIL_ITS_END = frozenset({review_triggers.IN_CONFLICT, review_triggers.INCIDENT})


def times_of(item: Item, now: datetime, bench: Bench) -> Times | None:
    """Times of an item that opens at ``now``, or None if it is not due (R1); ``bench`` is of ``now``."""
    grant, tier = item.grant, item.counted_tier
    chains = (reviewers.escalation_chain(item, asks, bench) for asks in item_context.wanted_questions(item))
    people = [next((person for person in chain if person.is_here), None) for chain in chains]
    zones = [zone_of(person) for person in people if person is not None] or [organisation_zone()]
    why = {item.reason, *item.snapshot.get("joined", ())}
    if grant is None:
        automation = item.of_automation
        is_reviewed = automation.state == AutomationState.LIVE
        began_at, review_on = automation.created_at, automation.review_on
    else:
        is_reviewed = grant.is_live(now) and (grant.renew or bool(why & UNTIL_ITS_END))
        began_at, review_on = grant.begins_at, grant.review_on
    if not is_reviewed:
        return None
    if why & review_triggers.BEFORE_ITS_TIME:
        soon = answer_deadlines.review_after_event(tier, now=now, began_at=began_at)
        review_on = min(review_on or soon, soon)
    review_at = (
        answer_deadlines.review_instant(review_on)
        if review_on is not None
        else began_at + timedelta(days=policy_queries.in_force(now).review_after(tier))
    )
    holidays = organisation_holidays()
    times = answer_deadlines.plan_times(
        tier, began_at=began_at, review_at=review_at, ends_at=item.ends_at, now=now, zones=zones, holidays=holidays
    )
    if times is not None and review_triggers.INCIDENT in why:
        times = answer_deadlines.shorten_times(times, tier, now=now, zones=zones, holidays=holidays)
    return times


def snapshot(item: Item, tier: str) -> dict[str, Any]:
    """Facts and ids of the grant or automation at the opening; no names of people (R2, H6)."""
    automation, grant = item.of_automation, item.grant
    held = {"tier": tier, "automation": automation.name, "version": automation.approved_version_id}
    if grant is None:
        return held
    resource = reviewers.resource_of(grant)
    return held | {
        "what": grant.sentence,
        "scope": list(grant.scope),
        "target": grant.target,
        "level": grant.level,
        "data_class": grant.entitlement.counted_class if grant.entitlement else "",
        "resource": resource.pk if resource else None,
        "begins_at": ledger_events.instant(grant.begins_at),
        "ends_at": ledger_events.instant(grant.ends_at),
        "app_approval": grant.app_approval_id,
        "approval": grant.approval_id,
    }


def ensure_a_day(step: Step[Any], item: Item) -> None:
    """Give a new reviewer at least a day before silence takes effect (R6).

    It matters for late items and for questions handed over at the end of the grace. Saves the item if its grace moves.
    """
    grace_until = answer_deadlines.with_notice(item.grace_until, now=step.now, ends_at=item.ends_at)
    if item.suspended_at is None and grace_until > item.grace_until:
        was, item.grace_until = item.grace_until, grace_until
        step.save(item)
        payload = {"from": ledger_events.instant(was), "to": ledger_events.instant(grace_until)}
        step.record("item.grace_moved", item, payload)


def ask_questions(step: Step[Any], context: ItemContext, questions: Iterable[Asks], bench: Bench) -> list[Question]:
    """Put questions of a saved item to the first eligible reviewers; the context then has them too (S4, A9)."""
    item, asked = context.item, []
    for asks in questions:
        people = reviewers.escalation_chain(item, asks, bench)
        first = reviewers.first_eligible(context, people, asks)
        if first is None:
            sentence = f"No eligible reviewer is left to say whether it is {asks.value}."
            raise refuse(Refusal("A9", "state", sentence, "Name a backup approver of the resource."))
        ensure_a_day(step, item)
        escalation_chain = [person.pk for person in people]
        question = Question(item=item, asks=asks, reviewer=first, asked_at=step.now, escalation_chain=escalation_chain)
        reset_reminder(step, question)
        context.questions.append(question)
        item_notices.notify_reviewer(step, question, "opened", key="opened")
        asked.append(question)
    return asked
