"""What tests of conflicts start from: no rules but their own."""

from __future__ import annotations

import pytest

from tests.approvals.conflicts import ruling
from tests.journeys import Company


@pytest.fixture
def plain(company: Company) -> Company:
    """The company without any conflict rule."""
    ruling.no_other_rules(company.now)
    return company
