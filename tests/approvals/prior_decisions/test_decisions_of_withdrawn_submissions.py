"""What was approved in a submission that was withdrawn, asked again: the same person, else one signature more (A15)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from approvals.assignment.context import load_context
from approvals.decisions.transitions import decide
from approvals.intake import promotion
from approvals.intake.preview import queries as preview_queries
from approvals.models import Approval, ApprovalState, Submission
from approvals.policies import queries as policy_queries
from approvals.prior_decisions import queries as prior_decision_queries
from approvals.submissions.transitions import withdraw
from inventory.models import Automation
from tests import scenarios
from tests.appointments import name_leads, record_leaver
from tests.approvals import stock_report
from tests.approvals.refusals import refused
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


def others_answer(c: Company) -> None:
    """The team gets another lead, Slack another owner; the ERP, which Omar keeps, does not make him one of Slack's escalation chain."""
    n = c.people
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=c.now, lead=n.bram, deputy_lead=None)
    stock_report.hand_over(c, c.slack, n.piet, n.amara)


def asked_of(c: Company, record: Approval) -> list[tuple[str, str, list[str]]]:
    """The seats of a record: label, basis, and who may decide."""
    standing = load_context(Submission.objects.get(pk=record.submission_id), c.now).route.standing(record)
    return [(seat.label, seat.basis, [person.name for person in seat.may_decide]) for seat in standing]


def submitted_after_others_answer(c: Company) -> Submission:
    """Others answer for the team and Slack, and it is submitted again."""
    others_answer(c)
    return scenarios.submitted(c, stock_report.newest(c).version)


@pytest.mark.rule("A15", "A9")
@starting_point("stock_withdrawn", submitted_after_others_answer)
def test_new_lead_and_owner_do_not_replace_earlier_approvers(
    company: Company, stock_withdrawn: Submission, start: Submission
) -> None:
    n, before, again_asked = company.people, stock_withdrawn, start
    app, on_slack = scenarios.app_of(again_asked), stock_report.privilege_on(again_asked, company.slack)
    assert (app.earlier, on_slack.earlier) == (
        scenarios.app_of(before),
        stock_report.privilege_on(before, company.slack),
    )
    assert asked_of(company, app) == [("lead", "decided before", ["Theo Brandt"])]
    assert asked_of(company, on_slack) == [("owner", "decided before", ["Omar Haddad"])]
    refused(decide.approve, app, as_actor(n.bram), "A9", now=company.now)
    scenarios.approve(app, n.theo, now=company.now)
    refused(decide.approve, on_slack, as_actor(n.piet), "A9", now=company.now)
    scenarios.approve(on_slack, n.omar, now=company.now)
    assert on_slack.state == ApprovalState.APPROVED


def submitted_after_approvers_left(c: Company) -> Submission:
    """Others answer for all of it, both who approved before have left, and it is submitted again."""
    n, before = c.people, stock_report.newest(c)
    others_answer(c)
    stock_report.hand_over(c, c.erp, n.lena, n.amara)
    for person in (n.theo, n.omar):
        record_leaver(person, actor=as_actor(n.ines), now=c.now, reason="Left.")
    return scenarios.submitted(c, before.version)


@pytest.mark.rule("A15", "A8")
@starting_point("stock_withdrawn", submitted_after_approvers_left)
def test_missing_earlier_approver_needs_extra_approval(company: Company, start: Submission) -> None:
    n, again_asked = company.people, start
    app, on_slack = scenarios.app_of(again_asked), stock_report.privilege_on(again_asked, company.slack)
    assert [label for label, _, _ in asked_of(company, app)] == ["lead", "security"]
    assert [label for label, _, _ in asked_of(company, on_slack)] == ["owner", "security"]
    scenarios.approve(app, n.bram, now=company.now)
    assert app.state == ApprovalState.OPEN, "the new lead alone is not enough"
    scenarios.approve(app, n.sana, now=company.now)
    scenarios.approve(on_slack, n.piet, now=company.now)
    assert on_slack.state == ApprovalState.OPEN, "the new owner alone is not enough"


@pytest.mark.rule("A15")
def test_90_days_count_from_the_withdrawal_not_from_the_yes(company: Company, stage_2: Submission) -> None:
    c = company
    scenarios.approve(stock_report.privilege_on(stage_2, c.slack), c.people.omar, now=c.now)
    later = c.now + timedelta(days=5)
    withdraw.withdraw(stage_2, actor=as_actor(c.people.rita), now=later, reason="Later.")
    key = stock_report.privilege_on(stage_2, c.slack).matter
    policy = policy_queries.in_force(c.now)
    assert key in prior_decision_queries.earlier_outcomes(stage_2.automation, policy, later + timedelta(days=90))
    assert key not in prior_decision_queries.earlier_outcomes(
        stage_2.automation, policy, later + timedelta(days=90, seconds=1)
    )


@pytest.mark.rule("A14", "A15")
def test_continued_submission_does_not_count_as_withdrawn(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    scenarios.approve(stock_report.privilege_on(stage_2, c.slack), n.omar, now=c.now)
    newer = stock_report.submitted(c, stock_report.one_more_channel)
    stock_report.hand_over(c, c.slack, n.piet, n.amara)
    assert not newer.approvals.exclude(earlier=None).exists()
    carried = newer.approvals.get(privilege__key=stock_report.privilege_on(stage_2, c.slack).privilege.key)
    assert carried.state == ApprovalState.APPROVED
    withdraw.withdraw(newer, actor=as_actor(n.rita), now=c.now, reason="Later.")
    once_more = scenarios.submitted(c, newer.version)
    record = once_more.approvals.get(privilege__key=carried.key)
    assert record.earlier == carried, "what carried over to one that was withdrawn was withdrawn with it"
    assert asked_of(c, record) == [("owner", "decided before", ["Omar Haddad"])]


@pytest.mark.rule("A15", "A9", "T3")
def test_both_earlier_approvers_are_asked_in_their_seats(company: Company, chaser: Submission) -> None:
    """High risk: Mei signed as owner and Sana for security, the app Theo."""
    c, n = company, company.people
    scenarios.finish(c, stock_report.privilege_on(chaser, c.mail), now=c.now)
    withdraw.withdraw(chaser, actor=as_actor(n.rita), now=c.now, reason="Later.")
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=c.now, lead=n.bram, deputy_lead=None)
    stock_report.hand_over(c, c.mail, n.piet, n.amara)
    again_asked = scenarios.submitted(c, chaser.version)
    assert asked_of(c, scenarios.app_of(again_asked)) == [("lead", "decided before", ["Theo Brandt"])]
    assert asked_of(c, stock_report.privilege_on(again_asked, c.mail)) == [
        ("owner", "decided before", ["Mei Tanaka"]),
        ("security", "decided before", ["Sana Iqbal"]),
    ]


@pytest.mark.full("submits three times")
@pytest.mark.rule("A15", "A8")
def test_missing_one_of_two_needs_extra_approval_for_good(company: Company, chaser: Submission) -> None:
    c, n = company, company.people
    scenarios.finish(c, stock_report.privilege_on(chaser, c.mail), now=c.now)
    withdraw.withdraw(chaser, actor=as_actor(n.rita), now=c.now, reason="Later.")
    for on in (c.mail, c.drive, c.github):
        stock_report.hand_over(c, on, n.piet, n.amara)
    record_leaver(n.mei, actor=as_actor(n.ines), now=c.now, reason="Left.")
    second = scenarios.submitted(c, chaser.version)
    record = stock_report.privilege_on(second, c.mail)
    assert [label for label, _, _ in asked_of(c, record)] == ["owner", "security", "second"]
    scenarios.decide_app(c, second)
    scenarios.approve(record, n.piet, now=c.now)
    withdraw.withdraw(second, actor=as_actor(n.rita), now=c.now, reason="Later still.")
    third = stock_report.privilege_on(scenarios.submitted(c, chaser.version), c.mail)
    assert [label for label, _, _ in asked_of(c, third)] == ["owner", "security", "second"]


@pytest.mark.rule("A15")
def test_page_shows_earlier_decisions_on_same_request(company: Company, stock_withdrawn: Submission) -> None:
    before = stock_withdrawn
    record = stock_report.privilege_on(scenarios.submitted(company, before.version), company.slack)
    path = f"{reverse('review', args=[record.submission_id])}?open={record.pk}"
    page = " ".join(client_of(company.people.omar).get(path).content.decode().split())
    assert "Earlier: you approved" in page
    assert "“Quiet enough.”" in page


@pytest.mark.rule("A15", "I10")
def test_resubmission_in_other_environment_is_asked_there(company: Company) -> None:
    made = stock_report.submitted(company, environment="test")
    withdraw.withdraw(made, actor=as_actor(company.people.rita), now=company.now, reason="Later.")
    rita = as_actor(company.people.rita)
    item = promotion.begin_resubmission(Automation.objects.get(pk=made.automation_id), actor=rita, now=company.now)
    preview = preview_queries.load_preview(item, actor=rita, now=company.now, team=company.people.finance_ops)
    assert preview.content.registered == made.automation
    assert preview.content.automation.environment == "test"
