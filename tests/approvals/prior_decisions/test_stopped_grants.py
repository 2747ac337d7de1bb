"""What was stopped and is asked again: one signature more, and none of who stopped it (G5)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from approvals.decisions.transitions import decide
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.grants.transitions import stops
from approvals.models import Approval, ApprovalState, Grant, GrantState, Submission
from approvals.models import grant as model_grant
from approvals.submissions.transitions import put_in_force, withdraw
from governance.core.duties.refusals import InvalidInput
from inventory.automations.transitions import lifecycle
from inventory.models import Automation
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.refusals import refused
from tests.people import as_actor
from tests.scenarios import Company, approve
from tests.signed_in_client import client_of
from tests.starting_points import starting_point


def on_slack(c: Company, submission: Submission) -> Grant:
    """The standing grant on Slack."""
    return Grant.objects.standing().get(
        automation=submission.automation, kind="privilege", entitlement__resource=c.slack
    )


def asked_again(c: Company, live: Submission) -> Approval:
    """Rita submits a version without Slack, in force at once, and then the old one: the record on Slack."""
    without = scenarios.submitted(c, stock_report.version(c, stock_report.without_slack))
    without.refresh_from_db()
    assert without.state == "in_force"
    later = c.now + timedelta(hours=1)
    return stock_report.privilege_on(scenarios.submitted(c, live.version, now=later), c.slack)


def again_after_the_stop(c: Company) -> Approval:
    """Rita asks again for what Sana stopped."""
    return asked_again(c, stock_report.newest(c))


ASKED_AGAIN = starting_point("stock_stopped", again_after_the_stop)


def renewal(c: Company) -> tuple[Submission, datetime]:
    """All that is held ends soon and is not renewed by its review: stage 2 is asked again, in time."""
    live = stock_report.newest(c)
    Grant.objects.filter(automation=live.automation).update(renew=False)
    late = on_slack(c, live).ends_at - timedelta(days=10)
    return scenarios.submitted(c, live.version, now=late), late


RENEWAL = starting_point("stock_in_force", renewal)


def same_version(c: Company) -> Approval:
    """Rita submits the version in force once more: the record on Slack."""
    return stock_report.privilege_on(scenarios.submitted(c, stock_report.newest(c).version), c.slack)


SAME_VERSION = starting_point("stock_stopped", same_version)


@pytest.mark.rule("G5", "A8")
@ASKED_AGAIN
def test_stopped_access_needs_owner_and_another_person(company: Company, start: Approval) -> None:
    n, record = company.people, start
    later = record.submission.submitted_at
    assert [seat.label for seat in record.seats.all()] == ["owner", "security"]
    refused(decide.approve, record, as_actor(n.sana), "G5", now=later)
    approve(record, n.omar, now=later)
    assert record.state == ApprovalState.OPEN
    approve(record, n.viktor, now=later)
    assert record.state == ApprovalState.APPROVED


def again_after_its_owner_stopped_it(c: Company) -> Approval:
    """Rita asks again for what Omar, who owns Slack, stopped."""
    live = stock_report.newest(c)
    stops.stop_grant(on_slack(c, live), actor=as_actor(c.people.omar), now=c.now, reason="It posts nonsense.")
    return asked_again(c, live)


@pytest.mark.rule("G5", "A9")
@starting_point("stock_in_force", again_after_its_owner_stopped_it)
def test_owner_who_stopped_does_not_approve_restart(company: Company, start: Approval) -> None:
    n, record = company.people, start
    later = record.submission.submitted_at
    refused(decide.approve, record, as_actor(n.omar), "G5", now=later)
    approve(record, n.amara, now=later)
    approve(record, n.sana, now=later)
    assert record.state == ApprovalState.APPROVED


def brought_back(c: Company) -> datetime:
    """Two others brought it back; since then it was left out once more, in force at once."""
    made = stock_report.newest(c)
    later = made.submitted_at
    for approval in made.approvals.filter(state=ApprovalState.OPEN):
        approve(approval, c.people.omar, now=later)
    approve(stock_report.privilege_on(made, c.slack), c.people.viktor, now=later)
    assert on_slack(c, made).state == GrantState.ACTIVE
    scenarios.submitted(c, stock_report.version(c, stock_report.without_slack), now=later)
    return later


@pytest.mark.rule("G5")
@starting_point(ASKED_AGAIN, brought_back)
def test_restarted_access_is_requested_normally_later(company: Company, start: datetime) -> None:
    c, later, live = company, start, Submission.objects.earliest("pk")
    once_more = scenarios.submitted(c, live.version, now=later + timedelta(hours=1))
    assert [seat.label for seat in stock_report.privilege_on(once_more, c.slack).seats.all()] == ["owner"]


@pytest.mark.rule("G5", "A5")
@RENEWAL
def test_access_stopped_during_review_stays_stopped(company: Company, start: tuple[Submission, datetime]) -> None:
    c, n, live = company, company.people, Submission.objects.earliest("pk")
    submission, late = start
    held = on_slack(c, live)
    stops.stop_grant(on_slack(c, live), actor=as_actor(n.sana), now=late, reason="It posts nonsense.")
    for approval in submission.approvals.filter(state=ApprovalState.OPEN):
        approve(approval, n.omar, now=late)
    made = on_slack(c, live)
    assert made.pk != held.pk
    assert (made.state, made.suspended_why) == (GrantState.SUSPENDED, model_grant.Why.STOPPED)


# --- what is stopped now is asked again by any submission, also of the same version -------------------------------------


@pytest.mark.rule("G5", "A12")
def test_same_version_asks_only_about_stopped_access(company: Company, live: Submission) -> None:
    c, n = company, company.people
    with pytest.raises(InvalidInput, match="in force already"):
        scenarios.submitted(c, live.version)
    stops.stop_grant(on_slack(c, live), actor=as_actor(n.sana), now=c.now, reason="It posts nonsense.")
    record = same_version(c)
    assert list(record.submission.approvals.all()) == [record]
    assert (record.state, [seat.label for seat in record.seats.all()]) == (ApprovalState.OPEN, ["owner", "security"])


@pytest.mark.rule("G5", "A8")
@SAME_VERSION
def test_stopped_access_needs_two_other_people(company: Company, start: Approval) -> None:
    c, n, live, record = company, company.people, Submission.objects.earliest("pk"), start
    stopped = on_slack(c, live)
    refused(decide.approve, record, as_actor(n.sana), "G5", now=c.now)
    approve(record, n.omar, now=c.now)
    assert record.state == ApprovalState.OPEN
    assert on_slack(c, live) == stopped, "the first signature brings nothing back"
    assert not Grant.objects.live(c.now).filter(automation=live.automation, key=stopped.key).exists()
    refused(decide.approve, record, as_actor(n.omar), "A8", now=c.now)
    approve(record, n.viktor, now=c.now)
    made = on_slack(c, live)
    assert made.approval == record
    assert made.is_live(c.now)
    stopped.refresh_from_db()
    assert (stopped.state, stopped.ended_why) == (GrantState.ENDED, model_grant.Why.REPLACED), "nothing is held twice"
    assert Grant.objects.standing().filter(automation=live.automation).count() == 4


@pytest.mark.rule("G5", "A5")
@SAME_VERSION
@pytest.mark.parametrize("who", ["omar", "viktor"])
def test_one_refusal_keeps_access_stopped(who: str, company: Company, start: Approval) -> None:
    c, n, live, record = company, company.people, Submission.objects.earliest("pk"), start
    stopped = on_slack(c, live)
    scenarios.reject(record, getattr(n, who), now=c.now)
    submission = Submission.objects.get(pk=record.submission_id)
    put_in_force.accept_subset(submission, actor=as_actor(n.jonas), now=c.now)
    assert on_slack(c, live) == stopped
    assert (on_slack(c, live).state, on_slack(c, live).suspended_why) == (
        GrantState.SUSPENDED,
        model_grant.Why.STOPPED,
    )


@pytest.mark.rule("G5", "A2")
def test_restarted_credential_restores_its_privileges(company: Company, live: Submission) -> None:
    c, n = company, company.people
    held = Grant.objects.get(automation=live.automation, kind="credential", credential__opens=c.erp)
    stops.stop_grant(held, actor=as_actor(n.omar), now=c.now, reason="It leaked.")
    assert Grant.objects.live(c.now).filter(automation=live.automation).count() == 2
    again = scenarios.submitted(c, live.version)
    (record,) = again.approvals.all()
    assert record.credential == held.credential
    refused(decide.approve, record, as_actor(n.omar), "G5", now=c.now)
    approve(record, n.amara, now=c.now)
    assert Grant.objects.live(c.now).filter(automation=live.automation).count() == 2
    approve(record, n.sana, now=c.now)
    assert Grant.objects.live(c.now).filter(automation=live.automation).count() == 4


@pytest.mark.rule("G5", "A12")
def test_newer_version_keeps_stopped_access_in_question(company: Company, stock_stopped: Submission) -> None:
    c, live = company, stock_stopped
    newer = stock_report.submitted(c, stock_report.one_more_channel)
    keys = {record.key for record in newer.approvals.filter(stage=2)}
    assert on_slack(c, live).key in keys
    assert len(keys) == 2, "and the channel that is new"


@pytest.mark.rule("G5", "A14")
def test_access_stopped_during_submission_needs_resubmission(company: Company, live: Submission) -> None:
    c, n = company, company.people
    version = stock_report.version(c, stock_report.one_more_channel)
    first = scenarios.submitted(c, version)
    stops.stop_grant(on_slack(c, live), actor=as_actor(n.sana), now=c.now, reason="It posts nonsense.")
    second = scenarios.submitted(c, version)
    assert second.continues == first
    assert on_slack(c, live).key in {record.key for record in second.approvals.all()}


@pytest.mark.rule("G5")
def test_stop_of_whole_automation_asks_no_stage_2(company: Company, live: Submission) -> None:
    c, n = company, company.people
    automation = Automation.objects.get(pk=live.automation_id)
    lifecycle.stop(automation, actor=as_actor(n.jonas), now=c.now, reason="It posts nonsense.")
    with pytest.raises(InvalidInput, match="in force already"):
        scenarios.submitted(c, live.version)
    lifecycle.request_resume(automation, actor=as_actor(n.theo), now=c.now, reason="Fixed.")
    lifecycle.resume(automation, actor=as_actor(n.sana), now=c.now, reason="Seen.")
    assert Grant.objects.live(c.now).filter(automation=live.automation).count() == 4


@pytest.mark.rule("G5")
def test_a_refusal_about_a_stopped_grant_says_how_it_comes_back(company: Company, live: Submission) -> None:
    grant, sana = on_slack(company, live), as_actor(company.people.sana)
    stops.stop_grant(grant, actor=sana, now=company.now, reason="It posts nonsense.")
    for refusal in (
        stops.stop_grant.refusal(grant, actor=sana, now=company.now),
        transition_lifecycle.succession_refusal(grant, company.now),
    ):
        assert refusal is not None
        assert refusal.to_do.endswith("Submit the automation again: two others decide about it.")


@pytest.mark.rule("G5")
def test_who_undid_a_stop_decides_about_a_later_stop_of_another(company: Company, live: Submission) -> None:
    """Omar pressed Stop by mistake and undid it; a day later Sana stops the grant."""
    c, n = company, company.people
    row: Any = stops.stop_resource(c.slack, actor=as_actor(n.omar), now=c.now)
    stops.undo(row, actor=as_actor(n.omar), now=c.now + timedelta(seconds=10))
    held, later = on_slack(c, live), c.now + timedelta(days=1)
    stops.stop_grant(held, actor=as_actor(n.sana), now=later, reason="It posts nonsense.")
    record = stock_report.privilege_on(scenarios.submitted(c, live.version, now=later), c.slack)
    refused(decide.approve, record, as_actor(n.sana), "G5", now=later)
    approve(record, n.omar, now=later)
    approve(record, n.viktor, now=later)
    assert on_slack(c, live).is_live(later)


@pytest.mark.rule("G5", "A3")
@SAME_VERSION
def test_the_review_page_says_that_it_was_stopped(company: Company, start: Approval) -> None:
    page = client_of(company.people.omar).get(reverse("review", args=[start.submission_id])).content.decode()
    assert "Was stopped" in page


@pytest.mark.rule("G5", "A14", "A15")
@RENEWAL
def test_approval_before_stop_is_not_carried_over(company: Company, start: tuple[Submission, datetime]) -> None:
    c, n, live = company, company.people, Submission.objects.earliest("pk")
    first, late = start
    approve(stock_report.privilege_on(first, c.slack), n.omar, now=late)
    stops.stop_grant(on_slack(c, live), actor=as_actor(n.sana), now=late, reason="It posts nonsense.")
    record = stock_report.privilege_on(scenarios.submitted(c, live.version, now=late), c.slack)
    assert record.state == ApprovalState.OPEN
    approve(record, n.viktor, now=late)
    assert record.state == ApprovalState.OPEN, "Omar said yes before it was stopped"
    approve(record, n.omar, now=late)
    assert record.state == ApprovalState.APPROVED


def refused_and_left(c: Company) -> tuple[Submission, datetime]:
    """Omar refused it and left; what he owned is Piet's, and it is asked once more."""
    first, n = stock_report.newest(c), c.people
    late = first.submitted_at
    scenarios.reject(stock_report.privilege_on(first, c.slack), n.omar, now=late)
    for approval in first.approvals.filter(state=ApprovalState.OPEN):
        approve(approval, n.omar, now=late)
    first.refresh_from_db()
    withdraw.decline(first, actor=as_actor(n.jonas), now=late, reason="All or nothing.")
    stock_report.hand_over(c, c.slack, n.piet, n.amara)
    stock_report.hand_over(c, c.erp, n.piet, n.amara)
    record_leaver(n.omar, actor=as_actor(n.ines), now=late, reason="Left.")
    return scenarios.submitted(c, first.version, now=late), late


@pytest.mark.rule("G5", "A15")
@starting_point(RENEWAL, refused_and_left)
def test_two_signatures_from_before_the_stop_do_not_lift_it(
    company: Company, start: tuple[Submission, datetime]
) -> None:
    c, n, live = company, company.people, Submission.objects.earliest("pk")
    second, late = start
    record = stock_report.privilege_on(second, c.slack)
    assert [seat.label for seat in record.seats.all()] == ["owner", "security"], "one signature more, of another cause"
    approve(record, n.piet, now=late)
    approve(record, n.sana, now=late)
    stops.stop_grant(on_slack(c, live), actor=as_actor(n.sana), now=late, reason="It posts nonsense.")
    for approval in second.approvals.filter(state=ApprovalState.OPEN):
        scenarios.finish(c, approval, now=late)
    second.refresh_from_db()
    assert second.state == "in_force"
    assert on_slack(c, live).approval == record
    assert on_slack(c, live).suspended_why == model_grant.Why.STOPPED
