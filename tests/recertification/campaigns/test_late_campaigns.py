"""A campaign whose job comes to it late, because nothing ran for a while: people have their working days all the same (R1, R2, R6)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from approvals.models import Grant
from governance.core.clock import working_days
from governance.core.clock.organisation import organisation_zone
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent
from governance.recertification.campaigns import queries as campaign_queries
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import answer_deadlines
from governance.recertification.models import Campaign, CampaignState, Item, Joining
from tests.recertification.campaign_steps import chunk, filled, ordered
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import Held, sweep_at, under_review

pytestmark = pytest.mark.django_db

#: After the deadline that was chosen, and after its grace.
LATE = timedelta(days=15)


def least(now: datetime) -> datetime:
    """Until when people have, at the least, what they are asked now."""
    return working_days.add_working_days(now, answer_deadlines.LEAST_WORKING_DAYS, organisation_zone(), frozenset())


@pytest.mark.rule("R1", "R6")
def test_late_filled_items_get_working_days_before_effect(
    held: Held,
) -> None:
    low_grants(held.submission, 3, begins_at=held.company.now)
    now = held.company.now + timedelta(days=1)
    campaign = ordered(Scope(), by=held.people.sana, now=now, days=5)
    campaign = filled(campaign, now + LATE)
    until = least(now + LATE)
    assert (campaign.state, campaign.deadline) == (CampaignState.OPEN, until)
    grace = campaign_queries.grace_by_tier(until)
    assert campaign.grace_until == max(grace.values())
    for item in campaign.items.all():
        assert (item.deadline, item.grace_until) == (until, grace[item.snapshot["tier"]])
        assert all(question.remind_at > now + LATE for question in item.questions.all())
    done = sweep_at(now + LATE + timedelta(hours=1))
    assert {"escalated", "suspended", "reminded"} & done.keys() == set()
    assert Grant.objects.live(now + LATE).count() == campaign.items.count()
    events = LedgerEvent.objects.filter(verb="campaign.items_opened", payload__deadline=ledger_events.instant(until))
    assert events.count() == 1, "said by the operation that moved it"
    assert Campaign.history.filter(id=campaign.pk, deadline=until).exists()


@pytest.mark.rule("R1", "R9")
def test_late_asked_items_keep_common_deadline(held: Held) -> None:
    now = held.company.now + timedelta(days=1)
    campaign = ordered(Scope(), by=held.people.sana, now=now, days=5)
    chosen = campaign.deadline
    while chunk("freeze", campaign, now):
        pass
    assert chunk("assign_questions", campaign, now, size=1)
    filled(campaign, now + LATE)
    first, *others = Item.objects.order_by("pk")
    assert first.deadline == chosen, "who was asked in time had the time"
    assert {item.deadline for item in others} == {least(now + LATE)}
    for item in others:
        assert item.history.first().deadline == item.deadline


@pytest.mark.rule("R1", "R2")
def test_late_campaign_brings_no_deadline_into_past(held: Held) -> None:
    item = under_review(held.grant())
    now = item.opened_at - timedelta(days=10)
    campaign = ordered(Scope(tier="standard"), by=held.people.sana, now=now, days=5)
    filled(campaign, item.opened_at)
    before, item = item.deadline, Item.objects.get(pk=item.pk)
    assert Joining.objects.get(campaign=campaign).item_id == item.pk
    assert item.deadline == min(before, least(item.opened_at))


@pytest.mark.rule("R2")
def test_one_that_is_filled_in_time_is_due_on_the_day_that_was_chosen(held: Held) -> None:
    now = held.company.now + timedelta(days=1)
    campaign = ordered(Scope(), by=held.people.sana, now=now, days=5)
    chosen = campaign.deadline
    assert filled(campaign, now + timedelta(hours=1)).deadline == chosen
    assert not LedgerEvent.objects.filter(verb="campaign.items_opened", payload__has_key="deadline").exists()
