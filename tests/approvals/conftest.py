"""Northwind with resources in use, for the rule tests of approvals."""

from __future__ import annotations

import pytest

from tests import journeys
from tests.journeys import Company
from tests.people import Northwind


@pytest.fixture
def company(northwind: Northwind) -> Company:
    """Northwind with its resources, inside the test's transaction."""
    return journeys.company(northwind)
