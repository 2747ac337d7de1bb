"""Rita at her browser, and a company whose connections are known."""

from __future__ import annotations

import pytest

from tests.approvals.bring_in import building
from tests.approvals.bring_in.building import Build
from tests.journeys import Company


@pytest.fixture
def connected(company: Company) -> Company:
    """The company, its owners having said what the connections of the stock report open."""
    building.connect(company, building.STOCK)
    return company


@pytest.fixture
def rita(company: Company) -> Build:
    """A builder of Finance Operations."""
    return Build.by(company.people.rita)
