"""Opening an ad hoc campaign: ordered once, filled and assigned in chunks by a job, then open (R1, R2, R9).

Each chunk is one operation. It inserts items or questions with their history in one statement and stores the progress.
It writes one ledger event with the count, the first and last key, and a digest of the keys. After a kill, nothing of
the chunk remains, and the next run repeats it. Two runs at once wait for each other at the campaign's row.
"""

from collections.abc import Collection
from datetime import date, datetime
from functools import cache, partial
from typing import Any

from django.db.models import Max

from approvals.assignment.escalation_chain import Bench
from approvals.models import Grant
from governance.core.access import Actor, Permission, Refusal, duty, refuse
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_holidays, organisation_zone, zone_named, zone_of
from governance.core.engine.transition import Effect, Step, transition
from governance.core.jobs import nudge
from governance.core.ledger import ledger_events
from governance.core.models import Person
from governance.core.texts import free_text
from governance.recertification.campaigns import write_items
from governance.recertification.campaigns.queries import grace_by_tier, preview_campaign
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import answer_deadlines, reminder_dates, review_triggers, reviewers
from governance.recertification.items import notices as campaign_notices
from governance.recertification.items.answer_deadlines import Times
from governance.recertification.items.context import OF_AUTOMATION
from governance.recertification.items.transitions.open_item import join
from governance.recertification.models import Asks, Campaign, CampaignKind, CampaignState, Item, Joining, Question
from inventory.models import Automation, Resource

#: Name of the job that fills campaigns.
JOB = "recertification.fill"

#: Most grants that one operation freezes, and most items that one assigns.
FREEZES, ASKS = 10_000, 2_000

#: Relations of a resource that its escalation chain reads.
OF_RESOURCE = ("owner", "deputy", "interim__person", "team__lead", "team__deputy_lead")


#: One question with its reviewer and the ids of the people on its escalation chain, in order.
AssignedQuestion = tuple[Asks, Person, list[int]]


def assign_reviewers(items: Collection[Any], now: datetime) -> dict[int, list[AssignedQuestion]]:
    """Questions of items with their reviewers, by item; none if one of them has no eligible reviewer (A9, S4).

    Each automation's and each resource's escalation chain is read once, with a fixed number of queries.

    Args:
        items: see `write_items.lock_unassigned`.
        now: business time.
    """
    bench, resource_ids = Bench.load(now), {item.on for item in items}
    rows = Automation.objects.select_related(*OF_AUTOMATION, "interim__person")
    automations = rows.in_bulk({item.of for item in items})
    resources = Resource.objects.select_related(*OF_RESOURCE).in_bulk(resource_ids - {None})
    needed = {pk: reviewers.needed_chain(automation, bench) for pk, automation in automations.items()}
    acceptable = {pk: reviewers.acceptable_chain(resources.get(pk), bench) for pk in resource_ids}
    parties = reviewers.parties_of(automations)

    @cache
    def assigned(automation: int, resource: int | None, is_both: bool) -> list[AssignedQuestion]:
        chains = {Asks.NEEDED: needed[automation], **({Asks.ACCEPTABLE: acceptable[resource]} if is_both else {})}
        first = reviewers.first_reviewers(chains, automations[automation], parties.get(automation, ()))
        if len(first) < len(chains):
            return []
        return [(asks, first[asks], [person.pk for person in people]) for asks, people in chains.items()]

    def asks_both(item: Any) -> bool:
        return item.grant_id is not None and (item.snapshot["tier"] != "low" or item.is_sample)

    return {item.pk: assigned(item.of, item.on, asks_both(item)) for item in items}


@duty("R2", backed_by=("campaign_name_once",))
def named_once(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    """A name belongs to one running campaign."""
    if not subject._state.adding:
        return Refusal("R2", "state", "It is already open.")
    same_name = Campaign.objects.filter(kind=CampaignKind.ADHOC, name=subject.name.strip())
    if not same_name.exclude(state=CampaignState.CLOSED).exists():
        return None
    return Refusal("R2", "state", "A running campaign has this name.", "Choose another name.")


@duty("R2")
def frozen(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    """Questions are assigned when the whole scope of a campaign is in it."""
    if not subject.is_frozen:
        return Refusal("R2", "state", "The campaign does not have its whole scope yet.")
    return None if subject.has_unasked else Refusal("R2", "state", "All its items are assigned.")


@duty("R2")
def not_frozen(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    """A campaign is filled until its whole scope is in it."""
    return Refusal("R2", "state", "The campaign has its whole scope.") if subject.is_frozen else None


@duty("R2")
def all_asked(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    """A campaign opens when all its items are assigned."""
    is_done = subject.is_frozen and not subject.has_unasked
    return None if is_done else Refusal("R2", "state", "The campaign has items without a reviewer yet.")


#: Declares a step of the job on a campaign that it fills.
on_opening = partial(transition, Campaign, permission=Permission.ITEM_OPEN, source=[CampaignState.OPENING])


@transition(
    Campaign,
    event="campaign.ordered",
    permission=Permission.CAMPAIGN_OPEN,
    target=[CampaignState.OPENING],
    duties=[named_once],
    reason_needed=True,
)
def order_campaign(step: Step[Campaign], *, campaign_scope: Scope, day: date) -> Effect:
    """Order a new campaign: freeze its scope as of now and leave the filling to a job (R2).

    Args:
        step: the running call.
        campaign_scope: what it reviews.
        day: the last day for answers.
    """
    campaign = step.subject
    zone, holidays = organisation_zone(), organisation_holidays()
    deadline = answer_deadlines.deadline_on(day, now=step.now, zone=zone, holidays=holidays)
    if deadline is None:
        raise refuse(Refusal("R2", "input", deadline_words(step.now)))
    if not free_text.name(campaign.name):
        raise refuse(Refusal("R2", "input", "Give it a name. Every mail about it shows the name."))
    campaign.kind, campaign.opened_by = CampaignKind.ADHOC, step.actor.person
    campaign.name, campaign.reason = free_text.name(campaign.name), step.reason
    campaign.tier, campaign.scope, campaign.snapshot_at = campaign_scope.tier, campaign_scope.to_dict(), step.now
    campaign.deadline, campaign.grace_until = deadline, max(grace_by_tier(deadline).values())
    # later grants and automations are not in the snapshot (R2)
    campaign.grants_until = Grant.objects.aggregate(last=Max("pk"))["last"] or 0
    campaign.automations_until = Automation.objects.aggregate(last=Max("pk"))["last"] or 0
    campaign.expected = preview_campaign(campaign_scope, campaign.deadline, step.now)["total"]
    if not campaign.expected:
        raise refuse(Refusal("R2", "input", "The scope has no items. Choose a wider scope or an earlier day."))
    nudge.send(JOB)
    owner = Person.objects.filter(pk=campaign_scope.owner).first() if campaign_scope.owner is not None else None
    scope_payload = {**campaign.scope, **({"owner": str(owner.opaque_id)} if owner is not None else {})}
    return Effect(payload={"scope": scope_payload, "deadline": ledger_events.instant(campaign.deadline)})


def least_deadline(now: datetime) -> datetime:
    """The earliest deadline that leaves people their working days (R1)."""
    zone, holidays = organisation_zone(), organisation_holidays()
    return working_days.add_working_days(now, answer_deadlines.LEAST_WORKING_DAYS, zone, holidays)


def deadline_words(now: datetime) -> str:
    """One sentence with the days that can be chosen."""
    first = least_deadline(now).astimezone(organisation_zone()).date()
    return (
        f"Choose a working day from {first:%d %b %Y} on, at most {answer_deadlines.MAX_DAYS_AHEAD} days from today: people need"
        f" {answer_deadlines.LEAST_WORKING_DAYS} whole working days at the least."
    )


@on_opening(event="campaign.items_opened", duties=[not_frozen])
def freeze(step: Step[Campaign], *, size: int = FREEZES) -> Effect:
    """Write the next chunk of items: grants first, then automations (R2, H1).

    Args:
        step: the running call.
        size: how many grants or automations at most.
    """
    campaign = step.subject
    later = _extend_deadline(step, campaign)
    if campaign.grants_to < campaign.grants_until:
        (keys, made), what = write_items.freeze_grants(step, size), "grants"
    else:
        (keys, made), what = write_items.freeze_automations(step, size), "automations"
    end = keys[-1] if len(keys) == size else getattr(campaign, f"{what}_until")
    setattr(campaign, f"{what}_to", end)
    step.save(campaign)
    payload = {**write_items.chunk_payload(made), "under_review": len(keys) - len(made)}
    return Effect(payload={"of": what, "to": end, **payload, **later})


def _extend_deadline(step: Step[Campaign], campaign: Campaign) -> dict[str, str]:
    """Move the deadline if the job is late, so that people still have their working days (R1).

    Returns:
        The ledger payload of the change, or nothing if there is time enough. The campaign is not saved.
    """
    least = least_deadline(step.now)
    if campaign.deadline >= least:
        return {}
    campaign.deadline, campaign.grace_until = least, max(grace_by_tier(least).values())
    return {"deadline": ledger_events.instant(least)}


@on_opening(event="campaign.items_asked", duties=[frozen])
def assign_questions(step: Step[Campaign], *, size: int = ASKS) -> Effect:
    """Assign the next items to their reviewers; items without an eligible reviewer wait for security (A9, S4, H1).

    Args:
        step: the running call.
        size: how many items at most.
    """
    campaign = step.subject
    later, grace = _extend_deadline(step, campaign), grace_by_tier(campaign.deadline)
    items = write_items.lock_unassigned(campaign, size)
    asked = set(Question.objects.filter(item__in=items).values_list("item", flat=True))  # by an event that joined

    @cache
    def remind_at(deadline: datetime, time_zone: str) -> datetime:
        return reminder_dates.next_reminder(step.now, opened_at=step.now, deadline=deadline, zone=zone_named(time_zone))

    changed: list[Item] = []
    questions: list[Question] = []
    unasked = [item for item in items if item.pk not in asked]
    assigned = assign_reviewers(unasked, step.now)
    for item in unasked:
        puts = assigned[item.pk]
        changed += [item] if _set_dates(item, campaign.deadline, grace[item.snapshot["tier"]], puts) else []
        questions += [
            Question(
                item=item,
                asks=asks,
                reviewer=reviewer,
                asked_at=step.now,
                escalation_chain=chain,
                remind_at=remind_at(item.deadline, reviewer.time_zone),
            )
            for asks, reviewer, chain in puts
        ]
    step.update(changed, "deadline", "grace_until", "nobody")
    step.insert(questions)
    campaign.asked_to = items[-1].pk
    step.save(campaign)
    payload = write_items.chunk_payload([item.pk for item in items])
    nobody = sum(item.nobody for item in items)
    return Effect(payload={**payload, "questions": len(questions), "nobody": nobody, **later})


def _set_dates(item: Item, deadline: datetime, grace_until: datetime, puts: Collection[AssignedQuestion]) -> bool:
    """Set an item's deadline and whether it has reviewers; return whether either changed. The item is not saved.

    The deadline is the earliest end of the campaign's last day among the reviewers (H8). An earlier one stays.
    """
    before = (item.deadline, item.nobody)
    # a conflict (S6) or a joined event (R2) may set earlier dates than the campaign
    has_own_dates = item.snapshot.get(review_triggers.CONFLICTS_KEY) or item.snapshot.get("joined")
    if item.deadline < deadline and not has_own_dates:
        item.deadline, item.grace_until = deadline, grace_until
    day = item.deadline.astimezone(organisation_zone()).date()
    ends = (working_days.end_of_day(day, zone_of(reviewer)) for _, reviewer, _ in puts)
    item.deadline, item.nobody = min([item.deadline, *ends]), not puts
    return (item.deadline, item.nobody) != before


@on_opening(event="campaign.item_joined")
def join_item(step: Step[Campaign], *, item: Item) -> Effect:
    """Join a review that is already open, once; this may bring its deadline forward (R2, R5).

    Args:
        step: the running call.
        item: open, in another campaign.
    """
    campaign = step.subject
    if Joining.objects.filter(campaign=campaign, item=item).exists():
        raise refuse(Refusal("R5", "state", "The campaign has joined it already."))
    later = _extend_deadline(step, campaign)
    if later:
        step.save(campaign)
    until = grace_by_tier(campaign.deadline).get(item.snapshot.get("tier", "high"), campaign.grace_until)
    join(item, actor=step.actor, now=step.now, because=review_triggers.AD_HOC, by=Times(campaign.deadline, until))
    Joining.objects.create(campaign=campaign, item=item, at=step.now)
    return Effect(payload={"item": str(item.pk), **later})


@on_opening(event="campaign.filled", target=[CampaignState.OPEN], duties=[all_asked])
def finish(step: Step[Campaign]) -> Effect:
    """Open the campaign: notify its reviewers once, and security of items without a reviewer (R5, A9)."""
    campaign = step.subject
    counts = {
        "items": campaign.items.count(),
        "joined": campaign.joinings.count(),
        "nobody": campaign.items.filter(nobody=True).count(),
    }
    campaign_notices.notify_opened(step, campaign)
    if counts["nobody"]:
        campaign_notices.notify_missing_reviewers(step, campaign, counts["nobody"])
    return Effect(payload=counts)
