"""What the rule tests of recertification share: one automation in force, built once a module and given back as it was.

It takes seconds to walk an export through both stages, and a review starts where that ends. So a module walks once, in a transaction
that is never committed, and each test has a savepoint of its own.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.approvals import stock
from tests.journeys import Company
from tests.recertification.reviews import Held
from tests.savepoints import undone


@pytest.fixture(scope="module")
def _in_force(company_of_module: Company, django_db_blocker: Any) -> Iterator[Held]:
    with django_db_blocker.unblock(), undone():
        yield Held(company_of_module, stock.in_force(company_of_module))


@pytest.fixture
def held(_in_force: Held, django_db_blocker: Any) -> Iterator[Held]:
    """Weekly stock report in force: two standard privileges on Omar's resources, two credentials, approved as people approve."""
    with django_db_blocker.unblock(), undone():
        yield copy.deepcopy(_in_force)
