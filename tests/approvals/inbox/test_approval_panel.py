"""What stands beside the queue of the desk: the reader's part in the row that they are at (A7 to A10; ui.md, Desk)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from approvals.models import Approval, Submission
from governance.core.models import Person
from tests import scenarios
from tests.approvals.proposals import policy_proposals
from tests.inventory.automations.test_register_pages import cost
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import STARTS, Ground

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]


def six_asked(company: Company) -> Submission:
    """Submit six privileges of standard risk that wait for Omar, and approve the app."""
    submission = submitted_script(company, "Alpha", 6)
    scenarios.decide_app(company, submission)
    return submission


STARTS["six_in_stage_2"] = "company", six_asked


@pytest.fixture
def six_in_stage_2(ground: Ground) -> Submission:
    """Six privileges of standard risk in stage 2, which wait for Omar."""
    return ground.submission("six_in_stage_2")


def part(person: Person, submission: Submission, status: int = 200) -> str:
    """What is put beside the queue, its words alone."""
    answer = client_of(person).get(
        reverse("approval_panel", args=[submission.pk]), headers={"HX-Request": "true", "HX-Target": "part"}
    )
    assert answer.status_code == status
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.mark.rule("A9")
def test_submission_is_hidden_without_access(company: Company, six_in_stage_2: Submission) -> None:
    assert "Alpha" not in part(company.people.nadia, six_in_stage_2, 404)


@pytest.mark.rule("A9")
def test_panel_shows_only_readers_own_approvals(company: Company, six_in_stage_2: Submission) -> None:
    n = company.people
    text = part(n.omar, six_in_stage_2)
    assert "Your part" in text
    assert "and 2 more" in text
    assert "Open review" in text
    assert "Approve a Reject r" in text
    other = part(n.theo, six_in_stage_2)
    assert "Your part" not in other
    assert "Reject" not in other
    assert "with Omar Haddad" in other
    assert f"App approved, {n.theo.name}" in other
    assert "0 of 6 decided" in other


@pytest.mark.rule("A8")
def test_an_app_that_one_of_two_signed_is_not_called_approved(company: Company) -> None:
    n = company.people
    policy_proposals.security_signs_apps(company)
    made = scenarios.submitted(company)
    app = scenarios.approve(scenarios.app_of(made), n.theo, now=company.now)
    text = part(n.sana, made)
    assert "App approved" not in text
    assert f"App signed, {n.theo.name}" in text
    assert "The app is asked; with" in text
    assert n.theo.name not in text.partition("The app is asked")[2]
    scenarios.approve(app, n.viktor, now=company.now)
    assert "App approved" in part(n.sana, made)


@pytest.mark.rule("A7")
def test_high_risk_approval_links_to_its_page(company: Company) -> None:
    made = scenarios.submitted(company)
    scenarios.decide_app(company, made)
    text = part(company.people.sana, made)  # whose second signature only high risk needs
    assert "Your part" in text
    assert "Reject" not in text
    assert "Reject" in part(company.people.omar, made)


@pytest.mark.rule("A7", "A14")
def test_keyboard_shortcuts_lead_to_decision(company: Company, six_in_stage_2: Submission) -> None:
    def controls(person: Person, made: Submission) -> dict[str, str]:
        where = reverse("approval_panel", args=[made.pk])
        answer = client_of(person).get(where, headers={"HX-Request": "true", "HX-Target": "part"}).content.decode()
        return {
            key: href.replace("&amp;", "&")
            for href, keys in re.findall(r'href="([^"]+)"([^>]*)>', answer)
            for key in keys.split()
        }

    review, first = (
        reverse("review", args=[six_in_stage_2.pk]),
        six_in_stage_2.approvals.filter(stage=2).order_by("pk")[0],
    )
    attributes = controls(company.people.omar, six_in_stage_2)
    assert attributes["data-row-ask"] == f"{review}?open={first.pk}#row-{first.pk}"
    for key in ("approve", "reject"):
        assert attributes[f"data-row-{key}"] == f"{reverse('decide_together')}?of={six_in_stage_2.pk}&only={key}"
    high = scenarios.submitted(company)
    attributes = controls(company.people.theo, high)
    assert attributes["data-row-ask"] == f"{reverse('review', args=[high.pk])}#app"
    assert attributes["data-row-approve"] == reverse("review", args=[high.pk])


@pytest.mark.rule("A10")
@pytest.mark.parametrize(
    ("left", "says"),
    [
        (timedelta(days=4), ""),
        (timedelta(hours=1), "Half of its time is gone"),
        (-timedelta(hours=1), "Its time is over"),
    ],
)
def test_panel_shows_time_left(company: Company, six_in_stage_2: Submission, left: timedelta, says: str) -> None:
    now = company.now
    opened = {"opened_at": now - timedelta(days=1), "due_at": now + left}
    Approval.objects.filter(submission=six_in_stage_2, stage=2).update(**opened)
    text = part(company.people.omar, six_in_stage_2)
    for words in ("Half of its time is gone", "Its time is over"):
        assert (words in text) == (words == says)


@pytest.mark.rule("A9")
def test_panel_query_count_is_constant(company: Company, six_in_stage_2: Submission) -> None:
    few, many = submitted_script(company, "Beta", 1), six_in_stage_2
    scenarios.decide_app(company, few)
    omar = client_of(company.people.omar)
    omar.get(reverse("approvals"))

    def queries(submission: Submission) -> int:
        return cost(omar, reverse("approval_panel", args=[submission.pk]))[0]

    assert queries(few) == queries(many)
