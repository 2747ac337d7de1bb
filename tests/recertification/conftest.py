"""What the rule tests of recertification share: one automation in force."""

from __future__ import annotations

import pytest

from approvals.models import Submission
from tests.journeys import Company
from tests.recertification.reviews import Held


@pytest.fixture
def held(company: Company, stock_in_force: Submission) -> Held:
    """Weekly stock report in force: two standard privileges on Omar's resources, two credentials, approved as people approve."""
    return Held(company, stock_in_force)
