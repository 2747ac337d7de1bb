"""The submissions that tests of approvals start from, by short names."""

from __future__ import annotations

import pytest

from approvals.models import Submission
from tests.approvals.conflicts import conflict_rules
from tests.scenarios import Company
from tests.starting_points import path, start_of


@pytest.fixture
def stage_2(company: Company, stock_in_stage_2: Submission) -> Submission:
    """The stock report in stage 2: two privileges and two credentials are open, all on Omar's resources."""
    return stock_in_stage_2


@pytest.fixture
def live(company: Company, stock_in_force: Submission) -> Submission:
    """The stock report in force, with four grants."""
    return stock_in_force


@pytest.fixture
def chaser(company: Company, chaser_in_stage_2: Submission) -> Submission:
    """The invoice chaser, high risk: seven privileges and six credentials are open."""
    return chaser_in_stage_2


@pytest.fixture
def plain(company: Company, request: pytest.FixtureRequest) -> Company:
    """The company without any conflict rule."""
    if not {"plain", "plain_in_force"} & {*path(start_of(request.node))}:
        conflict_rules.no_other_rules(company.now)
    return company
