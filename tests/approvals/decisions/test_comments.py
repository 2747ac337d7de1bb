"""The conversation on a submission: its subject, and who is notified of a comment (A3)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from approvals.decisions.transitions import comment, decide
from approvals.models import Comment, Submission
from governance.core.models import Notice
from governance.core.people.transitions.delegations import end_delegation
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def people_notified(submission: Submission) -> set[str]:
    """Names of the people who are notified of a comment."""
    return set(
        Notice.objects.filter(event="commented", thread=f"submission:{submission.pk}").values_list(
            "recipient__name", flat=True
        )
    )


@pytest.mark.rule("A3")
def test_a_record_of_something_else_is_not_spoken_about_here(company: Company, stock_in_stage_2: Submission) -> None:
    other = scenarios.app_of(stock_report.another(company))
    omar, address = client_of(company.people.omar), reverse("comment", args=[stock_in_stage_2.pk])
    for subject in (str(other.pk), "0", "app", "9" * 30):
        assert omar.post(address, {"text": "Which rows?", "about": subject}).status_code == 404, subject
    assert not Comment.objects.exists()


@pytest.mark.rule("A3")
def test_comment_on_approval_reaches_builder(company: Company, stock_in_stage_2: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(stock_in_stage_2, company.slack)
    omar, address = client_of(n.omar), reverse("comment", args=[stock_in_stage_2.pk])
    page = omar.get(reverse("review", args=[stock_in_stage_2.pk])).content.decode()
    assert f'<option value="{record.pk}">{record.title}</option>' in page
    answer = omar.post(
        address, {"text": "Who reads that channel?", "about": str(record.pk)}, headers={"HX-Request": "true"}
    )
    assert f"on “{record.privilege}”" in answer.content.decode()
    assert Comment.objects.get().approval_id == record.pk
    assert people_notified(stock_in_stage_2) == {n.rita.name, n.jonas.name, n.theo.name}, (
        "builders, and Theo, who decided the app"
    )
    facts = Notice.objects.filter(event="commented")[0].context
    assert (facts["by"], facts["what"]) == (n.omar.name, record.title)
    assert "Who reads" not in str(facts), "what was said stays here (H6)"


@pytest.mark.rule("A3", "R8")
def test_answer_reaches_asker_and_no_leaver(company: Company, stock_in_stage_2: Submission) -> None:
    n, made = company.people, stock_in_stage_2
    comment.comment(made, actor=as_actor(n.omar), now=company.now, reason="Who reads that channel?")
    record_leaver(n.theo, actor=as_actor(n.ines), now=company.now, reason="Left.")
    Notice.objects.filter(event="commented").delete()
    comment.comment(made, actor=as_actor(n.rita), now=company.now, reason="Buyers do.")
    assert people_notified(made) == {n.omar.name, n.jonas.name}


@pytest.mark.rule("A3")
def test_refused_comment_keeps_text_and_subject(company: Company, stock_in_stage_2: Submission) -> None:
    record = stock_report.privilege_on(stock_in_stage_2, company.slack)
    answer = client_of(company.people.omar).post(
        reverse("comment", args=[stock_in_stage_2.pk]),
        {"text": " ", "about": str(record.pk)},
        headers={"HX-Request": "true"},
    )
    assert answer.status_code == 422
    assert f'<option value="{record.pk}" selected>' in answer.content.decode()


@pytest.mark.rule("A11")
def test_former_delegate_gets_no_further_comments(company: Company) -> None:
    n = company.people
    made = stock_report.in_stage_2(company)
    record, actor = stock_report.privilege_on(made, company.slack), as_delegate(n.tom, giver=n.omar)
    decide.approve(record, actor=actor, now=company.now, reason="Fine.", shown_digest=scenarios.shown(record))
    end_delegation(n.omar.delegations_given.get(), actor=as_actor(n.omar), now=company.now)
    comment.comment(made, actor=as_actor(n.rita), now=company.now, reason="What else?")
    assert not Notice.objects.filter(recipient=n.tom, event="commented").exists()
