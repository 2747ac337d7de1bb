"""What was stopped and is asked again: one signature more, and none of who stopped it (G5)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals import grants, transitions
from approvals.models import Approval, ApprovalState, Grant, GrantState, Submission
from tests import journeys
from tests.approvals import stock
from tests.approvals.attempts import refused
from tests.journeys import Company, approve
from tests.people import as_actor


def on_slack(c: Company, submission: Submission) -> Grant:
    """The standing grant on Slack."""
    return Grant.objects.standing().get(
        automation=submission.automation, kind="privilege", entitlement__resource=c.slack
    )


def asked_again(c: Company, live: Submission) -> Approval:
    """Rita submits a version without Slack, in force at once, and then the old one: the record on Slack."""
    without = journeys.submitted(c, stock.version(c, stock.without_slack))
    without.refresh_from_db()
    assert without.state == "in_force"
    later = c.now + timedelta(hours=1)
    return stock.privilege_on(journeys.submitted(c, live.version, now=later), c.slack)


@pytest.mark.rule("G5", "A8")
def test_what_security_stopped_does_not_come_back_by_its_owner_alone_nor_with_who_stopped_it(
    company: Company, live: Submission
) -> None:
    c, n = company, company.people
    grants.stop(on_slack(c, live), actor=as_actor(n.sana), now=c.now, reason="It posts nonsense.")
    record = asked_again(c, live)
    later = record.submission.submitted_at
    assert [seat.label for seat in record.seats.all()] == ["owner", "security"]
    refused(transitions.approve, record, as_actor(n.sana), "G5", now=later)
    approve(record, n.omar, now=later)
    assert record.state == ApprovalState.OPEN
    approve(record, n.viktor, now=later)
    assert record.state == ApprovalState.APPROVED


@pytest.mark.rule("G5", "A9")
def test_an_owner_who_stopped_it_does_not_approve_what_brings_it_back(company: Company, live: Submission) -> None:
    c, n = company, company.people
    grants.stop(on_slack(c, live), actor=as_actor(n.omar), now=c.now, reason="It posts nonsense.")
    record = asked_again(c, live)
    later = record.submission.submitted_at
    refused(transitions.approve, record, as_actor(n.omar), "G5", now=later)
    approve(record, n.amara, now=later)
    approve(record, n.sana, now=later)
    assert record.state == ApprovalState.APPROVED


@pytest.mark.rule("G5")
def test_what_two_others_brought_back_is_asked_as_ever_after_that(company: Company, live: Submission) -> None:
    c, n = company, company.people
    grants.stop(on_slack(c, live), actor=as_actor(n.sana), now=c.now, reason="It posts nonsense.")
    record = asked_again(c, live)
    later = record.submission.submitted_at
    for one in record.submission.approvals.filter(state=ApprovalState.OPEN):
        approve(one, n.omar, now=later)
    approve(stock.privilege_on(record.submission, c.slack), n.viktor, now=later)
    assert on_slack(c, live).state == GrantState.ACTIVE
    without = stock.version(c, stock.without_slack)
    journeys.submitted(c, without, now=later)
    once_more = journeys.submitted(c, live.version, now=later + timedelta(hours=1))
    assert [seat.label for seat in stock.privilege_on(once_more, c.slack).seats.all()] == ["owner"]


@pytest.mark.rule("G5", "A5")
def test_what_is_stopped_while_it_is_asked_for_anew_stays_stopped_when_that_is_put_in_force(
    company: Company, live: Submission
) -> None:
    c, n = company, company.people
    held = on_slack(c, live)
    Grant.objects.filter(pk=held.pk).update(renew=False)
    late = held.ends_at - timedelta(days=10)
    renewal = journeys.submitted(c, live.version, now=late)
    grants.stop(on_slack(c, live), actor=as_actor(n.sana), now=late, reason="It posts nonsense.")
    for one in renewal.approvals.filter(state=ApprovalState.OPEN):
        approve(one, n.omar, now=late)
    made = on_slack(c, live)
    assert made.pk != held.pk
    assert (made.state, made.suspended_why) == (GrantState.SUSPENDED, grants.Why.STOPPED)
