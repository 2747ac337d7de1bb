"""Refused privileges leave a conflict, wherever it is shown (S6)."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from approvals.conflicts import asked, remaining
from approvals.models import Approval, Submission
from tests import journeys
from tests.approvals import stock
from tests.approvals.conflicts import ruling
from tests.approvals.conflicts.ruling import on
from tests.ground import starting_point
from tests.journeys import Company
from tests.portal.signed_in import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]


@pytest.fixture(autouse=True)
def stands(plain: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands."""
    monkeypatch.setattr("governance.controls.clock.now", lambda: plain.now)


def in_stage_2(c: Company) -> Submission:
    """A report that reads the ERP and posts to two channels, which a rule forbids together, in stage 2."""
    ruling.rule(on(c.erp), on(c.slack))
    made = stock.submitted(c, stock.one_more_channel)
    journeys.decide_app(c, made)
    return made


IN_STAGE_2 = starting_point("plain", in_stage_2)


def privileges_on(submission: Submission, resource: object) -> list[Approval]:
    return list(submission.approvals.filter(privilege__entitlement__resource=resource).order_by("pk"))


def review(c: Company, submission: Submission, who: str = "jonas") -> str:
    answer = client_of(getattr(c.people, who)).get(reverse("review", args=[submission.pk]))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


@IN_STAGE_2
def test_conflict_is_gone_once_one_side_of_it_was_refused(plain: Company, start: Submission) -> None:
    made = start
    assert "if all of it is approved" in review(plain, made)
    first, second = privileges_on(made, plain.slack)
    journeys.reject(first, plain.people.omar, now=plain.now)
    page = review(plain, made)
    assert "if all that is left is approved" in page
    assert first.privilege.sentence not in page.partition('id="conflicts-title"')[2].partition("</section>")[0]
    journeys.reject(second, plain.people.omar, now=plain.now)
    page = review(plain, made)
    assert 'id="conflicts-title"' not in page
    assert "In conflict" not in page
    assert "Conflict" not in page.partition('id="rows"')[2].partition("Timeline")[0]


@IN_STAGE_2
def test_decision_is_not_void_because_a_neighbour_was_refused(plain: Company, start: Submission) -> None:
    """A6: what a decision is about does not cover decisions on neighbouring approvals."""
    made = start
    (reads,) = privileges_on(made, plain.erp)
    shown = journeys.shown(reads)
    for one in privileges_on(made, plain.slack):
        journeys.reject(one, plain.people.omar, now=plain.now)
    assert journeys.shown(reads) == shown


@IN_STAGE_2
def test_conflict_of_what_was_decided_is_said_as_such(plain: Company, start: Submission) -> None:
    made = start
    _, second = privileges_on(made, plain.slack)
    journeys.reject(second, plain.people.omar, now=plain.now)
    for record in made.approvals.filter(stage=2, state="open").order_by("pk"):
        journeys.approve(record, plain.people.omar, now=plain.now)
    made.refresh_from_db()
    assert made.state == "decided"
    page = review(plain, made)
    assert "in what was approved" in page
    assert "if all" not in page


@IN_STAGE_2
def test_privilege_whose_credential_was_refused_leaves_too(plain: Company, start: Submission) -> None:
    made = start
    journeys.reject(made.approvals.get(credential__opens=plain.slack), plain.people.omar, now=plain.now)
    assert 'id="conflicts-title"' not in review(plain, made)


@IN_STAGE_2
def test_list_of_what_is_decided_together_shows_no_conflict_that_is_gone(plain: Company, start: Submission) -> None:
    made = start
    for one in privileges_on(made, plain.slack):
        journeys.reject(one, plain.people.omar, now=plain.now)
    found = Submission.objects.get(pk=made.pk)
    remaining.know([found], plain.now)
    (reads,) = privileges_on(found, plain.erp)
    reads.submission = found
    assert remaining.of_record(reads, plain.now) == []
    assert len(asked.of_record(reads, plain.now)) == 1, "what a decision is about is as it was asked"
