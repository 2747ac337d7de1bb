"""Refused privileges leave a conflict, wherever it is shown (S6)."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from approvals.assignment.context import load_contexts
from approvals.models import Approval, Submission
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands"), pytest.mark.rule("S6")]


def in_stage_2(c: Company) -> Submission:
    """A report that reads the ERP and posts to two channels, which a rule forbids together, in stage 2."""
    conflict_rules.rule(on(c.erp), on(c.slack))
    made = stock_report.submitted(c, stock_report.one_more_channel)
    scenarios.decide_app(c, made)
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
    scenarios.reject(first, plain.people.omar, now=plain.now)
    page = review(plain, made)
    assert "if all that is left is approved" in page
    assert first.privilege.sentence not in page.partition('id="conflicts-title"')[2].partition("</section>")[0]
    scenarios.reject(second, plain.people.omar, now=plain.now)
    page = review(plain, made)
    assert 'id="conflicts-title"' not in page
    assert "In conflict" not in page
    assert "Conflict" not in page.partition('id="rows"')[2].partition("Activity")[0]


@IN_STAGE_2
def test_decision_is_not_void_because_a_neighbour_was_refused(plain: Company, start: Submission) -> None:
    """A6: what a decision is about does not cover decisions on neighbouring approvals."""
    made = start
    (reads,) = privileges_on(made, plain.erp)
    shown = scenarios.shown(reads)
    for record in privileges_on(made, plain.slack):
        scenarios.reject(record, plain.people.omar, now=plain.now)
    assert scenarios.shown(reads) == shown


@IN_STAGE_2
def test_decided_conflict_is_labelled_as_decided(plain: Company, start: Submission) -> None:
    made = start
    _, second = privileges_on(made, plain.slack)
    scenarios.reject(second, plain.people.omar, now=plain.now)
    for record in made.approvals.filter(stage=2, state="open").order_by("pk"):
        scenarios.approve(record, plain.people.omar, now=plain.now)
    made.refresh_from_db()
    assert made.state == "decided"
    page = review(plain, made)
    assert "in what was approved" in page
    assert "if all" not in page


@IN_STAGE_2
def test_privilege_with_refused_credential_leaves_conflict(plain: Company, start: Submission) -> None:
    made = start
    scenarios.reject(made.approvals.get(credential__opens=plain.slack), plain.people.omar, now=plain.now)
    assert 'id="conflicts-title"' not in review(plain, made)


@IN_STAGE_2
def test_bulk_decision_shows_no_resolved_conflict(plain: Company, start: Submission) -> None:
    made = start
    for record in privileges_on(made, plain.slack):
        scenarios.reject(record, plain.people.omar, now=plain.now)
    submission = Submission.objects.get(pk=made.pk)
    conflicts = load_contexts([submission], plain.now)[submission.pk].conflicts
    (reads,) = privileges_on(submission, plain.erp)
    assert conflicts.remaining_of(reads) == []
    assert len(conflicts.conflicts_of(reads, conflicts.as_asked)) == 1, "what a decision is about is as it was asked"
