"""What was stopped and is asked again: one signature more, and none of who stopped it (G5)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.urls import reverse

from approvals import grants, transitions
from approvals.models import Approval, ApprovalState, Grant, GrantState, Submission
from governance.controls.refusals import InvalidInput
from inventory import lifecycle
from inventory.models import Automation
from tests import journeys
from tests.appointing import record_leaver
from tests.approvals import stock
from tests.approvals.attempts import refused
from tests.journeys import Company, approve
from tests.people import as_actor
from tests.portal.signed_in import client_of


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


def renewal(c: Company, live: Submission) -> tuple[Submission, datetime]:
    """All that is held ends soon and is not renewed by its review: stage 2 is asked anew, in time."""
    Grant.objects.filter(automation=live.automation).update(renew=False)
    late = on_slack(c, live).ends_at - timedelta(days=10)
    return journeys.submitted(c, live.version, now=late), late


@pytest.mark.rule("G5", "A8")
def test_what_security_stopped_does_not_come_back_by_its_owner_alone_nor_with_who_stopped_it(
    company: Company, stock_stopped: Submission
) -> None:
    c, n, live = company, company.people, stock_stopped
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
def test_what_two_others_brought_back_is_asked_as_ever_after_that(company: Company, stock_stopped: Submission) -> None:
    c, n, live = company, company.people, stock_stopped
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
    asked, late = renewal(c, live)
    grants.stop(on_slack(c, live), actor=as_actor(n.sana), now=late, reason="It posts nonsense.")
    for one in asked.approvals.filter(state=ApprovalState.OPEN):
        approve(one, n.omar, now=late)
    made = on_slack(c, live)
    assert made.pk != held.pk
    assert (made.state, made.suspended_why) == (GrantState.SUSPENDED, grants.Why.STOPPED)


# --- what is stopped now is asked anew by any submission, also of the same version -------------------------------------


def same_version(c: Company, live: Submission) -> Approval:
    """Rita submits the version in force once more: the record on Slack."""
    return stock.privilege_on(journeys.submitted(c, live.version), c.slack)


@pytest.mark.rule("G5", "A12")
def test_the_same_version_asks_stage_2_anew_about_what_was_stopped_and_about_nothing_else(
    company: Company, live: Submission
) -> None:
    c, n = company, company.people
    with pytest.raises(InvalidInput, match="in force already"):
        journeys.submitted(c, live.version)
    grants.stop(on_slack(c, live), actor=as_actor(n.sana), now=c.now, reason="It posts nonsense.")
    record = same_version(c, live)
    assert list(record.submission.approvals.all()) == [record]
    assert (record.state, [seat.label for seat in record.seats.all()]) == (ApprovalState.OPEN, ["owner", "security"])


@pytest.mark.rule("G5", "A8")
def test_it_lives_again_by_two_others_only(company: Company, stock_stopped: Submission) -> None:
    c, n, live = company, company.people, stock_stopped
    stopped = on_slack(c, live)
    record = same_version(c, live)
    refused(transitions.approve, record, as_actor(n.sana), "G5", now=c.now)
    approve(record, n.omar, now=c.now)
    assert record.state == ApprovalState.OPEN
    assert on_slack(c, live) == stopped, "the first signature brings nothing back"
    assert not Grant.objects.live(c.now).filter(automation=live.automation, key=stopped.key).exists()
    refused(transitions.approve, record, as_actor(n.omar), "A8", now=c.now)
    approve(record, n.viktor, now=c.now)
    made = on_slack(c, live)
    assert made.approval == record
    assert made.is_live(c.now)
    stopped.refresh_from_db()
    assert (stopped.state, stopped.ended_why) == (GrantState.ENDED, grants.Why.REPLACED), "nothing is held twice"
    assert Grant.objects.standing().filter(automation=live.automation).count() == 4


@pytest.mark.rule("G5", "A5")
@pytest.mark.parametrize("who", ["omar", "viktor"])
def test_what_one_of_two_refuses_stays_stopped(who: str, company: Company, stock_stopped: Submission) -> None:
    c, n, live = company, company.people, stock_stopped
    stopped = on_slack(c, live)
    record = same_version(c, live)
    journeys.reject(record, getattr(n, who), now=c.now)
    submission = Submission.objects.get(pk=record.submission_id)
    transitions.accept_subset(submission, actor=as_actor(n.jonas), now=c.now)
    assert on_slack(c, live) == stopped
    assert (on_slack(c, live).state, on_slack(c, live).suspended_why) == (GrantState.SUSPENDED, grants.Why.STOPPED)


@pytest.mark.rule("G5", "A2")
def test_a_stopped_credential_is_asked_anew_and_brings_back_what_needs_it(company: Company, live: Submission) -> None:
    c, n = company, company.people
    held = Grant.objects.get(automation=live.automation, kind="credential", credential__opens=c.erp)
    grants.stop(held, actor=as_actor(n.omar), now=c.now, reason="It leaked.")
    assert Grant.objects.live(c.now).filter(automation=live.automation).count() == 2
    again = journeys.submitted(c, live.version)
    (record,) = again.approvals.all()
    assert record.credential == held.credential
    refused(transitions.approve, record, as_actor(n.omar), "G5", now=c.now)
    approve(record, n.amara, now=c.now)
    assert Grant.objects.live(c.now).filter(automation=live.automation).count() == 2
    approve(record, n.sana, now=c.now)
    assert Grant.objects.live(c.now).filter(automation=live.automation).count() == 4


@pytest.mark.rule("G5", "A12")
def test_a_newer_version_does_not_leave_behind_what_was_stopped(company: Company, stock_stopped: Submission) -> None:
    c, live = company, stock_stopped
    newer = stock.submitted(c, stock.one_more_channel)
    keys = {record.key for record in newer.approvals.filter(stage=2)}
    assert on_slack(c, live).key in keys
    assert len(keys) == 2, "and the channel that is new"


@pytest.mark.rule("G5", "A14")
def test_what_is_stopped_while_a_submission_is_open_is_asked_by_submitting_it_anew(
    company: Company, live: Submission
) -> None:
    c, n = company, company.people
    version = stock.version(c, stock.one_more_channel)
    first = journeys.submitted(c, version)
    grants.stop(on_slack(c, live), actor=as_actor(n.sana), now=c.now, reason="It posts nonsense.")
    second = journeys.submitted(c, version)
    assert second.continues == first
    assert on_slack(c, live).key in {record.key for record in second.approvals.all()}


@pytest.mark.rule("G5")
def test_a_stop_of_the_whole_automation_asks_stage_2_nothing(company: Company, live: Submission) -> None:
    c, n = company, company.people
    automation = Automation.objects.get(pk=live.automation_id)
    lifecycle.stop(automation, actor=as_actor(n.jonas), now=c.now, reason="It posts nonsense.")
    with pytest.raises(InvalidInput, match="in force already"):
        journeys.submitted(c, live.version)
    lifecycle.ask_to_resume(automation, actor=as_actor(n.theo), now=c.now, reason="Fixed.")
    lifecycle.resume(automation, actor=as_actor(n.sana), now=c.now, reason="Seen.")
    assert Grant.objects.live(c.now).filter(automation=live.automation).count() == 4


@pytest.mark.rule("G5")
def test_a_refusal_about_a_stopped_grant_says_how_it_comes_back(company: Company, live: Submission) -> None:
    grant, sana = on_slack(company, live), as_actor(company.people.sana)
    grants.stop(grant, actor=sana, now=company.now, reason="It posts nonsense.")
    for no in (grants.stop.refusal(grant, actor=sana, now=company.now), grants.succession_refusal(grant)):
        assert no is not None
        assert no.to_do.endswith("Submit the automation again: two others decide about it.")


@pytest.mark.rule("G5", "A3")
def test_the_review_page_says_that_it_was_stopped(company: Company, stock_stopped: Submission) -> None:
    c, n, live = company, company.people, stock_stopped
    record = same_version(c, live)
    page = client_of(n.omar).get(reverse("review", args=[record.submission_id])).content.decode()
    assert "Was stopped" in page


@pytest.mark.rule("G5", "A14", "A15")
def test_a_yes_from_before_the_stop_does_not_carry_over_to_what_lifts_it(company: Company, live: Submission) -> None:
    c, n = company, company.people
    first, late = renewal(c, live)
    approve(stock.privilege_on(first, c.slack), n.omar, now=late)
    grants.stop(on_slack(c, live), actor=as_actor(n.sana), now=late, reason="It posts nonsense.")
    record = stock.privilege_on(journeys.submitted(c, live.version, now=late), c.slack)
    assert record.state == ApprovalState.OPEN
    approve(record, n.viktor, now=late)
    assert record.state == ApprovalState.OPEN, "Omar said yes before it was stopped"
    approve(record, n.omar, now=late)
    assert record.state == ApprovalState.APPROVED


@pytest.mark.rule("G5", "A15")
def test_two_signatures_from_before_the_stop_do_not_lift_it(company: Company, live: Submission) -> None:
    c, n = company, company.people
    first, late = renewal(c, live)
    journeys.reject(stock.privilege_on(first, c.slack), n.omar, now=late)
    for one in first.approvals.filter(state=ApprovalState.OPEN):
        approve(one, n.omar, now=late)
    first.refresh_from_db()
    transitions.decline(first, actor=as_actor(n.jonas), now=late, reason="All or nothing.")
    stock.hand_over(c, c.slack, n.piet, n.amara)
    stock.hand_over(c, c.erp, n.piet, n.amara)
    record_leaver(n.omar, actor=as_actor(n.ines), now=late, reason="Left.")
    second = journeys.submitted(c, live.version, now=late)
    record = stock.privilege_on(second, c.slack)
    assert [seat.label for seat in record.seats.all()] == ["owner", "security"], "one signature more, of another cause"
    approve(record, n.piet, now=late)
    approve(record, n.sana, now=late)
    grants.stop(on_slack(c, live), actor=as_actor(n.sana), now=late, reason="It posts nonsense.")
    for one in second.approvals.filter(state=ApprovalState.OPEN):
        journeys.finish(c, one, now=late)
    second.refresh_from_db()
    assert second.state == "in_force"
    assert on_slack(c, live).approval == record
    assert on_slack(c, live).suspended_why == grants.Why.STOPPED
