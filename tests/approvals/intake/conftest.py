"""Rita at her browser, and a company whose connections are known."""

from __future__ import annotations

import pytest

from tests.approvals.intake import builder
from tests.approvals.intake.builder import Build
from tests.scenarios import Company


@pytest.fixture
def connected(company: Company) -> Company:
    """The company, its owners having said what the connections of the stock report open."""
    builder.connect(company, builder.STOCK)
    return company


@pytest.fixture
def rita(company: Company) -> Build:
    """A builder of Finance Operations."""
    return Build.by(company.people.rita)
