"""A campaign that somebody opens: frozen, asked and joined in chunks, once, whatever is killed or run twice (R1, R2, R5, R9, H1)."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from approvals.assignment.escalation_chain import Bench
from approvals.models import Grant, GrantUsage
from governance.core.duties.refusals import InvalidInput, NotPermitted, OutOfTurn
from governance.core.engine.step import Step
from governance.core.models import LedgerEvent, Notice, Person
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import queries as campaign_queries
from governance.recertification.campaigns import scope, write_items
from governance.recertification.campaigns import transitions as campaign_transitions
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import answer_deadlines, review_triggers, reviewers
from governance.recertification.items import context as item_context
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.cards import load_cards
from governance.recertification.items.context import OF_GRANT, load_context
from governance.recertification.items.transitions.open_item import snapshot
from governance.recertification.models import Asks, Campaign, CampaignState, Item, ItemState, Joining, Question
from tests.appointments import record_leaver
from tests.people import as_actor
from tests.recertification.campaign_steps import FILLER, chunk, day, filled, ordered
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import Held, under_review
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.mark.rule("R2", "S5")
def test_only_security_and_admins_open_campaign(held: Held) -> None:
    people, now = held.people, held.company.now
    for person in (people.rita, people.omar, people.yuki, people.jonas):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            ordered(Scope(), by=person, now=now)
    assert not Campaign.objects.exists()
    for person, name in ((people.sana, "One"), (people.ines, "Two")):
        assert ordered(Scope(), by=person, now=now, name=name).state == CampaignState.OPENING


@pytest.mark.rule("R2")
def test_a_deadline_that_policy_does_not_allow_is_refused(held: Held) -> None:
    now = held.company.now
    for days in (0, 1, 61, 400):
        with pytest.raises(InvalidInput, match=r"^R2: Choose a working day from"):
            campaign_transitions.order_campaign(
                Campaign(name="X"),
                actor=as_actor(held.people.sana),
                now=now,
                reason="Why not.",
                campaign_scope=Scope(),
                day=day(now, 0) + timedelta(days=days),
            )


@pytest.mark.rule("R2")
def test_campaign_needs_reason_name_and_items(held: Held) -> None:
    actor, now = as_actor(held.people.sana), held.company.now
    for name, reason, chosen, why in (
        ("", "Why", Scope(), "R2: Give it a name"),
        ("X", "", Scope(), "REASON: "),
        ("X", "Why", Scope(tier="low"), "R2: The scope has no items"),
    ):
        with pytest.raises(InvalidInput, match=f"^{why}"):
            campaign_transitions.order_campaign(
                Campaign(name=name), actor=actor, now=now, reason=reason, campaign_scope=chosen, day=day(now)
            )


@pytest.mark.rule("R5", "R9")
def test_a_second_press_opens_no_second_campaign(held: Held) -> None:
    ordered(Scope(), by=held.people.sana, now=held.company.now)
    with pytest.raises(OutOfTurn, match=r"^R2: A running campaign has this name"):
        ordered(Scope(), by=held.people.sana, now=held.company.now)
    assert Campaign.objects.count() == 1


@pytest.mark.rule("R2")
def test_frozen_item_equals_single_item(held: Held) -> None:
    low_grants(held.submission, 150, begins_at=held.company.now)  # none of 40 is drawn once in 70 runs
    now = held.company.now + timedelta(days=1)
    filled(ordered(Scope(about=scope.BOTH), by=held.people.sana, now=now), now)
    items = list(Item.objects.order_by("pk"))
    assert len(items) == Grant.objects.live(now).count() + 1
    assert {item.snapshot["level"] for item in items if item.grant_id} >= {"read"}
    drawn = 0
    for item in items:
        if item.grant_id is not None:
            item.grant = Grant.objects.select_related(*OF_GRANT).get(pk=item.grant_id)
            tier = item.grant.counted_tier
            wanted: dict[str, Any] = snapshot(item, tier)
            if tier == "low" and item_context.is_drawn(item.grant):
                wanted["drawn"], drawn = True, drawn + 1
        else:
            wanted = snapshot(item, item.of_automation.tier)
        assert item.snapshot == wanted
        assert item.grace_until == scheduling_grace(item)
    assert drawn


def scheduling_grace(item: Item) -> Any:
    """When silence takes effect for an item, by its tier."""
    return campaign_queries.grace_by_tier(item.campaign.deadline)[item.snapshot["tier"]]


@pytest.mark.rule("A9", "S4")
def test_the_same_people_are_asked_as_of_an_item_opened_alone(held: Held) -> None:
    low_grants(held.submission, 30, begins_at=held.company.now)
    now = held.company.now + timedelta(days=1)
    filled(ordered(Scope(about=scope.BOTH), by=held.people.sana, now=now), now)
    for item in Item.objects.order_by("pk"):
        if item.grant_id is not None:
            item.grant = Grant.objects.select_related(*OF_GRANT).get(pk=item.grant_id)
        bench, parties = Bench.load(now), load_context(item, now).parties
        wanted = {}
        for asks in item_context.wanted_questions(item):
            people = reviewers.escalation_chain(item, asks, bench)
            first = next(
                person
                for person in people
                if person.pk not in {who for who, _ in wanted.values()}
                and not (asks == Asks.ACCEPTABLE and reviewers.gains_access(item.of_automation, parties, person))
            )
            wanted[asks.value] = (first.pk, [person.pk for person in people])
        assert {
            question.asks: (question.reviewer_id, question.escalation_chain) for question in item.questions.all()
        } == wanted


@pytest.mark.rule("H1")
def test_each_row_has_its_history_and_each_chunk_its_event(held: Held) -> None:
    low_grants(held.submission, 25, begins_at=held.company.now)
    now = held.company.now + timedelta(days=1)
    campaign = ordered(Scope(), by=held.people.sana, now=now)
    while chunk("freeze", campaign, now, size=10):
        pass
    while chunk("assign_questions", campaign, now, size=10):
        pass
    items = list(campaign.items.order_by("pk"))
    assert [list(item.history.values_list("history_type", flat=True)) for item in items] == [["+"]] * len(items)
    first = items[0].history.get()
    assert (first.snapshot, first.deadline, first.history_user) == (items[0].snapshot, items[0].deadline, None)
    assert first.history_change_reason.startswith("campaign.items_opened ")
    for question in Question.objects.filter(item__campaign=campaign):
        kept = question.history.get()
        assert (kept.reviewer_id, kept.escalation_chain, kept.history_type) == (
            question.reviewer_id,
            question.escalation_chain,
            "+",
        )
    events = list(LedgerEvent.objects.filter(verb="campaign.items_opened").order_by("pk"))
    grants = [item.grant_id for item in items]
    assert sum(event.payload["count"] for event in events) == len(items)
    keys = ",".join(map(str, grants[:10])).encode()
    assert events[0].payload["digest"] == hashlib.sha256(keys).hexdigest()
    assert (events[0].payload["first"], events[0].payload["last"]) == (grants[0], grants[9])


@pytest.mark.rule("R9")
@pytest.mark.parametrize(
    ("owner", "at"),
    [(write_items, "freeze_grants"), (Step, "update"), (Step, "insert")],
    ids=["freeze", "update", "insert"],
)
def test_killed_opening_is_resumed(held: Held, monkeypatch: pytest.MonkeyPatch, owner: Any, at: str) -> None:
    low_grants(held.submission, 25, begins_at=held.company.now)
    now = held.company.now + timedelta(days=1)
    monkeypatch.setattr(campaign_transitions, "FREEZES", 10)
    campaign = ordered(Scope(), by=held.people.sana, now=now)
    chunk("freeze", campaign, now, size=10)
    whole = getattr(owner, at)

    def killed(*given: Any, **more: Any) -> Any:
        whole(*given, **more)
        raise SystemExit("killed")

    with monkeypatch.context() as patched:
        patched.setattr(owner, at, killed)
        with pytest.raises(SystemExit):
            campaign_jobs.sweep(now)
    filled(campaign, now)
    assert campaign.state == CampaignState.OPEN
    counts = Counter(campaign.items.values_list("grant", flat=True))
    assert counts == Counter(Grant.objects.live(now).values_list("pk", flat=True))
    questions = Counter(Question.objects.values_list("item", "asks"))
    assert set(questions.values()) == {1}
    assert {item for item, _ in questions} == set(campaign.items.values_list("pk", flat=True))
    opened = LedgerEvent.objects.filter(verb="campaign.items_opened")
    assert sum(event.payload["count"] for event in opened) == sum(counts.values())


@pytest.mark.rule("R9")
def test_repeated_opening_changes_nothing(held: Held) -> None:
    now = held.company.now + timedelta(days=1)
    campaign = filled(ordered(Scope(), by=held.people.sana, now=now), now)
    before = (Item.objects.count(), Question.objects.count(), Notice.objects.count(), LedgerEvent.objects.count())
    assert not campaign_jobs.sweep(now)
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.OPENING, grants_to=0, asked_to=0)
    filled(campaign, now)
    after = (Item.objects.count(), Question.objects.count(), Notice.objects.count())
    assert after == before[:3]


@pytest.mark.rule("R2", "R5")
def test_open_item_is_joined_once_and_only_brought_forward(held: Held) -> None:
    item = under_review(held.grant())
    was, now = item.deadline, item.opened_at + timedelta(hours=1)
    others = Grant.objects.live(now).filter(renew=True).exclude(pk=item.grant_id)
    campaign = filled(ordered(Scope(), by=held.people.sana, now=now, days=4), now)
    item.refresh_from_db()
    assert Joining.objects.filter(campaign=campaign).count() == 1
    assert item.deadline == campaign.deadline < was
    assert item.snapshot["joined"] == [review_triggers.AD_HOC]
    assert not campaign.items.filter(grant=item.grant).exists()
    assert campaign.items.count() <= others.count()
    later = filled(ordered(Scope(), by=held.people.sana, now=now, days=11, name="Later"), now)
    item.refresh_from_db()
    assert item.deadline == campaign.deadline
    assert later.joinings.filter(item=item).exists()
    events = LedgerEvent.objects.filter(verb="campaign.item_joined", subject_id=str(campaign.pk))
    assert events.count() == campaign.joinings.count()


@pytest.mark.rule("R1")
def test_access_ending_before_effect_is_not_reviewed(held: Held) -> None:
    short = low_grants(held.submission, 3, begins_at=held.company.now, days=20)
    now = held.company.now + timedelta(days=1)
    campaign = filled(ordered(Scope(), by=held.people.sana, now=now, days=18), now)
    assert campaign.items.exists()
    assert not campaign.items.filter(grant__in=short).exists()


@pytest.mark.rule("A9", "R6")
def test_item_without_reviewer_notifies_security_and_keeps_access(held: Held) -> None:
    now = held.company.now + timedelta(days=1)
    campaign = ordered(Scope(), by=held.people.sana, now=now)
    while chunk("freeze", campaign, now):
        pass
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reviewers, "acceptable_chain", lambda resource, bench: [])
        filled(campaign, now)
    nobody = campaign.items.filter(nobody=True)
    assert nobody.count() == campaign.items.exclude(snapshot__tier="low").count() > 0
    assert not Question.objects.filter(item__in=nobody).exists()
    notices = Notice.objects.filter(event="recertification_nobody", thread=f"campaign:{campaign.pk}")
    assert {notice.recipient.name for notice in notices} >= {held.people.sana.name}
    late = max(campaign.items.values_list("grace_until", flat=True)) + timedelta(days=1)
    item = nobody[0]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reviewers, "acceptable_chain", lambda resource, bench: [])
        item_jobs.sweep(late)
    item.refresh_from_db()
    assert (item.state, item.suspended_at, item.nobody) == (ItemState.OPEN, None, True)
    item_jobs.sweep(late)
    item.refresh_from_db()
    assert not item.nobody
    assert item.questions.count() == 2
    assert item.deadline > late
    assert item.history.count() == 3  # made, that nobody is there, that somebody is


@pytest.mark.rule("R5")
def test_each_reviewer_is_notified_once(held: Held) -> None:
    low_grants(held.submission, 12, begins_at=held.company.now)
    now = held.company.now + timedelta(days=1)
    campaign = filled(ordered(Scope(), by=held.people.sana, now=now), now)
    notices = Notice.objects.filter(event="recertification_campaign", thread=f"campaign:{campaign.pk}")
    people = Person.objects.filter(questions__item__campaign=campaign).distinct()
    by_reviewer = {person.pk: load_cards(as_actor(person), now).count for person in people}
    assert {notice.recipient_id: notice.context["count"] for notice in notices} == by_reviewer


@pytest.mark.rule("R3")
def test_unmeasured_use_is_not_unused(held: Held) -> None:
    measured, used, unmeasured = low_grants(held.submission, 3, begins_at=held.company.now)
    now = held.company.now + timedelta(days=100)
    for grant, ago in ((measured, 80), (used, 20)):
        GrantUsage.objects.create(grant=grant, day=now.date() - timedelta(days=ago), allowed=1)
    grants = set(Scope(unused_days=60).grants(now))
    assert measured in grants
    assert not {used, unmeasured} & grants


@pytest.mark.rule("R2")
def test_each_filter_narrows(held: Held) -> None:
    now, grant = held.company.now + timedelta(days=1), held.grant()
    automation, resource = grant.automation, grant.entitlement.resource
    team = automation.team
    fitting = [
        Scope(tier=grant.counted_tier),
        Scope(team=team.pk),
        *([Scope(team=team.parent_id)] if team.parent_id else []),
        Scope(resource=resource.pk),
        Scope(data_class=grant.entitlement.counted_class),
        Scope(kind=automation.kind),
        Scope(environment=automation.environment),
        Scope(owner=automation.business_owner_id),
        Scope(owner=resource.owner_id),
        Scope(reviewed_before=(now + timedelta(days=1)).date().isoformat()),
    ]
    for chosen in fitting:
        assert grant in chosen.grants(now), chosen
        assert Scope.from_json(chosen.to_dict()) == chosen
    classes = {"public", "internal", "confidential", "restricted"} - {grant.entitlement.counted_class}
    other = [
        Scope(tier="high"),
        Scope(team=held.people.omar.pk + 10**6),
        Scope(resource=10**9),
        *(Scope(data_class=data_class) for data_class in classes),
        Scope(environment="test"),
        Scope(owner=10**9),
        Scope(reviewed_before=(now - timedelta(days=30)).date().isoformat()),
        Scope(about=scope.AUTOMATIONS),
    ]
    for chosen in other:
        assert grant not in chosen.grants(now), chosen
    assert automation in Scope(about=scope.BOTH).automations(now)
    assert automation not in Scope(about=scope.BOTH, resource=resource.pk).automations(now)
    assert automation not in Scope().automations(now)


@pytest.mark.rule("R2")
def test_later_grants_are_outside_campaign(held: Held) -> None:
    now = held.company.now + timedelta(days=1)
    campaign = ordered(Scope(), by=held.people.sana, now=now)
    late = low_grants(held.submission, 2, begins_at=now)
    filled(campaign, now)
    assert campaign.items.exists()
    assert not campaign.items.filter(grant__in=late).exists()


@pytest.mark.rule("H8")
def test_deadline_ends_in_reviewers_zone(held: Held) -> None:
    jonas = held.people.jonas
    jonas.time_zone = "Asia/Tokyo"
    jonas.save()
    now = held.company.now + timedelta(days=1)
    campaign = filled(ordered(Scope(), by=held.people.sana, now=now), now)
    item = campaign.items.filter(questions__reviewer=jonas)[0]
    assert item.deadline.hour == 8  # 17:00 in Tokyo
    assert item.deadline < campaign.deadline
    assert item.history.count() == 2


def omar_left(c: Company) -> Campaign:
    """A campaign about all grants, opened a day after their start. It asks Omar. Then Omar leaves."""
    now = c.now + timedelta(days=1)
    campaign = filled(ordered(Scope(), by=c.people.sana, now=now), now)
    assert Question.objects.filter(item__campaign=campaign, reviewer=c.people.omar).exists()
    record_leaver(c.people.omar, actor=as_actor(c.people.ines), now=now, reason="She moved on.")
    return campaign


@pytest.mark.rule("R6", "R8")
@starting_point("stock_in_force", omar_left)
def test_leaver_is_replaced_and_unanswered_item_escalates(held: Held, start: Campaign) -> None:
    campaign, now = start, held.company.now + timedelta(days=1)
    item_jobs.sweep(now)
    assert not Question.objects.filter(item__campaign=campaign, reviewer=held.people.omar).exists()
    item_jobs.sweep(campaign.deadline)
    assert set(campaign.items.values_list("state", flat=True)) == {ItemState.ESCALATED}


@pytest.mark.rule("R2")
def test_the_deadline_of_a_campaign_lies_between_least_and_furthest(held: Held) -> None:
    assert (answer_deadlines.LEAST_WORKING_DAYS, answer_deadlines.MAX_DAYS_AHEAD) == (2, 60)
    assert FILLER.kind == "job"
