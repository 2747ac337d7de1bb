"""Numbers of reviews are the policy's: another policy, other numbers (S8)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from governance.recertification.campaigns.scope import Scope
from governance.recertification.models import AnswerKind, Asks, Item
from tests.approvals.proposals.policy_proposals import changed, in_force
from tests.recertification.campaign_steps import filled, ordered
from tests.recertification.items.test_review_triggers import DAY, LATER, kept, new_reviews, use
from tests.recertification.review_steps import Held, question, submit_answer, sweep_at, under_review
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8")]


def ruled(held: Held, at: datetime, **parts: Any) -> None:
    """A policy of two people with other numbers."""
    in_force(held.people.ines, held.people.sana, changed(**parts), now=at)


@pytest.fixture
def at(held: Held) -> datetime:
    """Seventy days after it came into force."""
    return held.company.now + LATER


@pytest.mark.rule("R1")
def test_unused_period_follows_policy(held: Held, at: datetime) -> None:
    grant = held.grant(on=held.company.slack)
    ruled(held, at, events__unused_days=20)
    use(grant, at, days=19)
    assert new_reviews(at) == []
    use(grant, at + DAY, days=1)
    assert new_reviews(at + DAY) == [("unused", grant.key)]


@pytest.mark.rule("R1")
def test_review_pause_follows_policy(held: Held, at: datetime) -> None:
    ruled(held, at, events={"unused_days": 14, "quiet_days": 5})
    use(held.grant(on=held.company.slack), at)
    new_reviews(at)
    grant = kept(held, at)
    held.people.omar.left_at, held.people.omar.is_active = at + DAY, False
    held.people.omar.save()
    assert grant.key not in {key for _, key in new_reviews(at + 5 * DAY - timedelta(seconds=1))}
    assert ("owner left", grant.key) in new_reviews(at + 5 * DAY)


@pytest.mark.rule("R2", "R4", "R6")
def test_correction_deadline_is_shown_from_start(held: Held) -> None:
    at = held.company.now + DAY
    ruled(held, at, correction_days=9)
    item = under_review(held.grant(on=held.company.slack))
    ruled(held, item.opened_at + DAY, correction_days=2)
    page = client_of(held.people.sana).get(item.campaign.href)
    (silence,) = page.context["silence"]
    assert silence["ended"] - silence["suspended"] == 9 * DAY
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=item.opened_at + 2 * DAY)
    item.refresh_from_db()
    assert item.closes_at == item.opened_at + 11 * DAY


@pytest.mark.rule("R2")
def test_campaign_names_effect_date_of_joined_item(held: Held) -> None:
    item = under_review(held.grant(on=held.company.slack))
    now = item.opened_at + timedelta(hours=1)
    ruled(held, now, correction_days=2)
    later = filled(ordered(Scope(), by=held.people.sana, now=now, days=4), now)
    assert later.joinings.filter(item=item).exists()
    page = client_of(held.people.sana).get(later.href)
    assert {row["ended"] - row["suspended"] for row in page.context["silence"]} == {2 * DAY}
    assert "Their own campaign lists their outcome and sets the day of removal." in page.content.decode()
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=now + DAY)
    item.refresh_from_db()
    assert item.closes_at == now + 6 * DAY


@pytest.mark.rule("R2", "R6")
def test_and_so_does_when_silence_takes_it_away(held: Held) -> None:
    ruled(held, held.company.now + DAY, correction_days=1)
    item = under_review(held.grant(on=held.company.slack))
    ruled(held, item.opened_at + DAY, correction_days=9)
    for moment in (item.deadline, item.grace_until):
        sweep_at(moment)
    item = Item.objects.get(pk=item.pk)
    assert item.closes_at == item.grace_until + DAY
