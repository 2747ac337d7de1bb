"""What a campaign that is called off shares with others: nothing of theirs is lost, and each review gets its own dates back (R1, R2, R5, R9)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.grants import circuit_breaker
from approvals.models import Grant, HeldBatch
from governance.core.clock import business_time
from governance.core.duties.refusals import DutyConflict, OutOfTurn
from governance.core.models import LedgerEvent, Notice, Person
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns import snapshot
from governance.recertification.campaigns.scope import Scope
from governance.recertification.campaigns.transitions import call_off as transition_call_off
from governance.recertification.campaigns.transitions import open_campaign
from governance.recertification.items.transitions.settle import cause_of
from governance.recertification.models import (
    AnswerKind,
    Asks,
    Campaign,
    CampaignState,
    Item,
    ItemOutcome,
    ItemState,
    Joining,
    Question,
)
from inventory.models import Automation
from tests.people import as_actor, as_delegate
from tests.recertification.campaign_steps import chunk, filled, ordered
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import Held, say, under_review
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

WHY = "It was meant for test alone."


@pytest.fixture
def now(held: Held, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The day after it came into force, for every page; a dozen grants more are held."""
    low_grants(held.submission, 12, begins_at=held.company.now)
    at = held.company.now + timedelta(days=1)
    monkeypatch.setattr(business_time, "now", lambda: at)
    return at


def call_off(campaign: Campaign, held: Held, now: datetime) -> Campaign:
    """Whoever opened it calls it off."""
    return transition_call_off.call_off(campaign, actor=as_actor(held.people.sana), now=now, reason=WHY)


def frozen(campaign: Campaign, now: datetime) -> Campaign:
    """All of it is in it, and nobody is asked."""
    while chunk("freeze", campaign, now, size=5):
        pass
    return campaign


def is_complete(campaign: Campaign) -> bool:
    """Whether whatever was to be in it is under review for it."""
    about = Item.objects.filter(pk__in=campaign.joinings.values("item")) | campaign.items.all()
    subjects = set(about.exclude(state=ItemState.CLOSED).values_list("grant", "automation"))
    return len(subjects) == campaign.expected == campaign.items.count() + campaign.joinings.count()


@pytest.mark.rule("R2", "R5")
def test_item_joined_by_other_campaign_continues_by_its_date(held: Held, now: datetime) -> None:
    first = frozen(ordered(Scope(), by=held.people.sana, now=now, days=7, name="By mistake"), now)
    second = ordered(Scope(), by=held.people.sana, now=now, days=21, name="Meant")
    while chunk("freeze", second, now):
        pass
    for item in list(campaign_jobs.to_join(second, now))[:3]:
        assert open_campaign.join_item.when_due(second, actor=filling_actor(), now=now, item=item)
    kept = set(second.joinings.values_list("item", flat=True))
    call_off(first, held, now)
    for _ in range(3):
        campaign_jobs.sweep(now)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (CampaignState.CALLED_OFF, CampaignState.OPEN)
    assert is_complete(second)
    assert set(first.items.exclude(state=ItemState.CLOSED).values_list("pk", flat=True)) == kept
    for item in Item.objects.filter(pk__in=kept):
        assert item.questions.exists()
        assert (item.deadline, item.grace_until) == (
            second.deadline,
            snapshot.grace_by_tier(second.deadline)[item.snapshot["tier"]],
        )
    done = LedgerEvent.objects.filter(verb="campaign.item_left", outcome="done", subject_id=str(first.pk))
    assert done.count() == len(kept)
    assert not campaign_jobs.sweep(now)


def filling_actor() -> Any:
    """The job."""
    return campaign_jobs.Actor.of_job(campaign_jobs.JOB)


@pytest.mark.rule("R2", "R9")
def test_next_campaign_takes_items_after_call_off(held: Held, now: datetime) -> None:
    first = frozen(ordered(Scope(), by=held.people.sana, now=now, name="By mistake"), now)
    call_off(first, held, now)
    assert transition_call_off.let_go.when_due(first, actor=filling_actor(), now=now, size=2)
    second = ordered(Scope(), by=held.people.sana, now=now, name="Meant")
    while chunk("freeze", second, now):
        pass
    while chunk("assign_questions", second, now):
        pass
    assert second.items.count() == 2 < second.expected
    assert not campaign_jobs.to_join(second, now).exists()
    assert not chunk("finish", second, now)
    with pytest.raises(OutOfTurn, match="called off"):
        open_campaign.finish(second, actor=filling_actor(), now=now)
    while chunk("let_go", first, now):
        pass
    filled(second, now)
    assert second.state == CampaignState.OPEN
    assert is_complete(second)
    assert not Joining.objects.exists()
    counted = LedgerEvent.objects.filter(verb="campaign.items_opened", outcome="done", subject_id=str(second.pk))
    assert sum(event.payload["count"] for event in counted) == second.expected


@pytest.mark.rule("R2")
def test_campaign_that_skipped_items_takes_them_after_call_off(held: Held, now: datetime) -> None:
    first = frozen(ordered(Scope(about="both"), by=held.people.sana, now=now, name="By mistake"), now)
    second = frozen(ordered(Scope(about="both"), by=held.people.sana, now=now, name="Meant"), now)
    assert not second.items.exists()
    call_off(first, held, now)
    while chunk("let_go", first, now):
        pass
    assert not chunk("finish", second, now)
    filled(second, now)
    assert second.state == CampaignState.OPEN
    assert is_complete(second)
    assert second.items.filter(automation__isnull=False).exists()
    assert not first.items.exclude(outcome=ItemOutcome.CALLED_OFF).exists()


@pytest.mark.rule("R2", "R5")
def test_joined_items_return_to_own_date_with_notice(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    n, item = held.people, under_review(held.grant())
    now = item.opened_at + timedelta(hours=1)
    monkeypatch.setattr(business_time, "now", lambda: now)
    own = (item.deadline, item.grace_until)
    reminders = dict(item.questions.values_list("pk", "remind_at"))
    reviewer = Question.objects.get(item=item, asks=Asks.ACCEPTABLE).reviewer
    stand_in = as_delegate(n.mei, giver=reviewer, now=now)
    mistake = ordered(Scope(), by=n.sana, now=now, days=4, name="By mistake")
    meant = ordered(Scope(), by=n.sana, now=now, days=7, name="Meant")
    for campaign in (mistake, meant):
        assert open_campaign.join_item.when_due(campaign, actor=filling_actor(), now=now, item=item)
    item.refresh_from_db()
    assert item.deadline == mistake.deadline < meant.deadline < own[0]
    assert "own date" in client_of(n.sana).get(f"/campaigns/{mistake.pk}/call-off/").content.decode()
    call_off(mistake, held, now)
    told = set(Notice.objects.filter(event="recertification_called_off").values_list("recipient", flat=True))
    assert {reviewer.pk, stand_in.person.pk if stand_in.person else 0} <= told
    campaign_jobs.sweep(now)
    item.refresh_from_db()
    assert item.deadline == meant.deadline, "another campaign asks for its own date"
    assert item.snapshot["joined"] == [snapshot.AD_HOC]
    Campaign.objects.filter(pk=meant.pk).update(state=CampaignState.OPENING)
    call_off(Campaign.objects.get(pk=meant.pk), held, now)
    campaign_jobs.sweep(now)
    item.refresh_from_db()
    assert (item.state, item.deadline, item.grace_until) == (ItemState.OPEN, *own)
    assert item.snapshot["joined"] == []
    assert dict(item.questions.values_list("pk", "remind_at")).keys() == reminders.keys()
    assert all(one.remind_at and one.remind_at >= reminders[one.pk] for one in item.questions.all())
    said = LedgerEvent.objects.filter(verb="item.dates_given_back", outcome="done", subject_id=str(item.pk))
    assert [event.payload["campaign"] for event in said] == [str(mistake.pk), str(meant.pk)]


@pytest.mark.rule("S4", "A11")
def test_reviewer_does_not_call_off_unless_opener(held: Held, now: datetime) -> None:
    n = held.people
    campaign = ordered(Scope(), by=n.sana, now=now)
    Automation.objects.filter(pk=held.automation.pk).update(business_owner=n.karl)
    with pytest.raises(DutyConflict, match="gain"):
        transition_call_off.call_off(campaign, actor=as_actor(n.karl), now=now, reason=WHY)
    Automation.objects.filter(pk=held.automation.pk).update(business_owner=n.viktor)
    with pytest.raises(DutyConflict, match="stand in"):
        transition_call_off.call_off(campaign, actor=as_delegate(n.viktor, giver=n.sana, now=now), now=now, reason=WHY)
    Automation.objects.filter(pk=held.automation.pk).update(business_owner=held.submission.automation.business_owner)
    frozen(campaign, now)
    while chunk("assign_questions", campaign, now):
        pass
    one = Question.objects.filter(item__campaign=campaign, asks=Asks.NEEDED).order_by("pk")[0]
    Question.objects.filter(pk=one.pk).update(reviewer=n.karl)
    with pytest.raises(DutyConflict, match="asked"):
        transition_call_off.call_off(campaign, actor=as_actor(n.karl), now=now, reason=WHY)
    Question.objects.filter(pk=one.pk).update(reviewer=n.sana)
    assert call_off(campaign, held, now).state == CampaignState.CALLED_OFF


@pytest.mark.rule("A8")
def test_a_second_press_of_the_same_button_is_no_attempt(held: Held, now: datetime) -> None:
    campaign = ordered(Scope(), by=held.people.sana, now=now)
    for _ in range(2):
        assert call_off(campaign, held, now).state == CampaignState.CALLED_OFF
    assert LedgerEvent.objects.filter(verb="campaign.called_off").count() == 1
    with pytest.raises(OutOfTurn, match=r"^STATE: This campaign is called off, so this"):
        transition_call_off.call_off(campaign, actor=as_actor(held.people.sana), now=now, reason="Something else.")


@pytest.mark.rule("R4")
def test_lost_single_answers_are_shown_before_call_off(held: Held, now: datetime) -> None:
    campaign = frozen(ordered(Scope(), by=held.people.sana, now=now), now)
    while chunk("assign_questions", campaign, now):
        pass
    both = Item.objects.filter(campaign=campaign, questions__asks=Asks.ACCEPTABLE).order_by("pk")[0]
    say(Question.objects.get(item=both, asks=Asks.NEEDED), AnswerKind.KEEP, now=now, reason="Looked at.")
    asking = client_of(held.people.sana).get(f"/campaigns/{campaign.pk}/call-off/").content.decode()
    assert "Answers of one side only are not kept: 1." in asking
    call_off(campaign, held, now)
    campaign_jobs.sweep(now)
    both.refresh_from_db()
    assert both.outcome == ItemOutcome.CALLED_OFF
    assert Grant.objects.get(pk=both.grant_id).renew


@pytest.mark.rule("R9")
def test_a_campaign_that_fails_holds_up_no_other_and_the_run_says_so(
    held: Held, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = ordered(Scope(tier="low"), by=held.people.sana, now=now, name="Broken")
    whole = ordered(Scope(tier="standard"), by=held.people.sana, now=now, name="Whole")
    right = campaign_jobs.fill

    def fill(campaign: Campaign, *given: Any) -> Any:
        if campaign.pk == broken.pk:
            raise RuntimeError("its scope can't be read")
        return right(campaign, *given)

    monkeypatch.setattr(campaign_jobs, "fill", fill)
    with pytest.raises(RuntimeError, match="scope"):
        campaign_jobs.sweep(now)
    whole.refresh_from_db()
    assert whole.state == CampaignState.OPEN


@pytest.mark.rule("G6")
def test_opener_does_not_release_endings_of_own_campaign(held: Held, now: datetime) -> None:
    campaign = ordered(Scope(), by=held.people.sana, now=now)
    batch = HeldBatch(cause=circuit_breaker.lock(cause_of(campaign)))
    answering: list[Person] = circuit_breaker.people_who_answer(batch, now)
    assert held.people.sana not in answering
    assert held.people.karl in answering
    assert batch.cause.words == f"The close of {campaign.name}", "the campaign is named, and not who opened it"
