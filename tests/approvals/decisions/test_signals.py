"""Approval patterns: two people who approve for each other too often. Security receives a mail; no seat is added (S10)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals.decisions import approval_signals
from approvals.decisions import jobs as decision_jobs
from approvals.decisions.approval_signals import Signal
from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Submission
from approvals.policies import queries as policy_queries
from governance.core.jobs import job_runs
from governance.core.jobs.job_runs import run_job
from governance.core.mail.mail_text import write
from governance.core.models import JobRun, Notice
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.decisions.mutual_approvals import of_rita
from tests.approvals.duplicates.test_duplicates import more_channels
from tests.approvals.light_path.low_risk_report import another, both
from tests.people import as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

QUARTER = timedelta(days=90)


def signals_of(c: Company, now: Any = None) -> list[Signal]:
    at = now or c.now
    return approval_signals.find_signals(policy_queries.in_force(at), at)


def apps_more(c: Company) -> list[Submission]:
    """Theo approved five apps of Rita's; policy approved the rest of the first."""
    edits = (both(another(f"rita{number}"), more_channels(more)) for number, more in enumerate((1, 1, 1, 2)))
    return [stock_report.app_approved(c, stock_report.submitted(c, edit)) for edit in edits]


APPS_MORE = starting_point("light_in_force", apps_more)


def rest_by_omar(c: Company) -> None:
    """And Omar approved all else of the four, but for one credential: 20 of 25 approvals."""
    for record in Approval.objects.filter(stage=2, state=ApprovalState.OPEN).order_by("pk")[:20]:
        scenarios.approve(record, c.people.omar, now=c.now)


FOUR_FIFTHS = starting_point(APPS_MORE, rest_by_omar)


# --- what is none -----------------------------------------------------------------------------------------------------


@pytest.mark.rule("S10")
def test_approving_for_each_other_three_times_is_no_signal(company: Company, three_times: Submission) -> None:
    assert signals_of(company) == []
    of_rita(company, "rita2")
    assert [signal.kind for signal in signals_of(company)] == ["mutual"], "the fourth time is"
    assert signals_of(company, company.now + QUARTER) == [], "and not for longer than the policy's days"


@pytest.mark.rule("S10", "A8")
def test_retracted_decisions_do_not_count(company: Company, four_times: Submission) -> None:
    record = stock_report.privilege_on(four_times, company.slack)
    scenarios.retract(record, company.people.rita, now=company.now, reason="Not mine to say.")
    assert signals_of(company) == []


@pytest.mark.rule("S10", "A14")
def test_carried_over_decisions_count_once(company: Company, three_times: Submission) -> None:
    newer = stock_report.submitted(company, both(another("rita1"), stock_report.one_more_channel))
    assert newer.approvals.get(stage=1).carried_decisions.count() == 1
    assert signals_of(company) == []


@pytest.mark.rule("S10")
def test_all_approvals_of_one_submission_are_no_signal(company: Company, stock_in_force: Submission) -> None:
    assert not signals_of(company)


@pytest.mark.rule("S10")
@FOUR_FIFTHS
def test_four_fifths_of_a_builders_approvals_are_no_signal(company: Company) -> None:
    assert not signals_of(company), "Omar gave 20 of 25"


@pytest.mark.rule("S10", "A13")
@APPS_MORE
def test_auto_approvals_do_not_count(company: Company) -> None:
    (signal,) = signals_of(company)
    assert (signal.kind, signal.times) == ("leaning", (5, 5)), "Theo decided the apps, policy what was low"


# --- what is one ------------------------------------------------------------------------------------------------------


@pytest.mark.rule("S10")
def test_four_mutual_approvals_are_a_signal(company: Company, four_times: Submission) -> None:
    made, n = Submission.objects.all(), company.people
    (signal,) = signals_of(company)
    assert (signal.kind, signal.people, signal.times) == ("mutual", (n.rita.pk, n.theo.pk), (2, 2))
    assert signal.submissions == tuple(sorted((submission.pk for submission in made), reverse=True))
    sentence = approval_signals.signal_sentence(signal, {n.rita.pk: n.rita.name, n.theo.pk: n.theo.name}, 90)
    assert sentence == "Rita Novak approved for Theo Brandt twice and Theo Brandt for Rita Novak twice in 90 days."


@pytest.mark.rule("S10", "A11")
def test_delegate_and_giver_both_count_as_approvers(company: Company, three_times: Submission) -> None:
    n = company.people
    made = stock_report.submitted(company, another("more"))
    app, actor = scenarios.app_of(made), as_delegate(n.grace, giver=n.theo)
    decide.approve(app, actor=actor, now=company.now, shown_digest=scenarios.shown(app))
    (signal,) = signals_of(company)
    assert signal.people == (n.rita.pk, n.theo.pk)


@pytest.mark.rule("S10")
@FOUR_FIFTHS
def test_more_than_four_fifths_from_one_person_are_a_signal(company: Company) -> None:
    n = company.people
    record = Approval.objects.get(stage=2, state=ApprovalState.OPEN)
    scenarios.approve(record, n.omar, now=company.now)
    (signal,) = signals_of(company)
    assert (signal.kind, signal.people, signal.times) == ("leaning", (n.omar.pk, n.rita.pk), (21, 26))


# --- who is notified --------------------------------------------------------------------------------------------------


@pytest.mark.rule("S10", "R9")
def test_security_is_notified_once_per_night_and_window(
    company: Company, four_times: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, at = company.people, company.now
    notices = Notice.objects.filter(event="signal_flagged")
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: at)
    run_job(decision_jobs.JOB, decision_jobs.sweep)
    assert {notice.recipient for notice in notices} == {n.sana, n.viktor}
    letter = write(notices.get(recipient=n.sana), None)
    assert "Rita Novak and Theo Brandt" in letter.subject
    assert "/signals/" in letter.text
    assert JobRun.objects.get(job=decision_jobs.JOB).counts == {"looked": 1, "signals": 1, "told": 2}
    assert not job_runs.is_nightly_due(at + timedelta(hours=3), decision_jobs.JOB)
    assert decision_jobs.sweep(at + timedelta(hours=3)) == {}
    next_night = at + timedelta(days=1)
    assert job_runs.is_nightly_due(next_night, decision_jobs.JOB)
    assert decision_jobs.flag(next_night) == (1, 0), "nobody gets the same notice twice"


@pytest.mark.rule("S10")
def test_signals_are_shown_to_security_and_auditors_only(
    company: Company, four_times: Submission, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr("governance.core.clock.current_time.now", lambda: company.now)
    n = company.people
    for person in (n.rita, n.theo, n.ines):
        assert client_of(person).get("/signals/").status_code == 403
    for person in (n.sana, n.yuki):
        client = client_of(person)
        with django_assert_max_num_queries(14):
            page = " ".join(client.get("/signals/").content.decode().split())
        assert "Rita Novak approved for Theo Brandt twice" in page
        assert all(f"/review/{submission.pk}/" in page for submission in Submission.objects.all())
    assert "/signals/" in client_of(n.sana).get("/ledger/").content.decode()
    assert "/signals/" not in client_of(n.ines).get("/ledger/").content.decode()


# --- what it changes --------------------------------------------------------------------------------------------------


@pytest.mark.rule("S10", "T3")
def test_a_signal_adds_no_seat_to_a_high_risk_submission(company: Company, four_times: Submission) -> None:
    submission, n = scenarios.submitted(company), company.people
    app = scenarios.app_of(submission)
    assert list(app.seats.values_list("label", flat=True)) == ["lead"]
    scenarios.approve(app, n.theo, now=company.now)
    assert app.state == ApprovalState.APPROVED
