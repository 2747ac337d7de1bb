"""What home and lists say of something in few words is true of it: submitted before, accepted and not in use."""

from __future__ import annotations

import pytest
from django.urls import reverse

from approvals.models import Submission
from governance.web import words
from inventory import registry
from tests.journeys import Company
from tests.people import Northwind, as_actor
from tests.portal.signed_in import client_of

pytestmark = pytest.mark.django_db


def test_home_says_of_a_draft_that_it_was_submitted_before_once_it_was(
    company: Company, stock_withdrawn: Submission
) -> None:
    owner = stock_withdrawn.automation.business_owner
    shown = client_of(owner).get(reverse("home")).content.decode()
    assert "Submitted before, nothing approved" in shown
    assert "Not submitted yet" not in shown


def test_a_resource_that_somebody_accepted_to_own_is_not_said_to_have_nobody(northwind: Northwind) -> None:
    n = northwind
    made = registry.register_resource(
        n.finance_ops,
        actor=as_actor(n.ines),
        now=n.now,
        fields={"name": "CRM", "kind": "saas_connector"},
        owner=n.omar,
        deputy=n.amara,
    )
    nobody, waits = (words.STATES["resource"][state].text for state in ("proposed", "accepted"))
    pages = (reverse("resource_list"), made.href)
    before = [client_of(n.karl).get(page).content.decode() for page in pages]
    registry.accept_ownership(made, actor=as_actor(n.omar), now=n.now)
    after = [client_of(n.karl).get(page).content.decode() for page in pages]
    assert all(nobody in shown and waits not in shown for shown in before)
    assert all(waits in shown and nobody not in shown for shown in after)
