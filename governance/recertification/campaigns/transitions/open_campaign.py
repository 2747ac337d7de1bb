"""A campaign that somebody opens: ordered once, then filled and asked a chunk at a time by a job, joined, and in the end open (R1, R2, R9).

Each chunk is one operation: items or questions by one statement with their history, how far the campaign is, and one ledger event with the
count, the first and last key and a digest of the keys. Killed anywhere, nothing of a chunk is there, and the next run goes on where it was;
two at once wait for each other at the campaign's row, and the second goes on behind the first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, organisation_zone
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.jobs import nudge
from governance.core.ledger import ledger_events
from governance.core.models import Person
from governance.core.roles.roles import Permission
from governance.core.texts import free_text
from governance.recertification.campaigns import notices as campaign_notices
from governance.recertification.campaigns import rules as campaign_rules
from governance.recertification.campaigns import scope, snapshot
from governance.recertification.campaigns.reviewer_ladders import Ladders, Put
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.snapshot import AD_HOC, Frozen, Unasked
from governance.recertification.items import reviewers, schedule
from governance.recertification.items.schedule import Times
from governance.recertification.items.transitions.open_item import join
from governance.recertification.models import (
    Campaign,
    CampaignKind,
    CampaignState,
    Item,
    Joining,
)

#: The job that fills them.
JOB = "recertification.fill"

#: Grants that one operation freezes, and items about which one asks.
FREEZES, ASKS = 10_000, 2_000

OPENING = [CampaignState.OPENING]


@transition(
    Campaign,
    event="campaign.ordered",
    permission=Permission.CAMPAIGN_OPEN,
    target=OPENING,
    duties=[campaign_rules.NAMED_ONCE],
    reason_needed=True,
)
def order_campaign(step: Step[Campaign], *, about: Scope, day: date) -> Effect:
    """Somebody opens a campaign: its scope is frozen at what there is now, and a job takes it in; its subject is new (R2).

    Args:
        step: the running call.
        about: what it is about.
        day: the last on which people answer.
    """
    campaign = step.subject
    times = schedule.chosen(day, now=step.now, zone=organisation_zone(), holidays=organisation_holidays())
    if times is None:
        raise refuse(Refusal("R2", "input", deadline_words(step.now)))
    if not free_text.name(campaign.name):
        raise refuse(Refusal("R2", "input", "Give it a name: it stands in every mail about it."))
    campaign.kind, campaign.opened_by = CampaignKind.ADHOC, step.actor.person
    campaign.name, campaign.reason = free_text.name(campaign.name), step.reason
    campaign.tier, campaign.scope, campaign.snapshot_at = about.tier, about.to_dict(), step.now
    campaign.deadline = times["high"].deadline
    campaign.grace_until = max(one.grace_until for one in times.values())
    campaign.grants_until, campaign.automations_until = snapshot.last_keys()
    campaign.expected = expected(about, step.now, campaign.deadline)
    if not campaign.expected:
        raise refuse(Refusal("R2", "input", "Nothing would be reviewed: choose more, or an earlier day."))
    nudge.send(JOB)
    owner = Person.objects.filter(pk=about.owner).first() if about.owner is not None else None
    said = {**campaign.scope, **({"owner": str(owner.opaque_id)} if owner is not None else {})}
    return Effect(payload={"scope": said, "deadline": ledger_events.instant(campaign.deadline)})


def deadline_words(now: datetime) -> str:
    """Which days can be chosen, in a sentence."""
    zone = organisation_zone()
    first = working_days.add_working_days(now, schedule.LEAST, zone, organisation_holidays()).astimezone(zone).date()
    return (
        f"Choose a working day from {first:%d %b %Y} on, at most {schedule.FURTHEST} days from today: people need"
        f" {schedule.LEAST} whole working days at the least."
    )


def expected(about: Scope, now: datetime, deadline: datetime) -> int:
    """How many items there will be, those that are joined included."""
    grants = scope.reviewable(about.grants(now), snapshot.grace_of(deadline))
    return grants.count() + about.automations(now).count()


@transition(
    Campaign,
    event="campaign.items_opened",
    permission=Permission.ITEM_OPEN,
    source=OPENING,
    duties=[campaign_rules.NOT_FROZEN],
)
def freeze(step: Step[Campaign], *, size: int = FREEZES) -> Effect:
    """The next chunk of what the campaign is about is put into it: grants first, then automations (R2, H1).

    Once it has come past all of it, what another campaign held on the way and has let go since, because it was called off.

    Args:
        step: the running call.
        size: how many grants or automations at most.
    """
    campaign = step.subject
    later = _give_time(step, campaign)
    if campaign.is_frozen:
        step.save(campaign)
        done, what = snapshot.freeze_passed_over(step, size)
        return Effect(payload={"of": what, "to": getattr(campaign, f"{what}_to"), **_payload(done), **later})
    if campaign.grants_to < campaign.grants_until:
        done, what = snapshot.freeze_grants(step, size), "grants"
    else:
        done, what = snapshot.freeze_automations(step, size), "automations"
    end = done.last if done.looked_at == size and done.last is not None else getattr(campaign, f"{what}_until")
    setattr(campaign, f"{what}_to", end)
    step.save(campaign)
    return Effect(payload={"of": what, "to": end, **_payload(done), **later})


def _give_time(step: Step[Campaign], campaign: Campaign) -> dict[str, str]:
    """Where the job comes late to it, people have their working days from now on all the same: it is due later than was chosen (R1).

    Returns:
        What the ledger says of that; nothing where there is time enough. The campaign is not saved.
    """
    zone, holidays = organisation_zone(), organisation_holidays()
    least = working_days.add_working_days(step.now, schedule.LEAST, zone, holidays)
    if campaign.deadline >= least:
        return {}
    campaign.deadline = least
    campaign.grace_until = max(schedule.grace_after(least, zone, holidays).values())
    return {"deadline": ledger_events.instant(least)}


def _payload(done: Frozen) -> dict[str, Any]:
    return {**done.payload, "under_review": done.looked_at - len(done.made)}


@transition(
    Campaign,
    event="campaign.items_asked",
    permission=Permission.ITEM_OPEN,
    source=OPENING,
    duties=[campaign_rules.FROZEN],
)
def ask(step: Step[Campaign], *, ladders: Ladders, size: int = ASKS) -> Effect:
    """The next items are put before those who answer for them; what nobody can be asked about waits for security (A9, S4, H1).

    Args:
        step: the running call.
        ladders: those of this run, which remember what they have read.
        size: how many items at most.
    """
    campaign = step.subject
    later = _give_time(step, campaign)
    frozen = snapshot.unasked(campaign, size)
    found = _due_with(campaign, frozen)
    ladders.read((one.automation, one.resource) for one in found)
    asked = [(one, ladders.put(one.automation, one.resource, both=one.both)) for one in found]
    nobody = [one.key for one, puts in asked if not puts]
    due = {one.key: _end_where_they_are(one, puts) if puts else one.deadline for one, puts in asked}
    was = {one.key: one.deadline for one in frozen}
    snapshot.nobody_for(step, nobody)
    snapshot.due_otherwise(
        step,
        {one.key: (was[one.key], due[one.key], one.grace_until) for one in found if due[one.key] != was[one.key]},
    )
    count = snapshot.put(step, _rows(asked, due, step.now))
    campaign.asked_to = found[-1].key
    step.save(campaign)
    said = Frozen(len(found), [one.key for one in found], campaign.asked_to).payload
    return Effect(payload={**said, "questions": count, "nobody": len(nobody), **later})


def _due_with(campaign: Campaign, items: Iterable[Unasked]) -> list[Unasked]:
    """The items, due with their campaign where they were frozen before it came to be due later; a conflict and what joined have their own days (S6, R2)."""
    grace = snapshot.grace_of(campaign.deadline)
    return [
        one
        if one.own_days or one.deadline >= campaign.deadline
        else replace(one, deadline=campaign.deadline, grace_until=grace[one.tier])
        for one in items
    ]


def _end_where_they_are(item: Unasked, puts: Iterable[Put]) -> datetime:
    """The earliest end of the campaign's last day among those who are asked (H8); what is due before the day stays so."""
    day = item.deadline.astimezone(organisation_zone()).date()
    ends = [working_days.end_of_day(day, reviewers.zone_of(one.reviewer)) for one in puts]
    return min([item.deadline, *ends])


def _rows(
    asked: Iterable[tuple[Unasked, list[Put]]], due: Mapping[int, datetime], now: datetime
) -> Iterable[dict[str, Any]]:
    when = _Reminders(now)
    for item, puts in asked:
        for one in puts:
            deadline = due[item.key]
            yield {
                "item": item.key,
                "asks": one.asks.value,
                "reviewer": one.reviewer.pk,
                "ladder": one.ladder,
                "remind_at": when.at(deadline, one.reviewer),
            }


@dataclass
class _Reminders:
    """When people are reminded first; the same for everybody in one zone."""

    now: datetime

    def __post_init__(self) -> None:
        self._known: dict[tuple[datetime, str], str] = {}

    def at(self, deadline: datetime, person: Person) -> str:
        """The first reminder of an item that is asked now, as JSON writes an instant."""
        key = (deadline, person.time_zone)
        if key not in self._known:
            zone = reviewers.zone_of(person)
            at = schedule.next_reminder(self.now, opened_at=self.now, deadline=deadline, zone=zone)
            self._known[key] = at.isoformat()
        return self._known[key]


@transition(Campaign, event="campaign.item_joined", permission=Permission.ITEM_OPEN, source=OPENING)
def join_item(step: Step[Campaign], *, item: Item) -> Effect:
    """Something of it is under review already: the campaign joins that review, once, and may bring its deadline forward (R2, R5).

    Args:
        step: the running call.
        item: which is open, in another campaign.
    """
    campaign = step.subject
    if Joining.objects.filter(campaign=campaign, item=item).exists():
        raise refuse(Refusal("R5", "state", "The campaign has joined it already."))
    later = _give_time(step, campaign)
    if later:
        step.save(campaign)
    tier = item.snapshot.get("tier", "high")
    until = snapshot.grace_of(campaign.deadline).get(tier, campaign.grace_until)
    join(
        item,
        actor=step.actor,
        now=step.now,
        because=AD_HOC,
        by=Times(step.now, campaign.deadline, until),
        campaign=campaign.pk,
    )
    Joining.objects.create(campaign=campaign, item=item, at=step.now)
    return Effect(payload={"item": str(item.pk), **later})


@transition(
    Campaign,
    event="campaign.filled",
    permission=Permission.ITEM_OPEN,
    source=OPENING,
    target=[CampaignState.OPEN],
    duties=[campaign_rules.ALL_ASKED],
)
def finish(step: Step[Campaign]) -> Effect:
    """Everything is in it and asked: whoever is asked hears of it once, and security of what nobody can be asked about (R5, A9)."""
    campaign = step.subject
    counts = {
        "items": campaign.items.count(),
        "joined": campaign.joinings.count(),
        "nobody": campaign.items.filter(nobody=True).count(),
    }
    campaign_notices.opened(step, campaign)
    if counts["nobody"]:
        campaign_notices.nobody_to_ask(step, campaign, counts["nobody"])
    return Effect(payload=counts)


@transition(
    Campaign,
    event="campaign.reminded",
    permission=Permission.CAMPAIGN_OPEN,
    source=[CampaignState.OPEN],
    duties=[campaign_rules.WAITS_FOR_SOMEBODY],
)
def remind_people(step: Step[Campaign], *, people: Collection[Person]) -> Effect:
    """Whoever has not answered is reminded because somebody asked for it: each at most once on one of their days (R5).

    Args:
        step: the running call.
        people: those of the campaign's reviewers who are to be reminded; who has nothing left to answer hears nothing.
    """
    told = campaign_notices.remind(step, step.subject, people)
    if not told:
        sentence = "Nobody is left to remind: they were reminded today, or have answered."
        raise refuse(Refusal("R5", "state", sentence, "Try again tomorrow."))
    return Effect(payload={"to": [str(one.opaque_id) for one in told]})
