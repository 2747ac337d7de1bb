"""A refusal is not shed by asking again and taking that back: the last no is found through what was withdrawn since (A15)."""

from __future__ import annotations

import pytest

from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Submission
from approvals.policies import queries as policy_queries
from approvals.prior_decisions import queries as prior_decision_queries
from approvals.submissions.transitions import withdraw as transition_withdraw
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.refusals import refused
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point


def withdraw(c: Company, submission: Submission) -> None:
    """Rita takes it back."""
    submission.refresh_from_db()
    transition_withdraw.withdraw(submission, actor=as_actor(c.people.rita), now=c.now, reason="Later.")


def seats(record: Approval) -> list[str]:
    """What the seats of a record stand for."""
    return [seat.label for seat in record.seats.all()]


def the_no_counts(c: Company, submission: Submission, rejected: Approval) -> None:
    """The submission is withdrawn; asked once more, the same goes to Omar, with his reason, and not to the new owner alone."""
    n = c.people
    withdraw(c, submission)
    stock_report.hand_over(c, c.slack, n.mei, n.amara)
    (word,) = prior_decision_queries.earlier_outcomes(submission.automation, policy_queries.in_force(c.now), c.now)[
        rejected.matter
    ].words
    assert word.reason.text == "Too public.", "what the preview says"
    once_more = scenarios.submitted(c, submission.version)
    record = stock_report.privilege_on(once_more, c.slack)
    assert (record.earlier, seats(record)) == (rejected, ["owner"])
    scenarios.approve(scenarios.app_of(once_more), n.theo, now=c.now)
    refused(decide.approve, record, as_actor(n.mei), "A9", now=c.now)
    scenarios.approve(record, n.omar, now=c.now)
    assert record.state == ApprovalState.APPROVED


def asked_again(c: Company) -> Submission:
    """What was refused in part and declined is submitted again."""
    return scenarios.submitted(c, stock_report.newest(c).version)


def asked_of_another(c: Company) -> Submission:
    """Omar, who refused it, has left, and Mei owns what he did: it is asked again."""
    n, before = c.people, stock_report.newest(c)
    for resource in (c.slack, c.erp):
        stock_report.hand_over(c, resource, n.mei, n.amara)
    record_leaver(n.omar, actor=as_actor(n.ines), now=c.now, reason="Left.")
    return scenarios.submitted(c, before.version)


@pytest.mark.rule("A15", "A9")
@starting_point("stock_declined", asked_again)
def test_undecided_withdrawal_does_not_clear_rejection(company: Company, start: Submission) -> None:
    rejected = stock_report.privilege_on(Submission.objects.earliest("pk"), company.slack)
    assert not stock_report.privilege_on(start, company.slack).decisions.exists()
    the_no_counts(company, start, rejected)


def refusal_carried(c: Company) -> Submission:
    """Omar refused what it would hold on Slack; a newer version carries that over."""
    rejected = stock_report.privilege_on(stock_report.newest(c), c.slack)
    scenarios.reject(rejected, c.people.omar, now=c.now, reason="Too public.")
    return stock_report.submitted(c, stock_report.one_more_channel)


@pytest.mark.rule("A15", "A14")
@starting_point("stock_in_stage_2", refusal_carried)
def test_withdrawal_of_carried_rejection_does_not_clear_it(company: Company, start: Submission) -> None:
    newer, rejected = start, stock_report.privilege_on(Submission.objects.earliest("pk"), company.slack)
    carried = newer.approvals.get(privilege__key=rejected.privilege.key)
    assert (carried.state, carried.decisions.count()) == (ApprovalState.REJECTED, 0)
    the_no_counts(company, newer, rejected)


@pytest.mark.rule("A15")
@starting_point("stock_declined", asked_of_another)
def test_extra_approval_stays_needed_after_approval_and_withdrawal(company: Company, start: Submission) -> None:
    c, n, second = company, company.people, start
    rejected = stock_report.privilege_on(Submission.objects.earliest("pk"), c.slack)
    record = stock_report.privilege_on(second, c.slack)
    assert seats(record) == ["owner", "security"]
    scenarios.approve(scenarios.app_of(second), n.theo, now=c.now)
    scenarios.approve(record, n.mei, now=c.now)
    withdraw(c, second)
    third = stock_report.privilege_on(scenarios.submitted(c, second.version), c.slack)
    assert (third.earlier, seats(third)) == (rejected, ["owner", "security"])


@pytest.mark.rule("A15")
def test_withdrawal_before_any_decision_needs_no_extra_approval(company: Company, stage_2: Submission) -> None:
    withdraw(company, stage_2)
    record = stock_report.privilege_on(scenarios.submitted(company, stage_2.version), company.slack)
    assert (record.earlier, seats(record)) == (stock_report.privilege_on(stage_2, company.slack), ["owner"])
