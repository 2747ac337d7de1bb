"""Opening a review: the campaign of a day, the item with what it is about, its questions with whom they are asked (R1, R2)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from approvals.assignment.escalation_chain import Bench
from approvals.models import Grant
from approvals.policies import queries as policy_queries
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.roles.roles import Permission
from governance.recertification.items import conflict_reviews, joined_due_dates, review_triggers, reviewers, schedule
from governance.recertification.items import notices as item_notices
from governance.recertification.items import rules as item_rules
from governance.recertification.items.schedule import Times
from governance.recertification.models import (
    CHANGED,
    UNCLOSED,
    Asks,
    Campaign,
    CampaignKind,
    CampaignState,
    Item,
    ItemState,
    Question,
)
from inventory.models import Automation, AutomationState


@transition(Campaign, event="campaign.opened", permission=Permission.ITEM_OPEN, duties=[item_rules.NEW])
def open_campaign(step: Step[Campaign]) -> Effect:
    """The campaign of one tier and day opens, for what comes up on that day; its subject is new."""
    campaign = step.subject
    step.save(campaign)
    return Effect(payload={"tier": campaign.tier, "opened_on": str(campaign.opened_on)})


@transition(
    Campaign,
    event="campaign.closed",
    permission=Permission.ITEM_CLOSE,
    source=[CampaignState.OPEN],
    target=[CampaignState.CLOSED],
    duties=[item_rules.ALL_CLOSED],
)
def close_campaign(step: Step[Campaign]) -> Effect:
    """All that a campaign held is closed."""
    return Effect(payload={"items": step.subject.items.count()})


def scheduled_campaign(tier: str, day: date, now: datetime) -> Campaign:
    """The campaign of a tier and day, not saved: what comes up then has its deadlines by the tier's days (R2).

    What it says is of the organisation's zone; an item is due where whoever answers is (H8).
    """
    ahead = now + timedelta(days=schedule.OPENS_BEFORE[tier])
    times = schedule.within(ahead, tier, [organisation_zone()], organisation_holidays())
    return Campaign(
        kind=CampaignKind.SCHEDULED,
        tier=tier,
        name=f"Review of {day:%d %b %Y}, {tier} risk",
        scope={"tier": tier, "because": "review date"},
        opened_on=day,
        snapshot_at=now,
        deadline=times.deadline,
        grace_until=times.grace_until,
    )


@transition(
    Item,
    event="item.opened",
    permission=Permission.ITEM_OPEN,
    duties=[item_rules.NEW],
    parents=["of_automation", "grant"],
)
def open_item(step: Step[Item]) -> Effect:
    """What is due for review is put before those who answer for it; its subject is new (R1, R5)."""
    item = step.subject
    _read_again(item)
    if _open_one(item).exists():
        raise refuse(Refusal("R5", "state", "It is under review already."))
    tier = tier_of(item)
    bench = reviewers.bench_of(item, step.now)
    times = times_of(item, step.now, bench)
    if times is None:
        raise refuse(Refusal("R1", "state", "It is not due for review."))
    item.opened_at, item.deadline, item.grace_until = times.opens_at, times.deadline, times.grace_until
    item.snapshot = {**item.snapshot, **snapshot(item, tier)}
    _note_conflicts(item, step.now)
    if tier == "low" and Asks.ACCEPTABLE in reviewers.asked_about(item, tier):
        item.snapshot["drawn"] = True
    step.save(item)
    asked = ask_each(step, item, reviewers.asked_about(item, tier), bench)
    return Effect(
        payload={
            "deadline": ledger_events.instant(item.deadline),
            "asked": {question.asks: str(question.reviewer.opaque_id) for question in asked},
        }
    )


@transition(
    Item,
    event="item.joined",
    permission=None,
    source=[ItemState.OPEN, ItemState.ESCALATED],
    duties=[item_rules.STANDING],
    parents=["of_automation", "grant"],
)
def join(
    step: Step[Item], *, because: str, cause: str = "", by: Times | None = None, campaign: int | None = None
) -> Effect:
    """Something happened to what is under review: that joins the open item, and may bring its deadline forward, never back (R2, R5).

    Args:
        step: the running step.
        because: a key of `wording.BECAUSE`.
        cause: what makes an event one, where it is one (`review_triggers`).
        by: until when what joins it is to be answered, and its grace; None for what its own dates say.
        campaign: the key of the campaign that joins it, if one does: where that is called off, what it brought forward is given back.
    """
    item = step.subject
    _read_again(item)
    tier, bench = tier_of(item), reviewers.bench_of(item, step.now)
    joined = [*item.snapshot.get("joined", []), because]
    item.snapshot = {**item.snapshot, "tier": tier, "joined": list(dict.fromkeys(joined))}
    if because in CHANGES:
        item.snapshot[CHANGED] = {"because": because, "at": step.now.isoformat()}
    if cause:
        item.snapshot[review_triggers.CAUSES] = [*item.snapshot.get(review_triggers.CAUSES, []), cause]
    joined_due_dates.begin(item)
    times = by or times_of(item, step.now, bench)
    if times is not None:
        joined_due_dates.note(item, campaign, times.deadline, times.grace_until)
        if item.state == ItemState.OPEN:
            item.deadline = min(item.deadline, times.deadline)
            item.grace_until = min(item.grace_until, times.grace_until)
    _note_conflicts(item, step.now)
    step.save(item)
    known = list(item.questions.select_related("reviewer").order_by("pk"))
    for question in known:
        if question.answered_at is None:
            question.item = item
            remind_anew(step, question)
            item_notices.tell_reviewer(step, question, "joined", key=f"joined:{cause or because}:{tier}")
    ask_missing(step, item, bench)  # what is no longer low is asked of both sides (S4)
    return Effect(payload={"because": because, "deadline": ledger_events.instant(item.deadline)})


def ask_missing(step: Step[Any], item: Item, bench: Bench) -> None:
    """Put what has come to be asked about an open item to people; where that is nobody, note it and tell security (S4, A9).

    Of what nobody was asked anything about, all is asked or nothing, as at its opening.
    """
    lacking, short = reviewers.missing(item), reviewers.short_of(item, bench)
    if not short or len(lacking) < len(reviewers.wanted(item)):
        for asks in lacking:
            if asks.value not in short:
                _ask(step, item, asks, bench)
    is_short = bool(short or reviewers.vacant(item))
    if item.nobody != is_short:
        item.nobody = is_short
        step.save(item)
    if short:
        item_notices.tell_security(item, short, step.now)


@transition(
    Item,
    event="item.event_noted",
    permission=Permission.ITEM_OPEN,
    source=[ItemState.OPEN, ItemState.ESCALATED],
    duties=[item_rules.STANDING],
    parents=["of_automation", "grant"],
)
def note_event(step: Step[Item], *, because: str, cause: str) -> Effect:
    """What happened is found by a job: it joins the open item, once (R1, R2).

    Args:
        step: the running step.
        because: a key of `wording.BECAUSE`.
        cause: what makes it one.
    """
    if cause in step.subject.snapshot.get(review_triggers.CAUSES, []):
        raise refuse(Refusal("R2", "state", "It was asked about that already."))
    join(step.subject, actor=step.actor, now=step.now, because=because, cause=cause)
    return Effect(payload={"because": because})


def _note_conflicts(item: Item, now: datetime) -> None:
    """What is reviewed is in conflict: the item says in which, and is to be answered by when they are to be resolved (S6)."""
    found = conflict_reviews.of(item.grant) if item.grant is not None else []
    if found:
        known = item.snapshot.get(conflict_reviews.ABOUT, [])
        item.snapshot = {
            **item.snapshot,
            conflict_reviews.ABOUT: list(dict.fromkeys([*known, *(one.pk for one in found)])),
        }
        resolve_by = conflict_reviews.resolve_by(found, now)
        if resolve_by is not None:
            joined_due_dates.note(item, None, resolve_by, None)
            item.deadline = min(item.deadline, resolve_by)


def remind_anew(step: Step[Item], question: Question) -> None:
    """Somebody who has just heard of it is reminded by the deadline as it is now (R5). Saves the question."""
    item, zone = question.item, reviewers.zone_of(question.reviewer)
    question.remind_at = schedule.next_reminder(step.now, opened_at=item.opened_at, deadline=item.deadline, zone=zone)
    step.save(question)


#: What a review asks about, read with the row: whose it is, on what it is held. The people come with the bench (`reviewers.bench_of`):
#: joined to the row they would make of it twenty tables, and planning that takes PostgreSQL longer than everything else of an item.
OF_AUTOMATION = ("team__parent",)
OF_GRANT = (
    *(f"automation__{path}" for path in OF_AUTOMATION),
    "entitlement__resource__team",
    "credential",
    "approval__privilege__entitlement__resource",
)


def _read_again(item: Item) -> None:
    """What is reviewed as it is under the lock, not as it was when the item was made up."""
    if item.grant is not None:
        item.grant = Grant.objects.select_related(*OF_GRANT).get(pk=item.grant.pk)
    elif item.automation is not None:
        item.automation = Automation.objects.select_related(*OF_AUTOMATION).get(pk=item.automation.pk)


def tier_of(item: Item) -> str:
    """The tier of what is reviewed, as it is now (T4)."""
    return item.grant.counted_tier if item.grant is not None else item.of_automation.tier


def _open_one(item: Item) -> Any:
    about = {"grant": item.grant} if item.grant is not None else {"automation": item.automation}
    return Item.objects.filter(**about, state__in=UNCLOSED)


#: What opens before its day, or brings the deadline of what is open forward; that the risk rose has moved the day itself (`risk_increase`).
BEFORE_ITS_TIME = frozenset({conflict_reviews.IN_CONFLICT, *review_triggers.ALL})

#: What joins an item and changes what is asked: keys of `wording.BECAUSE`. A campaign that comes to it changes nothing.
CHANGES = BEFORE_ITS_TIME | {"tier raised", "new finding"}

#: What is asked about even if it ends on its date and is not renewed: until then it does harm.
UNTIL_ITS_END = frozenset({conflict_reviews.IN_CONFLICT, review_triggers.INCIDENT})


def times_of(item: Item, now: datetime, bench: Bench) -> Times | None:
    """When an item about this is open, if it is due at ``now`` at all (R1); ``bench`` is of ``now`` (`reviewers.bench_of`)."""
    grant = item.grant
    tier = tier_of(item)
    people = [
        person
        for asks in reviewers.asked_about(item, tier)
        if (person := next((one for one in reviewers.ladder(item, asks, bench) if one.is_here), None)) is not None
    ]
    zones = [reviewers.zone_of(person) for person in people] or [organisation_zone()]
    why = {item.reason, *item.snapshot.get("joined", ())}
    if grant is not None:
        if not grant.is_live(now) or not (grant.renew or why & UNTIL_ITS_END):
            return None
        began_at, ends_at, review_on = grant.begins_at, grant.ends_at, grant.review_on
    else:
        if item.of_automation.state != AutomationState.LIVE:
            return None
        began_at, ends_at, review_on = item.of_automation.created_at, None, item.of_automation.review_on
    if why & BEFORE_ITS_TIME:
        soon = schedule.review_after_event(tier, now=now, began_at=began_at)
        review_on = min(review_on or soon, soon)
    review_at = (
        schedule.review_instant(review_on)
        if review_on is not None
        else began_at + timedelta(days=policy_queries.in_force(now).review_after(tier))
    )
    holidays = organisation_holidays()
    found = schedule.plan(
        tier, began_at=began_at, review_at=review_at, ends_at=ends_at, now=now, zones=zones, holidays=holidays
    )
    if found is not None and review_triggers.INCIDENT in why:
        found = schedule.hurried(found, tier, now=now, zones=zones, holidays=holidays)
    return found


def snapshot(item: Item, tier: str) -> dict[str, Any]:
    """What was reviewed, as it stood when the item opened: facts and ids, no names of people (R2, H6)."""
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


def leave_a_day(step: Step[Any], item: Item) -> None:
    """Somebody comes to be asked about an item now: silence suspends nothing of which they have not known for a day (R6).

    That is of what comes late, because nothing ran for a while, or because it is handed over as its grace ends. Saves the item where
    its grace is moved by it.
    """
    ends_at = item.grant.ends_at if item.grant is not None else None
    grace_until = schedule.with_notice(item.grace_until, now=step.now, ends_at=ends_at)
    if item.suspended_at is None and grace_until > item.grace_until:
        was, item.grace_until = item.grace_until, grace_until
        step.save(item)
        step.record(
            "item.grace_moved", item, {"from": ledger_events.instant(was), "to": ledger_events.instant(grace_until)}
        )


def ask_each(step: Step[Item], item: Item, questions: Iterable[Asks], bench: Bench) -> list[Question]:
    """Put questions of a saved item to people; `reviewers` has said that somebody is there for each (S4)."""
    return [_ask(step, item, asks, bench) for asks in questions]


def _ask(step: Step[Item], item: Item, asks: Asks, bench: Bench) -> Question:
    """Put one question to the first who may be asked (A9)."""
    people = reviewers.ladder(item, asks, bench)
    first = reviewers.next_on(people, item, asks)
    if first is None:
        sentence = f"Nobody is left who may say whether it is {asks.value}."
        raise refuse(Refusal("A9", "state", sentence, "Name a deputy for the resource."))
    leave_a_day(step, item)
    zone = reviewers.zone_of(first)
    question = Question(
        item=item,
        asks=asks,
        reviewer=first,
        asked_at=step.now,
        ladder=[person.pk for person in people],
        remind_at=schedule.next_reminder(step.now, opened_at=item.opened_at, deadline=item.deadline, zone=zone),
    )
    step.save(question)
    item_notices.tell_reviewer(step, question, "opened", key="opened")
    return question
