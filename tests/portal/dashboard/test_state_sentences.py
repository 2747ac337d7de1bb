"""What home, lists and titles say of something in few words is true of it: submitted before, to be accepted, accepted and not in use."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Submission, SubmissionState
from governance.web.components import state_words
from inventory.resources.transitions import resources
from tests import scenarios
from tests.approvals import stock_report
from tests.people import Northwind, as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


def test_home_says_of_a_draft_that_it_was_submitted_before_once_it_was(
    company: Company, stock_withdrawn: Submission
) -> None:
    owner = stock_withdrawn.automation.business_owner
    shown = client_of(owner).get(reverse("home")).content.decode()
    assert "Submitted before, nothing approved" in shown
    assert "Not submitted yet" not in shown


def test_accepted_resource_is_not_called_ownerless(northwind: Northwind) -> None:
    n = northwind
    made = resources.register_resource(
        n.finance_ops,
        actor=as_actor(n.ines),
        now=n.now,
        fields={"name": "CRM", "kind": "saas_connector"},
        owner=n.omar,
        deputy=n.amara,
    )
    nobody, waits = (state_words.STATES["resource"][state].text for state in ("proposed", "accepted"))
    pages = (reverse("resource_list"), made.href)
    before = [client_of(n.karl).get(page).content.decode() for page in pages]
    resources.accept_ownership(made, actor=as_actor(n.omar), now=n.now)
    after = [client_of(n.karl).get(page).content.decode() for page in pages]
    assert all(nobody in shown and waits not in shown for shown in before)
    assert all(waits in shown and nobody not in shown for shown in after)


@pytest.mark.rule("A5")
def test_title_names_stage_of_submission(company: Company, chaser_in_stage_2: Submission) -> None:
    builder, review = client_of(company.people.rita), reverse("review", args=[chaser_in_stage_2.pk])
    assert title(builder.get(review)) == "Invoice chaser: Stage 2 · Privileges · Countersign"


def decided(c: Company) -> Submission:
    """The first privilege of the chaser is rejected, and the rest approved."""
    chaser = stock_report.newest(c)
    refused = (
        chaser.approvals.filter(stage=2, kind="privilege")
        .select_related("privilege__entitlement__resource__owner")
        .order_by("pk")[0]
    )
    scenarios.reject(refused, refused.privilege.entitlement.resource.owner, now=c.now)
    return scenarios.decide_rest(c, chaser)


@pytest.mark.rule("A5")
@starting_point("chaser_in_stage_2", decided)
def test_decided_submission_waits_for_accepter_in_titles(company: Company, start: Submission) -> None:
    n, review = company.people, reverse("review", args=[start.pk])
    builder, owner = client_of(n.rita), client_of(n.jonas)
    assert start.state == SubmissionState.DECIDED
    shown, owner_page = (client.get(reverse("home")).content.decode() for client in (builder, owner))
    assert f'Waiting for <span class="holder"><b>{n.jonas.name}</b>' in shown
    assert 'Waiting for <span class="holder"><b>you</b>' in owner_page
    assert "Waits for nobody" not in shown + owner_page
    assert title(owner.get(reverse("home"))) == "Home: 1 thing needs you · Countersign"
    assert title(builder.get(review)) == "Invoice chaser: decided, to accept · Countersign"


def title(answer: Any) -> str:
    """What the window is called."""
    match = re.search("<title>(.*?)</title>", answer.content.decode(), re.DOTALL)
    return " ".join(match[1].split()) if match else ""


def test_empty_list_of_ended_grants_explains_itself(company: Company, chaser_in_force: Submission) -> None:
    shown = client_of(company.people.sana).get(
        f"{reverse('automation_grants', args=[chaser_in_force.automation_id])}?show=ended"
    )
    assert "Ended grants would be here" in shown.content.decode()
