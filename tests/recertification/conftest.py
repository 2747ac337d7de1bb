"""What the rule tests of recertification share: one automation in force, built once a module and given back as it was.

It takes seconds to walk an export through both stages, and a review starts where that ends. So a module walks once, in a transaction
that is never committed, and each test has a savepoint of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction

from tests import journeys, people
from tests.approvals import stock
from tests.recertification.reviews import Held


@contextmanager
def rolled_back() -> Iterator[None]:
    """Whatever is written inside is undone; operations may open their own transactions in it, as in Django's own test cases."""
    atomic = transaction.atomic()
    atomic._from_testcase = True  # what lets a durable transaction begin inside
    with atomic:
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def _in_force(django_db_setup: None, django_db_blocker: Any) -> Iterator[Held]:
    with django_db_blocker.unblock(), rolled_back():
        company = journeys.company(people.build())
        yield Held(company, stock.in_force(company))


@pytest.fixture
def held(_in_force: Held, django_db_blocker: Any) -> Iterator[Held]:
    """Weekly stock report in force: two standard privileges on Omar's resources, two credentials, approved as people approve."""
    with django_db_blocker.unblock(), rolled_back():
        yield copy.deepcopy(_in_force)
