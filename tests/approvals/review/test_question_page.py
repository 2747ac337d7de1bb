"""The page of a question shows the whole thread and the answer field (A14)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from approvals.decisions.transitions import comment, decide
from approvals.models import Submission
from governance.core.models import Person
from tests import scenarios
from tests.approvals import stock_report
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]


@pytest.fixture
def stage_2(company: Company) -> Submission:
    """The stock report in stage 2."""
    made = scenarios.submitted(company, scenarios.brought_in(company, stock_report.EXPORT))
    scenarios.approve(scenarios.app_of(made), company.people.theo, now=company.now)
    return made


def ask(company: Company, submission: Submission, person: Person, reason: str, minutes: int = 0) -> None:
    """Request changes of the privilege on Slack, some minutes later."""
    record = stock_report.privilege_on(submission, company.slack)
    shown = scenarios.shown(record)
    then = company.now + timedelta(minutes=minutes)
    decide.ask_for_changes(record, actor=as_actor(person), now=then, reason=reason, shown_digest=shown)


@pytest.mark.rule("A14")
def test_question_page_shows_questions_answers_and_comments_in_order(company: Company, stage_2: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.slack)
    other = stock_report.privilege_on(stage_2, company.erp)
    href = reverse("answer", args=[stage_2.pk, record.pk])
    ask(company, stage_2, n.omar, "Which channel does it post to?")
    answer = client_of(n.rita).post(href, {"reason": "Only to the stock channel."}, follow=True)
    assert "Your answer is sent, and the approval is open again." in answer.content.decode()
    comment.comment(stage_2, actor=as_actor(n.rita), now=company.now, reason="About another one.", approval=other)
    ask(company, stage_2, n.omar, "And who reads that channel?", 5)
    page = client_of(n.rita).get(href).content.decode()
    order = [page.index(text) for text in ("Which channel", "Only to the stock channel", "And who reads", "<textarea")]
    assert order == sorted(order)
    assert page.count("requested changes") == 2
    assert "About another one." not in page
