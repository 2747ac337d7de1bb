"""Campaigns beside each other: one that fails blocks no other, and its opener does not release what it ends (R9, G6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.grants import circuit_breaker
from approvals.models import HeldBatch
from governance.core.models import Person
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items.transitions.silence import cause_of
from governance.recertification.models import Campaign, CampaignState
from tests.recertification.campaign_steps import ordered
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import Held

pytestmark = pytest.mark.django_db


@pytest.fixture
def now(held: Held) -> datetime:
    """The day after it came into force; a dozen grants more are held."""
    low_grants(held.submission, 12, begins_at=held.company.now)
    return held.company.now + timedelta(days=1)


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
