"""Undo on the review page: offered in place to people who may undo, and shown in the timeline (A5, A8, A11; ui.md, Review)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.urls import reverse

from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Submission
from governance.core.models import Person
from tests import scenarios
from tests.approvals import stock_report
from tests.people import as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]


@pytest.fixture
def record(company: Company) -> Approval:
    """What the stock report may do in Slack, approved by Omar; the rest waits for him."""
    made = scenarios.submitted(company, scenarios.brought_in(company, stock_report.EXPORT))
    scenarios.approve(scenarios.app_of(made), company.people.theo, now=company.now)
    approval = stock_report.privilege_on(made, company.slack)
    return scenarios.approve(approval, company.people.omar, now=company.now)


def undo_of(record: Approval) -> str:
    """Where a record's decision is taken back."""
    return reverse("undo", args=[record.submission_id, record.pk])


def offers(person: Person, record: Approval) -> bool:
    """Whether a person's review page offers to take it back."""
    answer = client_of(person).get(reverse("review", args=[record.submission_id]))
    assert answer.status_code == 200
    return undo_of(record) in answer.content.decode()


def press(person: Person, record: Approval, **headers: str) -> Any:
    """Press undo."""
    last = record.decisions.order_by("pk").last()
    return client_of(person).post(undo_of(record), {"decision": last.pk if last is not None else 0}, headers=headers)


@pytest.mark.rule("A8")
def test_undo_is_offered_to_decider_only(company: Company, record: Approval) -> None:
    n = company.people
    assert offers(n.omar, record)
    for other in (n.theo, n.sana, n.rita):
        assert not offers(other, record)
    app = scenarios.app_of(record.submission)
    assert not offers(n.theo, app), "a privilege was decided on its strength"


@pytest.mark.rule("A5")
def test_undo_is_not_offered_after_decided_submission(company: Company, record: Approval) -> None:
    scenarios.decide_rest(company, Submission.objects.get(pk=record.submission_id))
    assert not offers(company.people.omar, record)
    answer = press(company.people.omar, record)
    assert answer.status_code == 409
    assert "its decisions are final" in answer.content.decode()


@pytest.mark.rule("A8")
def test_undo_redraws_row_and_moves_focus(company: Company, record: Approval) -> None:
    omar = company.people.omar
    answer = press(omar, record, **{"HX-Request": "true", "HX-Target": "rows"})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert undo_of(record) not in page
    timeline = reverse("review_timeline", args=[record.submission_id])
    assert "activity" in json.loads(answer["HX-Trigger"]), "the timeline is read again"
    assert "undid their decision" in client_of(omar).get(timeline).content.decode()
    assert f'id="row-{record.pk}" data-row tabindex="-1" data-focus' in page
    record.refresh_from_db()
    assert record.state == ApprovalState.OPEN


@pytest.mark.rule("A8")
def test_undo_without_script_returns_to_page(company: Company, record: Approval) -> None:
    answer = press(company.people.omar, record)
    assert answer.url == reverse("review", args=[record.submission_id])


@pytest.mark.rule("A11")
def test_delegate_undoes_own_decision_only(company: Company, record: Approval) -> None:
    n = company.people
    stand_in = as_delegate(n.tom, giver=n.omar)
    assert not offers(n.tom, record)
    assert press(n.tom, record).status_code == 403
    answer = client_of(n.omar).post(undo_of(record), {"decision": record.decisions.get().pk})
    assert answer.status_code == 302
    fresh = Approval.objects.get(pk=record.pk)
    decide.approve(fresh, actor=stand_in, now=company.now, shown_digest=scenarios.shown(fresh))
    assert offers(n.tom, record)
    assert offers(n.omar, record)
    assert press(n.tom, record).status_code == 302
    retraction = record.decisions.latest("pk").retraction
    assert (retraction.person, retraction.for_person) == (n.tom, n.omar)


@pytest.mark.rule("A4")
def test_an_app_is_taken_back_from_its_column(company: Company) -> None:
    theo = company.people.theo
    made = scenarios.submitted(company, scenarios.brought_in(company, stock_report.EXPORT))
    app = scenarios.approve(scenarios.app_of(made), theo, now=company.now)
    assert offers(theo, app)
    press(theo, app)
    assert {approval.state for approval in made.approvals.filter(stage=2)} == {ApprovalState.WAITING}
    assert not offers(theo, app)
