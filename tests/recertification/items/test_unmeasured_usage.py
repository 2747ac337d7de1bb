"""Nothing reports use before the runtime exists: pages say "not measured" and call nothing unused (R1, R3)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from approvals.models import GrantUsage
from governance.recertification.models import Item
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("R3")]
POLICY, CAMPAIGN = "not measured in this installation yet", "Use is not measured in this installation yet"


def test_the_policy_says_that_use_is_not_measured(company: Company) -> None:
    page = client_of(company.people.ines).get(reverse("policies")).content.decode()
    assert POLICY in page


def test_the_form_of_a_campaign_says_that_use_is_not_measured(company: Company) -> None:
    page = client_of(company.people.ines).get(reverse("campaign_new")).content.decode()
    assert CAMPAIGN in page


def test_measured_use_shows_no_hint(company: Company, stock_in_force: object) -> None:
    from approvals.models import Grant

    grant = Grant.objects.order_by("pk").first()
    assert grant is not None
    GrantUsage.objects.create(grant=grant, day=company.now.date(), allowed=0, refused=0)
    ines = client_of(company.people.ines)
    assert POLICY not in ines.get(reverse("policies")).content.decode()
    assert CAMPAIGN not in ines.get(reverse("campaign_new")).content.decode()


def test_unmeasured_access_never_counts_as_unused(company: Company, stock_in_force: object) -> None:
    from datetime import timedelta

    from governance.recertification.items import jobs as item_jobs

    assert not GrantUsage.objects.exists()
    item_jobs.sweep_events(company.now + timedelta(days=61))
    assert not Item.objects.filter(reason__startswith="unused").exists()
