"""A refused or expired request is submitted again from its page, with its earlier texts filled in (A10, A15, G5)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from approvals.grants.transitions import stops
from approvals.models import Grant, Submission, SubmissionState
from approvals.submissions.transitions import withdraw
from governance.core.models import Person
from inventory.models import Automation, ImportItem, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import Build
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def again(automation: Automation) -> str:
    """The button's address."""
    return reverse("submit_again", args=[automation.pk])


def offered(client: Client, submission: Submission) -> list[bool]:
    """Whether the submission's page, and the list of the automation's submissions, have the button."""
    pages = (
        reverse("review", args=[submission.pk]),
        reverse("automation_submissions", args=[submission.automation_id]),
    )
    return [again(submission.automation) in client.get(page).content.decode() for page in pages]


def withdrawn(c: Company, made: Submission) -> Submission:
    """Rita takes it back."""
    withdraw.withdraw(made, actor=as_actor(c.people.rita), now=c.now, reason="Later.")
    made.refresh_from_db()
    return made


def as_it_stands(builder: Build, item: ImportItem, c: Company) -> dict[str, Any]:
    """What the form posts where nothing is typed over what it was filled in with."""
    typed = builder.typed(item, c.people.jonas, purpose=item.version.automation.purpose if item.version else "")
    return {name: value for name, value in typed.items() if not name.startswith("why-")}


@pytest.mark.rule("A14")
def test_open_submission_is_not_resubmitted(company: Company, stage_2: Submission) -> None:
    rita = client_of(company.people.rita)
    assert offered(rita, stage_2) == [False, False]
    assert rita.post(again(stage_2.automation)).status_code == 409
    assert not ImportItem.objects.filter(version=stage_2.version, progress="preview").exists()


@pytest.mark.rule("A12")
def test_version_in_force_asks_nothing(company: Company, live: Submission) -> None:
    rita = client_of(company.people.rita)
    assert offered(rita, live) == [False, False]
    assert rita.post(again(live.automation)).status_code == 409


@pytest.mark.rule("A15")
@pytest.mark.parametrize("who", ["omar", "yuki"])
def test_non_builder_does_not_resubmit(company: Company, stage_2: Submission, who: str) -> None:
    person: Person = getattr(company.people, who)
    made, client = withdrawn(company, stage_2), client_of(person)
    assert offered(client, made) == [False, False]
    assert client.post(again(made.automation)).status_code == 403
    assert client_of(company.people.grace).post(again(made.automation)).status_code == 404
    assert not ImportItem.objects.filter(version=made.version, progress="preview").exists()


@pytest.mark.rule("A15")
def test_withdrawn_submission_is_resubmitted_with_earlier_text(company: Company, stage_2: Submission) -> None:
    made, rita = withdrawn(company, stage_2), Build.by(company.people.rita)
    assert offered(rita.client, made) == [True, True]
    answer = rita.client.post(again(made.automation))
    item = ImportItem.objects.get(version=made.version, progress="preview")
    assert answer["Location"] == reverse("import_preview", args=[item.pk])
    assert rita.client.post(again(made.automation))["Location"] == answer["Location"], (
        "a second press goes on in the same"
    )
    texts = {str(approval.justification) for approval in made.approvals.filter(justification__isnull=False)}
    page = rita.client.get(answer["Location"]).content.decode()
    assert texts
    assert all(text in page for text in texts)
    assert rita.post(item, as_it_stands(rita, item, company), do="submit").status_code == 302
    newest = stock_report.newest(company)
    assert (newest.state, newest.version, newest.pk > made.pk) == (SubmissionState.OPEN, made.version, True)
    assert Version.objects.count() == 1


@pytest.mark.rule("A15")
def test_older_submission_is_not_resubmitted_after_newer_version(company: Company, stage_2: Submission) -> None:
    made = withdrawn(company, stage_2)
    stock_report.version(company, stock_report.one_more_channel)
    assert offered(client_of(company.people.rita), made) == [False, True]


@pytest.mark.rule("G5")
def test_a_stopped_grant_is_asked_for_again_from_the_page(company: Company, live: Submission) -> None:
    n = company.people
    grant = Grant.objects.get(automation=live.automation, kind="privilege", entitlement__resource=company.slack)
    stops.stop_grant(grant, actor=as_actor(n.omar), now=company.now, reason="It posts too much.")
    rita = Build.by(n.rita)
    assert offered(rita.client, live) == [False, True]
    rita.client.post(again(live.automation))
    item = ImportItem.objects.get(version=live.version, progress="preview")
    assert rita.post(item, as_it_stands(rita, item, company), do="submit").status_code == 302
    submission = stock_report.newest(company)
    assert [approval.privilege for approval in submission.approvals.filter(kind="privilege")] == [
        grant.approval.privilege
    ]
    assert submission.version == live.version


@pytest.mark.rule("A10")
def test_rejected_app_is_resubmitted(company: Company, stock_submitted: Submission) -> None:
    made = stock_submitted
    app = scenarios.app_of(made)
    scenarios.reject(app, company.people.theo, now=company.now)
    made.refresh_from_db()
    page = client_of(company.people.rita).get(reverse("review", args=[made.pk])).content.decode()
    assert "None of 4 decided" in page
    assert "Nothing of this came into force." in page
