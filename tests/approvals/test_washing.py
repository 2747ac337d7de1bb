"""A refusal is not shed by asking again and taking that back: the last no is found through what was withdrawn since (A15)."""

from __future__ import annotations

import pytest

from approvals import again, policies, transitions
from approvals.models import Approval, ApprovalState, Submission
from tests import journeys
from tests.appointing import record_leaver
from tests.approvals import stock
from tests.approvals.attempts import refused
from tests.journeys import Company
from tests.people import as_actor


def withdraw(c: Company, submission: Submission) -> None:
    """Rita takes it back."""
    submission.refresh_from_db()
    transitions.withdraw(submission, actor=as_actor(c.people.rita), now=c.now, reason="Later.")


def rejected_on_slack(c: Company, submission: Submission) -> Approval:
    """Omar refuses what it would hold on Slack, and Jonas declines the rest."""
    record = stock.privilege_on(submission, c.slack)
    journeys.reject(record, c.people.omar, now=c.now, reason="Too public.")
    stock.decide_rest(c, submission)
    transitions.decline(submission, actor=as_actor(c.people.jonas), now=c.now, reason="All or nothing.")
    return record


def seats(record: Approval) -> list[str]:
    """What the seats of a record stand for."""
    return [seat.label for seat in record.seats.all()]


def the_no_counts(c: Company, submission: Submission, no: Approval) -> None:
    """The submission is withdrawn; asked once more, the same goes to Omar, with his reason, and not to the new owner alone."""
    n = c.people
    withdraw(c, submission)
    stock.hand_over(c, c.slack, n.mei, n.amara)
    (word,) = again.earlier(submission.automation, policies.in_force(c.now), c.now)[no.matter].words
    assert word.reason.text == "Too public.", "what the preview says"
    once_more = journeys.submitted(c, submission.version)
    record = stock.privilege_on(once_more, c.slack)
    assert (record.earlier, seats(record)) == (no, ["owner"])
    journeys.approve(journeys.app_of(once_more), n.theo, now=c.now)
    refused(transitions.approve, record, as_actor(n.mei), "A9", now=c.now)
    journeys.approve(record, n.omar, now=c.now)
    assert record.state == ApprovalState.APPROVED


@pytest.mark.rule("A15", "A9")
def test_withdrawing_undecided_what_was_asked_again_sheds_no_refusal(company: Company, stage_2: Submission) -> None:
    no = rejected_on_slack(company, stage_2)
    asked_again = journeys.submitted(company, stage_2.version)
    assert not stock.privilege_on(asked_again, company.slack).decisions.exists()
    the_no_counts(company, asked_again, no)


@pytest.mark.rule("A15", "A14")
def test_withdrawing_what_carried_a_refusal_over_sheds_it_neither(company: Company, stage_2: Submission) -> None:
    no = stock.privilege_on(stage_2, company.slack)
    journeys.reject(no, company.people.omar, now=company.now, reason="Too public.")
    newer = stock.submitted(company, stock.one_more_channel)
    carried = newer.approvals.get(privilege__key=no.privilege.key)
    assert (carried.state, carried.decisions.count()) == (ApprovalState.REJECTED, 0)
    the_no_counts(company, newer, no)


@pytest.mark.rule("A15")
def test_one_signature_more_stays_needed_after_somebody_else_approved_and_it_was_withdrawn(
    company: Company, stage_2: Submission
) -> None:
    c, n = company, company.people
    no = rejected_on_slack(c, stage_2)
    for resource in (c.slack, c.erp):
        stock.hand_over(c, resource, n.mei, n.amara)
    record_leaver(n.omar, actor=as_actor(n.ines), now=c.now, reason="Left.")
    second = journeys.submitted(c, stage_2.version)
    record = stock.privilege_on(second, c.slack)
    assert seats(record) == ["owner", "security"]
    journeys.approve(journeys.app_of(second), n.theo, now=c.now)
    journeys.approve(record, n.mei, now=c.now)
    withdraw(c, second)
    third = stock.privilege_on(journeys.submitted(c, stage_2.version), c.slack)
    assert (third.earlier, seats(third)) == (no, ["owner", "security"])


@pytest.mark.rule("A15")
def test_what_was_withdrawn_before_anybody_said_a_word_needs_no_signature_more(
    company: Company, stage_2: Submission
) -> None:
    withdraw(company, stage_2)
    record = stock.privilege_on(journeys.submitted(company, stage_2.version), company.slack)
    assert (record.earlier, seats(record)) == (stock.privilege_on(stage_2, company.slack), ["owner"])
