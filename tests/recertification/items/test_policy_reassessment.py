"""A policy that computes tiers otherwise is applied to grants: a raised one gets a shorter term and a review (T4, S8)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.models import Grant
from governance.core.duties.refusals import OutOfTurn
from governance.core.models import LedgerEvent
from governance.recertification.items import due_reviews
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.transitions import risk_increase
from governance.recertification.models import Item
from inventory.models import Automation
from tests.approvals.proposals import policy_proposals
from tests.approvals.proposals.policy_proposals import changed
from tests.recertification.review_steps import JOB, Held

pytestmark = [pytest.mark.django_db, pytest.mark.rule("T4", "S8")]

LATER = timedelta(days=40)
#: By this what is internal and not only read is high risk.
STRICTER = {"tiers__high__non_read_on": ["confidential", "internal"]}


def policy(held: Held, at: datetime, **parts: Any) -> None:
    people = held.people
    policy_proposals.in_force(people.ines, people.sana, changed(**parts), now=at)


def judge(at: datetime) -> int:
    return item_jobs.reassess_due(at, JOB)


def test_unchanged_tiers_cause_no_reassessment(held: Held) -> None:
    at = held.company.now + LATER
    policy(held, at, seats__privilege__standard=["owner", "security"])
    assert judge(at + timedelta(minutes=1)) == 0
    with pytest.raises(OutOfTurn) as error:
        risk_increase.reassess(Automation.objects.get(pk=held.submission.automation_id), actor=JOB, now=at)
    assert error.value.refusal.code == "T4"


def test_single_person_tightening_shortens_no_term(held: Held) -> None:
    at = held.company.now + LATER
    policy_proposals.propose(held.people.ines, changed(**STRICTER), now=at, at_once=True)
    assert judge(at + timedelta(minutes=1)) == 0


def test_lower_tier_changes_nothing_before_renewal(held: Held) -> None:
    at = held.company.now + LATER
    before = list(Grant.objects.order_by("pk").values_list("ends_at", "review_on", "raised_to"))
    policy(held, at, tiers__high__non_read_chosen_by_model_if=["outbound"])
    assert judge(at + timedelta(minutes=1)) == 1
    assert list(Grant.objects.order_by("pk").values_list("ends_at", "review_on", "raised_to")) == before
    assert not Item.objects.exists()


def test_raised_tier_shortens_term_and_opens_one_review(held: Held) -> None:
    at = held.company.now + LATER
    posts, reads = held.grant(on=held.company.slack), held.grant(on=held.company.erp)
    assert (posts.counted_tier, (posts.ends_at - posts.begins_at).days) == ("standard", 180)
    policy(held, at, **STRICTER)
    at += timedelta(minutes=1)
    assert judge(at) == 1
    risen = Grant.objects.get(pk=posts.pk)
    assert (risen.tier, risen.counted_tier) == ("standard", "high")
    assert risen.ends_at == risen.begins_at + timedelta(days=90)
    assert Grant.objects.get(pk=reads.pk).ends_at == reads.ends_at
    due_reviews.open_due(at, JOB)
    assert Item.objects.get(grant=risen).reason == "tier raised"
    assert judge(at + timedelta(minutes=1)) == 0, "once"
    judged = LedgerEvent.objects.filter(verb="automation.reassessed", outcome="done")
    assert [event.payload["tier"] for event in judged] == ["high"]
