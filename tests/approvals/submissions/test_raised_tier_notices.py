"""A tier rises under review: builders and the newly needed approvers get one notice (A1, T1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals.models import Submission
from approvals.submissions.transitions.withdraw import withdraw
from governance.core.mail import jobs as mail_jobs
from governance.core.mail import mail_text
from governance.core.models import LedgerEvent, Notice
from inventory.imports.transitions import confirmation
from inventory.models import Automation, Resource
from inventory.resources.transitions import resources
from tests import scenarios
from tests.approvals import stock_report
from tests.people import as_actor, joins
from tests.scenarios import Company


def people_notified() -> dict[str, str]:
    """People notified of a raised tier, by name, with the seats that they would fill."""
    rows = Notice.objects.filter(event="tier_raised").select_related("recipient").order_by("pk")
    return {row.recipient.name: row.context.get("asked", "") for row in rows}


def classed(c: Company, resource: Resource, data_class: str) -> None:
    """Its owner says how much harm a leak of it would do."""
    resources.amend_resource(resource, actor=as_actor(resource.owner), now=c.now, fields={"data_class": data_class})


@pytest.mark.rule("A1")
def test_unchanged_tier_notifies_nobody(company: Company, stage_2: Submission) -> None:
    resources.amend_resource(
        company.slack, actor=as_actor(company.people.omar), now=company.now, fields={"about": "Finance talks here."}
    )
    classed(company, company.mail, "restricted")
    assert people_notified() == {}


@pytest.mark.rule("A1", "T1")
def test_raised_class_notifies_builders_and_added_approvers(company: Company, stage_2: Submission) -> None:
    n = company.people
    classed(company, company.slack, "restricted")
    assert people_notified() == {n.rita.name: "", n.jonas.name: "", n.sana.name: "security", n.viktor.name: "security"}
    notice = Notice.objects.get(event="tier_raised", recipient=n.rita)
    assert notice.thread == f"submission:{stage_2.pk}"
    assert "Finance Slack workspace is restricted now" in notice.context["because"]
    event = LedgerEvent.objects.get(verb="submission.tier_raised", outcome="done")
    assert (event.payload["tier"], event.subject_id) == ("high", str(stage_2.pk))
    assert set(event.payload["asked"]) == {str(n.sana.opaque_id), str(n.viktor.opaque_id)}


@pytest.mark.rule("A1")
def test_same_tier_is_notified_once(company: Company, stage_2: Submission) -> None:
    classed(company, company.slack, "restricted")
    before = Notice.objects.count()
    classed(company, company.erp, "restricted")
    resources.amend_resource(
        company.slack, actor=as_actor(company.people.omar), now=company.now, fields={"about": "Finance talks here."}
    )
    assert Notice.objects.count() == before


@pytest.mark.rule("A1", "S2")
def test_conflicted_person_is_not_notified_as_approver(company: Company) -> None:
    n = company.people
    made = stock_report.submitted(company, business_owner=joins(n.sana, n.finance_ops))
    classed(company, company.slack, "restricted")
    assert made.parties.filter(person=n.sana).exists()
    assert people_notified() == {n.rita.name: "", n.sana.name: "", n.viktor.name: "security"}


@pytest.mark.rule("A1", "T2")
def test_tier_raised_by_person_is_notified(company: Company, stage_2: Submission) -> None:
    n = company.people
    automation = Automation.objects.get(pk=stage_2.automation_id)
    confirmation.raise_tier(
        automation, actor=as_actor(n.theo), now=company.now, reason="It feeds the auditors.", tier="high"
    )
    assert set(people_notified()) == {
        n.rita.name,
        n.jonas.name,
    }  # security is asked about high-risk privileges only (T3)
    assert "the app" in Notice.objects.filter(event="tier_raised")[0].context["what"]


@pytest.mark.rule("A1")
def test_decided_submission_gets_no_tier_notice(company: Company, live: Submission) -> None:
    classed(company, company.slack, "restricted")
    assert people_notified() == {}


@pytest.mark.rule("A1")
def test_tier_mail_says_who_what_and_next_step(company: Company, stage_2: Submission) -> None:
    n = company.people
    classed(company, company.slack, "restricted")
    to_rita = mail_text.write(Notice.objects.get(event="tier_raised", recipient=n.rita), None)
    to_sana = mail_text.write(Notice.objects.get(event="tier_raised", recipient=n.sana), None)
    assert to_rita.subject == "Submit it again: Weekly stock report is high risk now"
    assert "Submit it again: then everybody" in " ".join(to_rita.text.split())
    assert to_sana.subject == "Your approval will be needed: Weekly stock report is high risk now"
    assert "you are asked too, as security" in " ".join(to_sana.text.split())
    assert "you are asked too, as security" in to_sana.html
    again = scenarios.submitted(company, stage_2.version)
    scenarios.decide_app(company, again)
    assert {"owner", "security"} <= {seat.label for seat in stock_report.privilege_on(again, company.slack).seats.all()}


@pytest.mark.rule("A1", "R5")
def test_many_raised_submissions_are_one_mail(company: Company, stage_2: Submission, settings: Any) -> None:
    n, settings.MAIL_SERVER = company.people, None
    other, third = (
        stock_report.another(company),
        stock_report.submitted(company, lambda export: export.update(id="third")),
    )
    classed(company, company.slack, "restricted")
    Notice.objects.exclude(event="tier_raised").update(state="dropped")
    assert Notice.objects.filter(event="tier_raised", recipient=n.rita).count() == 3
    withdraw(third, actor=as_actor(n.rita), now=company.now, reason="Not like this.")
    mail_jobs.send_due(now=company.now, gathering=timedelta())
    digest = Notice.objects.get(event="digest", recipient=n.rita)
    assert digest.subject == "2 to answer"
    assert {submission.thread for submission in digest.carried.all()} == {
        f"submission:{submission.pk}" for submission in (stage_2, other)
    }
