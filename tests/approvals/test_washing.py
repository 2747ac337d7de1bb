"""A refusal is not shed by asking again and taking that back: the last no is found through what was withdrawn since (A15)."""

from __future__ import annotations

import pytest

from approvals import again, policies, transitions
from approvals.models import Approval, ApprovalState, Submission
from tests import journeys
from tests.appointing import record_leaver
from tests.approvals import stock
from tests.approvals.attempts import refused
from tests.ground import starting_point
from tests.journeys import Company
from tests.people import as_actor


def withdraw(c: Company, submission: Submission) -> None:
    """Rita takes it back."""
    submission.refresh_from_db()
    transitions.withdraw(submission, actor=as_actor(c.people.rita), now=c.now, reason="Later.")


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


def asked_again(c: Company) -> Submission:
    """What was refused in part and declined is submitted again."""
    return journeys.submitted(c, stock.newest(c).version)


def asked_of_another(c: Company) -> Submission:
    """Omar, who refused it, has left, and Mei owns what he did: it is asked again."""
    n, before = c.people, stock.newest(c)
    for resource in (c.slack, c.erp):
        stock.hand_over(c, resource, n.mei, n.amara)
    record_leaver(n.omar, actor=as_actor(n.ines), now=c.now, reason="Left.")
    return journeys.submitted(c, before.version)


@pytest.mark.rule("A15", "A9")
@starting_point("stock_declined", asked_again)
def test_withdrawing_undecided_what_was_asked_again_sheds_no_refusal(company: Company, start: Submission) -> None:
    no = stock.privilege_on(Submission.objects.earliest("pk"), company.slack)
    assert not stock.privilege_on(start, company.slack).decisions.exists()
    the_no_counts(company, start, no)


def refusal_carried(c: Company) -> Submission:
    """Omar refused what it would hold on Slack; a newer version carries that over."""
    no = stock.privilege_on(stock.newest(c), c.slack)
    journeys.reject(no, c.people.omar, now=c.now, reason="Too public.")
    return stock.submitted(c, stock.one_more_channel)


@pytest.mark.rule("A15", "A14")
@starting_point("stock_in_stage_2", refusal_carried)
def test_withdrawing_what_carried_a_refusal_over_sheds_it_neither(company: Company, start: Submission) -> None:
    newer, no = start, stock.privilege_on(Submission.objects.earliest("pk"), company.slack)
    carried = newer.approvals.get(privilege__key=no.privilege.key)
    assert (carried.state, carried.decisions.count()) == (ApprovalState.REJECTED, 0)
    the_no_counts(company, newer, no)


@pytest.mark.rule("A15")
@starting_point("stock_declined", asked_of_another)
def test_one_signature_more_stays_needed_after_somebody_else_approved_and_it_was_withdrawn(
    company: Company, start: Submission
) -> None:
    c, n, second = company, company.people, start
    no = stock.privilege_on(Submission.objects.earliest("pk"), c.slack)
    record = stock.privilege_on(second, c.slack)
    assert seats(record) == ["owner", "security"]
    journeys.approve(journeys.app_of(second), n.theo, now=c.now)
    journeys.approve(record, n.mei, now=c.now)
    withdraw(c, second)
    third = stock.privilege_on(journeys.submitted(c, second.version), c.slack)
    assert (third.earlier, seats(third)) == (no, ["owner", "security"])


@pytest.mark.rule("A15")
def test_what_was_withdrawn_before_anybody_said_a_word_needs_no_signature_more(
    company: Company, stage_2: Submission
) -> None:
    withdraw(company, stage_2)
    record = stock.privilege_on(journeys.submitted(company, stage_2.version), company.slack)
    assert (record.earlier, seats(record)) == (stock.privilege_on(stage_2, company.slack), ["owner"])
