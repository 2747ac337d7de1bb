"""An approval that nobody can approve now can still be rejected, and its page says so to its approvers (I3, T1)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from approvals.models import Approval, ApprovalState, Submission
from inventory.imports.transitions import confirmation
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

WHY = "Finance Slack workspace has no active owner: nothing new on it can be approved until one is named."


def orphaned(c: Company, submission: Submission) -> Approval:
    """The record about the Slack workspace, whose owner left while it was open."""
    record = stock_report.privilege_on(submission, c.slack)
    record_leaver(c.people.omar, actor=as_actor(c.people.ines), now=c.now, reason="A new job.")
    return record


@pytest.mark.rule("I3")
def test_orphaned_approval_shows_no_form_without_reject_right(company: Company, stage_2: Submission) -> None:
    record = orphaned(company, stage_2)
    page = f"{reverse('review', args=[stage_2.pk])}?open={record.pk}"
    for person in (company.people.rita, company.people.sana):
        html = client_of(person).get(page).content.decode()
        assert 'value="reject"' not in html
        assert WHY not in html


@pytest.mark.rule("I3")
def test_the_deputy_of_an_orphaned_resource_reads_why_not_and_rejects_on_the_page(
    company: Company, stage_2: Submission
) -> None:
    record = orphaned(company, stage_2)
    here = reverse("review", args=[stage_2.pk])
    amara = client_of(company.people.amara)
    row = amara.get(here).content.decode().partition(f'id="row-{record.pk}"')[2].partition('id="row-')[0]
    assert WHY in row
    assert "An admin names an owner, who accepts." in row
    assert "data-row-select" in row
    assert "data-held" in row
    opened = amara.get(f"{here}?open={record.pk}").content.decode()
    bar = opened.partition('id="decision"')[2].partition("</form>")[0]
    assert 'value="approve" hidden' in bar
    assert ('value="reject"' in bar, 'value="ask"' in bar) == (True, True)
    assert f'name="term_days-{record.pk}"' not in opened
    answer = amara.post(
        reverse("decide", args=[stage_2.pk]),
        scenarios.decision_form(record, "reject", reason="Nobody answers for it."),
    )
    record.refresh_from_db()
    assert (answer.status_code, record.state) == (302, ApprovalState.REJECTED)


@pytest.mark.rule("T1", "A4")
def test_stage_1_reads_why_an_app_of_a_raised_tier_is_not_approved_and_can_reject_it(
    company: Company, stock_submitted: Submission
) -> None:
    made = stock_submitted
    automation = made.automation
    confirmation.raise_tier(
        automation, actor=as_actor(company.people.sana), now=company.now, reason="Why.", tier="high"
    )
    html = client_of(company.people.theo).get(reverse("review", args=[made.pk])).content.decode()
    bar = html.partition('id="decision"')[2].partition("</form>")[0]
    assert "Its tier has risen since" in html
    assert ('value="approve" hidden' in bar, 'value="reject"' in bar) == (True, True)
