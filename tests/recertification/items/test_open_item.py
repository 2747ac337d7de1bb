"""Opening: who is asked what, when, once, whatever is run twice (R1, R2, R5, R9, S4, A9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals.assignment.escalation_chain import Bench
from approvals.models import Grant, GrantState, Party
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_zone
from governance.core.duties.refusals import NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Notice, Person
from governance.core.timeline import queries as timeline_queries
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import answer_deadlines, due_reviews
from governance.recertification.items import context as item_context
from governance.recertification.items.transitions import open_item
from governance.recertification.items.transitions.open_item import times_of
from governance.recertification.models import Asks, Campaign, Item, Question
from inventory.automations.transitions import lifecycle
from inventory.models import Automation, Resource
from tests.people import as_actor
from tests.recertification.campaign_steps import filled, ordered
from tests.recertification.review_steps import JOB, Held, opens_at, question, under_review
from tests.trigger_bypass import given


@pytest.mark.rule("R1", "S5")
def test_only_job_opens_due_reviews(held: Held) -> None:
    grant = held.grant()
    n, due = held.people, opens_at(grant)
    campaign = due_reviews.campaign_of("standard", due, JOB)
    for person in (n.ines, n.sana, n.omar, n.jonas, n.yuki):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            open_item.open_item(Item(grant=grant, campaign=campaign), actor=as_actor(person), now=due)
    early = due - timedelta(days=2)
    with pytest.raises(OutOfTurn) as caught:
        open_item.open_item(Item(grant=grant, campaign=campaign), actor=JOB, now=early)
    assert caught.value.refusal.code == "R1"
    assert not Item.objects.exists()


@pytest.mark.rule("R1", "R5", "R9")
def test_due_review_opens_once(held: Held) -> None:
    due = opens_at(held.grant())
    assert due_reviews.open_due(due - timedelta(days=1), JOB) == 0
    grants = Grant.objects.filter(automation=held.automation).count()
    assert due_reviews.open_due(due, JOB) == grants + 1  # and the automation, whose date is the same
    assert due_reviews.open_due(due, JOB) == 0
    assert due_reviews.open_due(due + timedelta(hours=5), JOB) == 0
    assert Item.objects.count() == grants + 1
    assert Notice.objects.filter(event="recertification_opened").count() == 2 * grants + 1
    assert Campaign.objects.count() == 1
    assert not LedgerEvent.objects.filter(verb="item.opened", outcome="refused").exists()
    item = Item(grant=held.grant(), campaign=Campaign.objects.get())
    with pytest.raises(OutOfTurn) as caught:
        open_item.open_item(item, actor=JOB, now=due)
    assert caught.value.refusal.code == "R5"


@pytest.mark.rule("S4", "R2")
def test_the_owner_of_the_automation_is_asked_needed_and_the_owner_of_the_resource_acceptable(
    held: Held, stock_under_review: Item
) -> None:
    item = stock_under_review
    reviewers = dict(item.questions.values_list("asks", "reviewer__name"))
    assert reviewers == {"needed": "Jonas Weil", "acceptable": "Omar Haddad"}
    assert item.snapshot["approval"] == held.grant().approval_id
    assert not any(person.name in str(item.snapshot) for person in held.people.people)


@pytest.mark.rule("S4")
def test_about_low_risk_that_was_not_drawn_the_automations_owner_alone_is_asked(
    held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_context, "is_drawn", lambda grant: False)
    grant = held.low_grant()
    item = under_review(grant)
    assert list(item.questions.values_list("asks", "reviewer__name")) == [("needed", "Jonas Weil")]


@pytest.mark.rule("S4", "A9")
@pytest.mark.parametrize(
    ("owner", "deputy", "reviewer"),
    [
        ("omar", "amara", "Omar Haddad"),
        ("jonas", "mei", "Mei Tanaka"),  # the business owner gains
        ("rita", "mei", "Mei Tanaka"),  # so does the technical owner
        ("jonas", "rita", "Amara Okafor"),  # both gain: the lead of the owner's team
    ],
)
def test_beneficiary_is_not_asked_acceptable(owner: str, deputy: str, reviewer: str, held: Held) -> None:
    erp: Resource = held.company.erp
    people = {"owner": getattr(held.people, owner), "deputy": getattr(held.people, deputy)}
    given(erp, **people)
    item = under_review(held.grant(on=erp))
    assert question(item, Asks.ACCEPTABLE).reviewer.name == reviewer


@pytest.mark.rule("S4", "S1", "A9")
@pytest.mark.parametrize("in_a_campaign", [False, True])
def test_requester_is_not_asked_acceptable(held: Held, in_a_campaign: bool) -> None:
    n, erp = held.people, held.company.erp
    Party.objects.create(submission=held.submission, person=n.lena, capacity="answered")
    given(erp, owner=n.lena, deputy=n.mei)
    grant = held.grant(on=erp)
    if in_a_campaign:
        now = held.company.now + timedelta(days=1)
        item = filled(ordered(Scope(tier="standard"), by=n.sana, now=now), now).items.get(grant=grant)
    else:
        item = under_review(grant)
    assert question(item, Asks.ACCEPTABLE).reviewer == n.mei


@pytest.mark.rule("R8")
def test_leaver_is_not_asked(held: Held) -> None:
    n = held.people
    n.omar.left_at, n.omar.is_active = held.company.now, False
    n.omar.save()
    item = under_review(held.grant(on=held.company.erp))
    assert question(item, Asks.ACCEPTABLE).reviewer == n.amara


@pytest.mark.rule("R1")
def test_inactive_and_lapsing_access_is_not_reviewed(held: Held) -> None:
    first, second, third, _ = Grant.objects.filter(automation=held.automation).order_by("pk")
    Grant.objects.filter(pk=first.pk).update(state=GrantState.SUSPENDED, suspended_why="stopped")
    Grant.objects.filter(pk=second.pk).update(renew=False)
    due_reviews.open_due(opens_at(third), JOB)
    assert set(Item.objects.exclude(grant=None).values_list("grant", flat=True)) == {third.pk, third.pk + 1}


@pytest.mark.rule("R1")
def test_suspended_automation_is_not_reviewed(held: Held) -> None:
    automation = held.automation
    lifecycle.stop(automation, actor=as_actor(held.people.sana), now=held.company.now, reason="Strange traffic.")
    assert due_reviews.open_due(opens_at(held.grant()), JOB) == 0


@pytest.mark.rule("R1")
def test_an_automation_comes_up_by_itself_and_its_business_owner_is_asked_whether_it_is_needed(held: Held) -> None:
    due_reviews.open_due(opens_at(held.grant()), JOB)
    item = Item.objects.get(automation=held.automation)
    assert list(item.questions.values_list("asks", "reviewer__name")) == [("needed", "Jonas Weil")]


@pytest.mark.rule("R1")
def test_an_automation_without_a_review_date_comes_up_all_the_same(held: Held) -> None:
    Automation.objects.filter(pk=held.automation.pk).update(review_on=None)
    due_reviews.open_due(held.company.now + timedelta(days=165), JOB)
    assert Item.objects.filter(automation=held.automation).exists()


@pytest.mark.rule("H1", "H3")
def test_opening_stands_on_the_timelines_of_grant_automation_and_resource(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    event = LedgerEvent.objects.get(verb="item.opened", subject_id=str(item.pk))
    assert {
        f"approvals.grant:{item.grant_id}",
        f"inventory.automation:{held.automation.pk}",
        f"inventory.resource:{held.company.erp.pk}",
    } <= set(event.about)
    assert item.history.count() == 1
    assert all(question.history.count() == 1 for question in Question.objects.filter(item=item))


@pytest.mark.rule("H3")
def test_timeline_shows_review_to_permitted_readers(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people

    def texts(reader: Person) -> set[str]:
        events = timeline_queries.shapes(held.company.erp, actor=as_actor(reader), now=held.company.now, limit=50)
        return {event["text"] for event in events if "the review of" in event["text"]}

    assert item.grant is not None
    assert texts(n.omar) == {f"the review of “{item.grant.approval.title}” was opened"}
    assert texts(n.nadia) == {"the review of something was opened"}


@pytest.mark.rule("H8", "R1")
def test_deadlines_avoid_holidays(held: Held, settings: Any) -> None:
    grant = held.grant()
    due = opens_at(grant)
    item = Item(grant=grant, campaign=due_reviews.campaign_of("standard", due, JOB))
    bench = Bench.load(due)
    before = times_of(item, due, bench)
    assert before is not None
    settings.ORGANISATION_HOLIDAYS = frozenset({before.deadline.date(), before.grace_until.date()})
    after = times_of(item, due, bench)
    assert after is not None
    assert (after.deadline < before.deadline, after.grace_until < before.grace_until) == (True, True)


@pytest.mark.rule("R2", "H8")
@pytest.mark.parametrize("tier", ["high", "standard", "low"])
def test_campaign_deadline_leaves_grace_period(held: Held, settings: Any, tier: str) -> None:
    zone, began = organisation_zone(), held.company.now
    lead = timedelta(days=answer_deadlines.OPENS_BEFORE[tier] - answer_deadlines.GRACE[tier])
    settings.ORGANISATION_HOLIDAYS = frozenset({(began + lead + timedelta(days=3)).date()})
    for days in range(14):
        now = began + timedelta(days=days)
        made = due_reviews.campaign_of(tier, now, JOB)
        for until in (made.deadline, made.grace_until):
            local = until.astimezone(zone)
            assert working_days.is_working_day(local.date(), settings.ORGANISATION_HOLIDAYS), local
            assert (local.hour, local.minute) == (17, 0)
        assert now < made.deadline <= made.grace_until - timedelta(days=answer_deadlines.GRACE[tier])
        assert made.grace_until <= now + timedelta(days=answer_deadlines.OPENS_BEFORE[tier])
