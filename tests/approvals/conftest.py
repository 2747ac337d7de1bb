"""Northwind with resources in use, for the tests of approvals: founded once a module, and each test in a savepoint of its own."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from tests import journeys
from tests.journeys import Company
from tests.people import build


@contextmanager
def undone() -> Iterator[None]:
    """A transaction, or a savepoint within one, that is rolled back; operations inside it take it for none, as in a `TestCase`."""
    with transaction.atomic():
        connection.atomic_blocks[-1]._from_testcase = True
        yield
        transaction.set_rollback(True)


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
