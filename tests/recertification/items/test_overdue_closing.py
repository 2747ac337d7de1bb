"""What a run ends takes with it what was asked about it: in the same run (R4, R6)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.models import Grant, GrantState
from governance.recertification.items import jobs as item_jobs
from governance.recertification.models import ItemState
from inventory.models import Automation
from tests.recertification.review_steps import JOB, Held, opened, opens_at

pytestmark = [pytest.mark.django_db, pytest.mark.rule("R4", "R6")]


def test_grants_of_closed_automation_are_not_asked_about(held: Held) -> None:
    grant = held.grant()
    start = opens_at(grant) - timedelta(days=60)
    Automation.objects.filter(pk=held.automation.pk).update(review_on=(start + timedelta(days=20)).date())
    whole = opened(held.automation, start)
    item_jobs.escalate_due(whole.deadline, JOB)
    about_grant = opened(Grant.objects.get(pk=grant.pk), opens_at(grant))
    item_jobs.suspend_due(max(whole.grace_until, opens_at(grant) + timedelta(hours=1)), JOB)
    whole.refresh_from_db()
    assert whole.closes_at is not None
    assert item_jobs.close_due(whole.closes_at, JOB) == 2
    whole.refresh_from_db()
    about_grant.refresh_from_db()
    assert (whole.state, about_grant.state) == (ItemState.CLOSED, ItemState.CLOSED)
    assert Grant.objects.get(pk=grant.pk).state == GrantState.ENDED
