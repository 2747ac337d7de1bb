"""What a builder can expect before submitting: how long those who are asked usually take (A10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.decisions import queries as decision_queries
from approvals.models import Approval, Decision, Submission
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import Build, connect
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("A10")]


def decided(c: Company, *, after: timedelta) -> None:
    """Omar decides all four records of the stock report in stage 2, so long after they opened."""
    made = stock_report.newest(c)
    for record in made.approvals.filter(stage=2).order_by("pk"):
        scenarios.approve(record, c.people.omar, now=c.now + after)


IN_TWO_HOURS = starting_point("stock_in_stage_2", lambda c: decided(c, after=timedelta(hours=2)))


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (timedelta(hours=2), "usually within hours"),
        (timedelta(hours=20), "usually about a day"),
        (timedelta(days=3, hours=2), "usually about 3 days"),
    ],
)
def test_expected_duration_is_median_in_words(
    company: Company, stock_in_stage_2: Submission, after: timedelta, words: str
) -> None:
    decided(company, after=after)
    omar = company.people.omar
    known = decision_queries.usual_decision_times([omar, company.people.mei], company.now + timedelta(days=10))
    assert known == {omar.pk: after}
    assert decision_queries.decision_time_words([company.people.mei, omar], known) == words
    assert decision_queries.decision_time_words([company.people.mei], known) == ""


@IN_TWO_HOURS
def test_old_or_few_decisions_give_no_estimate(company: Company) -> None:
    omar, theo = company.people.omar, company.people.theo
    assert decision_queries.usual_decision_times([omar], company.now + timedelta(days=100)) == {}
    assert Decision.objects.filter(person=theo).count() == 1
    assert decision_queries.usual_decision_times([theo], company.now + timedelta(days=1)) == {}


@IN_TWO_HOURS
def test_decisions_before_reopening_are_ignored(company: Company) -> None:
    assert company.people.omar.pk in decision_queries.usual_decision_times(
        [company.people.omar], company.now + timedelta(days=1)
    )
    Approval.objects.filter(stage=2).update(opened_at=company.now + timedelta(hours=3))
    assert decision_queries.usual_decision_times([company.people.omar], company.now + timedelta(days=1)) == {}


@IN_TWO_HOURS
def test_preview_shows_expected_duration_beside_deadline(company: Company) -> None:
    content = stock_report.source(lambda export: export.update(id="another"))
    connect(company, content)
    rita = Build.by(company.people.rita)
    page = rita.see(rita.import_item(content=content))
    assert "; usually within hours" in page
