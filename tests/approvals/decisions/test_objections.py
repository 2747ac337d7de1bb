"""Objecting to a privilege before stage 2 opens, from the review page: who may, what it shows, what it binds (A3)."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Approval, ApprovalState, Comment, Submission
from governance.core.models import LedgerEvent
from tests import scenarios
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true", "HX-Target": "rows"}


def on(submission: Submission, resource: Any) -> Approval:
    """A stage-2 record about something on a resource."""
    return submission.approvals.filter(privilege__entitlement__resource=resource).order_by("pk")[0]


def action(record: Approval) -> str:
    """Where an objection to a record is posted."""
    return reverse("object", args=[record.submission_id, record.pk])


def opened(record: Approval) -> str:
    """The review page with the record's row open."""
    return f"{reverse('review', args=[record.submission_id])}?open={record.pk}"


@pytest.mark.rule("A3")
def test_ineligible_person_is_not_offered_objection(company: Company, stock_submitted: Submission) -> None:
    n, record = company.people, on(stock_submitted, company.erp)
    for person in (n.rita, n.theo, n.yuki):
        who = client_of(person)
        assert action(record) not in who.get(opened(record)).content.decode()
        answer = who.post(action(record), {"reason": "No."}, headers=HTMX)
        assert answer.status_code == 403
        assert answer["HX-Retarget"] == f"#refusal-{record.pk}"
    assert not Comment.objects.exists()
    refused = LedgerEvent.objects.filter(verb="approval.objected", outcome="refused", code="PERMISSION")
    assert refused.count() == 3


@pytest.mark.rule("A3")
def test_objection_is_refused_after_stage_2_opens(company: Company, stage_2: Submission) -> None:
    record, omar = on(stage_2, company.erp), client_of(company.people.omar)
    assert action(record) not in omar.get(opened(record)).content.decode()
    assert omar.post(action(record), {"reason": "No."}).status_code == 409
    assert not Comment.objects.exists()


@pytest.mark.rule("A3")
def test_objection_without_text_is_refused_beside_its_field(company: Company, stock_submitted: Submission) -> None:
    record = on(stock_submitted, company.erp)
    answer = client_of(company.people.omar).post(action(record), {"reason": "  "}, headers=HTMX)
    assert answer.status_code == 422
    assert f'id="objection-{record.pk}-error"' in answer.content.decode()
    assert not Comment.objects.exists()


@pytest.mark.rule("A3")
def test_an_owner_objects_before_their_stage_opens_stage_1_sees_it_and_is_not_bound(
    company: Company, stock_submitted: Submission
) -> None:
    n, submission = company.people, stock_submitted
    record, omar = on(submission, company.erp), client_of(n.omar)
    page = omar.get(reverse("review", args=[submission.pk])).content.decode()
    assert "you can read, comment and object" in page
    assert action(record) in omar.get(opened(record)).content.decode()

    answer = omar.post(action(record), {"reason": "It reads every customer."}, headers=HTMX)
    assert answer.status_code == 200
    drawn = answer.content.decode()
    assert drawn.lstrip().startswith('<section class="panel rows" id="rows"')
    assert 'id="app"' in drawn  # the app's column changes with it, out of band
    assert "Objected to" in drawn
    assert (
        f'id="row-{record.pk}" data-row tabindex="-1" data-focus' in drawn
    )  # nothing is lost on the way: the focus stays

    seen = client_of(n.theo).get(reverse("review", args=[submission.pk]))
    ((objection, subject),) = seen.context["objections"]
    assert (objection.by.name, subject, objection.text.shown) == (
        n.omar.name,
        str(record.privilege),
        "It reads every customer.",
    )
    assert not seen.context["remarks"]  # it is no remark
    record.refresh_from_db()
    assert record.state == ApprovalState.WAITING
    scenarios.decide_app(company, submission)
    record.refresh_from_db()
    assert record.state == ApprovalState.OPEN
