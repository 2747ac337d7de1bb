"""After half of an approval's time the backup approver is asked too, beside the first approver, with the rest of the time (A10)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from approvals.assignment import jobs as assignment_jobs
from approvals.assignment.transitions import reassign
from approvals.decisions.transitions import decide
from approvals.inbox.queries.approvals import to_decide
from approvals.models import Approval, Candidate, Submission
from approvals.submissions import jobs as submission_jobs
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import DutyConflict, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Notice
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.decisions.test_timelines import lines
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

JOB = Actor.of_job("approvals.sweep")


def half_of(record: Approval) -> datetime:
    """When half of its time is gone."""
    record.refresh_from_db()
    assert record.opened_at is not None
    assert record.due_at is not None
    return record.opened_at + (record.due_at - record.opened_at) / 2


def seat_candidates(record: Approval, label: str) -> list[tuple[str, str]]:
    """Who was asked to fill a seat, and on what basis."""
    named = Candidate.objects.filter(seat__approval=record, seat__label=label)
    return list(named.values_list("person__name", "basis"))


@pytest.mark.rule("A10", "A9")
def test_deputy_waits_until_half_time(company: Company, stock_submitted: Submission) -> None:
    c, n = company, company.people
    app = scenarios.app_of(stock_submitted)
    before = half_of(app) - timedelta(seconds=1)
    assert assignment_jobs.route_due(before, JOB)["deputies"] == 0
    with pytest.raises(OutOfTurn) as error:
        reassign.ask_deputies(stock_submitted, actor=JOB, now=before)
    assert error.value.refusal.code == "A10"
    for person in (n.ines, n.theo, n.rita, n.sana, n.bram):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            reassign.ask_deputies(stock_submitted, actor=as_actor(person), now=half_of(app))
    with pytest.raises(DutyConflict) as turn:
        decide.approve(app, actor=as_actor(n.bram), now=before, reason="Fine.", shown_digest=scenarios.shown(app))
    assert turn.value.refusal.code == "A9"
    assert seat_candidates(app, "lead") == [("Theo Brandt", "lead")]
    assert to_decide(as_actor(n.bram), c.now) == []


@pytest.mark.rule("A10", "A9", "H3")
def test_deputy_is_asked_once_at_half_time(
    company: Company, stock_submitted: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, submission = company.people, stock_submitted
    app = scenarios.app_of(submission)
    at, clock = half_of(app), (app.due_at, app.expires_at)
    assert submission_jobs.sweep(at)["deputies"] == 1
    assert submission_jobs.sweep(at)["deputies"] == 0
    assert seat_candidates(app, "lead") == [("Theo Brandt", "lead"), ("Bram Visser", "deputy lead")]
    assert to_decide(as_actor(n.bram), at) == [app]
    (notice,) = Notice.objects.filter(recipient=n.bram)
    assert (notice.event, notice.context["late"], notice.context.get("instead")) == ("stage_1_opened", True, None)
    app.refresh_from_db()
    assert (app.due_at, app.expires_at) == clock, "its time runs on"
    assert "time ran short: the next on the escalation chain were asked too" in lines(company, submission, n.rita)
    (event,) = LedgerEvent.objects.filter(verb="submission.deputies_asked")
    assert event.payload == {"asked": [str(n.bram.opaque_id)]}
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: at)
    page = client_of(n.theo).get(f"/review/{submission.pk}/").content.decode()
    assert "Half of the time is gone, so Bram Visser (deputy lead) may decide this too." in page
    scenarios.approve(app, n.bram, now=at)
    assert app.state == "approved"


@pytest.mark.rule("A10", "A9")
def test_at_the_due_date_the_rest_of_the_escalation_chain_is_asked_and_may_decide(
    company: Company, stock_submitted: Submission
) -> None:
    n = company.people
    app = scenarios.app_of(stock_submitted)
    half, due = half_of(app), app.due_at
    assert due is not None
    submission_jobs.sweep(half)
    submission_jobs.sweep(due - timedelta(seconds=1))
    first = [("Theo Brandt", "lead"), ("Bram Visser", "deputy lead")]
    assert seat_candidates(app, "lead") == first
    assert submission_jobs.sweep(due)["deputies"] == 1
    assert submission_jobs.sweep(due)["deputies"] == 0, "each is asked once"
    assert seat_candidates(app, "lead")[:3] == [*first, (n.amara.name, "fallback owner")]
    assert {basis for _, basis in seat_candidates(app, "lead")[3:]} == {"security reviewer"}
    app.refresh_from_db()
    assert app.due_at == due, "its time runs on"
    scenarios.approve(app, n.amara, now=due)
    assert app.state == "approved"


@pytest.mark.rule("A10")
def test_first_approver_may_still_decide_after_half_time(company: Company, stock_submitted: Submission) -> None:
    app = scenarios.app_of(stock_submitted)
    at = half_of(app)
    submission_jobs.sweep(at)
    scenarios.approve(app, company.people.theo, now=at)
    assert app.state == "approved"
    assert Notice.objects.filter(recipient=company.people.theo, event="approval_due").count() == 1


@pytest.mark.rule("A10")
def test_a_deputy_of_many_records_gets_one_mail_about_all(company: Company, stage_2: Submission) -> None:
    n = company.people
    record = stock_report.privilege_on(stage_2, company.erp)
    submission_jobs.sweep(half_of(record))
    notices = Notice.objects.filter(recipient=n.amara, event="stage_2_opened")
    approvals = [
        approval
        for approval in stage_2.approvals.filter(stage=2)
        if n.amara.pk in Approval.objects.get(pk=approval.pk).asked
    ]
    assert [notice.context["count"] for notice in notices] == [len(approvals)]
    assert approvals
    assert not Notice.objects.filter(recipient=n.amara, event="approval_due").exists(), (
        "who is asked is not reminded too"
    )


@pytest.mark.rule("A10", "S1", "S2")
def test_ineligible_deputy_is_not_asked(company: Company) -> None:
    """Jonas deputises for Slack and would own the automation; Theo, who decided the app, deputises for the ERP."""
    c, n = company, company.people
    stock_report.hand_over(c, c.slack, n.omar, n.jonas)
    stock_report.hand_over(c, c.erp, n.omar, n.theo)
    submission = stock_report.in_stage_2(c)
    record = stock_report.privilege_on(submission, c.slack)
    assert submission_jobs.sweep(half_of(record))["deputies"] == 0
    assert {
        name for approval in submission.approvals.filter(stage=2) for name, _ in seat_candidates(approval, "owner")
    } == {"Omar Haddad"}


@pytest.mark.rule("A9", "A10")
def test_deputy_replacing_owner_is_not_asked_twice(company: Company, stock_submitted: Submission) -> None:
    c, n = company, company.people
    record_leaver(n.theo, actor=as_actor(n.ines), now=c.now, reason="Left.")
    submission_jobs.sweep(c.now)
    app = scenarios.app_of(stock_submitted)
    assert seat_candidates(app, "lead") == [("Theo Brandt", "lead"), ("Bram Visser", "deputy lead")]
    assert submission_jobs.sweep(half_of(app))["deputies"] == 0
