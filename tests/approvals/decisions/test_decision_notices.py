"""Notices of decisions to the builder: the app is approved, a part is rejected, and an answered question."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.decisions.transitions import decide
from approvals.models import Submission
from governance.core.mail import daily_digest, mail_text
from governance.core.mail import jobs as mail_jobs
from governance.core.models import Notice, NoticeState
from tests import scenarios
from tests.approvals import stock_report
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


def subjects(c: Company, event: str) -> list[str]:
    """Subjects of the notices that Rita, the builder, has of one event."""
    return [mail_text.subject(row) for row in Notice.objects.filter(recipient=c.people.rita, event=event)]


@pytest.mark.rule("A4", "A5")
def test_builder_is_notified_of_an_approved_app_and_of_a_rejected_privilege(
    company: Company, stock_in_stage_2: Submission
) -> None:
    assert subjects(company, "app_approved") == ["Theo Brandt approved the app Weekly stock report"]
    refused = stock_report.privilege_on(stock_in_stage_2, company.slack)
    scenarios.reject(refused, company.people.omar, now=company.now)
    assert subjects(company, "part_rejected") == [f"Omar Haddad rejected “{refused.title}” for Weekly stock report"]
    assert not Notice.objects.filter(recipient=company.people.omar, event="part_rejected").exists()


@pytest.mark.rule("A5", "A7")
def test_undone_app_approval_is_not_mailed(company: Company) -> None:
    app = scenarios.decide_app(company, stock_report.submitted(company))
    scenarios.retract(app, company.people.theo, now=company.now)
    mail_jobs.send_due(now=company.now + timedelta(days=1))
    notice = Notice.objects.get(recipient=company.people.rita, event="app_approved")
    assert (notice.state, notice.error) == (NoticeState.DROPPED, daily_digest.DONE)


@pytest.mark.rule("A4")
def test_rejected_app_has_one_notice_of_its_outcome(company: Company) -> None:
    app = scenarios.app_of(stock_report.submitted(company))
    scenarios.reject(app, company.people.theo, now=company.now)
    assert len(subjects(company, "submission_rejected")) == 1
    assert not subjects(company, "app_approved") + subjects(company, "part_rejected")


@pytest.mark.rule("A14")
def test_answer_marks_the_notices_of_its_question_as_read(company: Company, stock_in_stage_2: Submission) -> None:
    n, now = company.people, company.now
    first, other = (stock_report.privilege_on(stock_in_stage_2, place) for place in (company.slack, company.erp))
    for approval in (first, other):
        shown = scenarios.shown(approval)
        decide.ask_for_changes(approval, actor=as_actor(n.omar), now=now, reason="Why?", shown_digest=shown)
    decide.answer(first, actor=as_actor(n.rita), now=now, reason="Because.")
    unread = Notice.objects.filter(event="changes_asked", read_at=None)
    assert {notice.context["what"] for notice in unread} == {other.title}
    assert n.rita in {notice.recipient for notice in unread}
