"""Northwind with resources in use, for the tests of approvals: founded once a module, and each test in a savepoint of its own."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests import journeys
from tests.journeys import Company
from tests.people import build
from tests.savepoints import undone


@pytest.fixture(scope="module")
def founded(django_db_setup: None, django_db_blocker: Any) -> Iterator[Company]:
    """The company, in a transaction that lasts as long as the module's tests."""
    with django_db_blocker.unblock():
        with undone():
            yield journeys.company(build())
        connection.close()


@pytest.fixture
def company(request: pytest.FixtureRequest) -> Iterator[Company]:
    """Northwind with its resources, for one test: what the test does to it is undone.

    A test that is marked ``django_db`` gets one of its own inside the test's transaction.
    """
    if request.node.get_closest_marker("django_db"):
        yield journeys.company(request.getfixturevalue("northwind"))
        return
    made = request.getfixturevalue("founded")
    with request.getfixturevalue("django_db_blocker").unblock(), undone():
        yield copy.deepcopy(made)
