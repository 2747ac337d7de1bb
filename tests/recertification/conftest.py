"""What the rule tests of recertification share: one automation in force, and its review opened."""

from __future__ import annotations

import pytest

from approvals.models import Submission
from governance.recertification.models import Item
from tests.approvals import stock_report
from tests.recertification.review_steps import Held, all_under_review, under_review
from tests.scenarios import Company
from tests.starting_points import STARTS, Ground


def _one_opened(c: Company) -> Submission:
    """The item about its first privilege alone, which is the one on the ERP."""
    made = stock_report.newest(c)
    held = Held(c, made)
    assert held.grant() == held.grant(on=c.erp)
    under_review(held.grant())
    return made


def _all_opened(c: Company) -> Submission:
    """Whatever comes up on that day, as the sweep opens it."""
    made = stock_report.newest(c)
    all_under_review(Held(c, made).grant())
    return made


STARTS["stock_under_review"] = ("stock_in_force", _one_opened)
STARTS["stock_all_under_review"] = ("stock_in_force", _all_opened)


@pytest.fixture
def held(company: Company, stock_in_force: Submission) -> Held:
    """Weekly stock report in force: two standard privileges on Omar's resources, two credentials, approved as people approve."""
    return Held(company, stock_in_force)


@pytest.fixture
def stock_under_review(ground: Ground, held: Held) -> Item:
    """The item about its first privilege, on the ERP, and no other, just opened."""
    return Item.objects.get(grant=held.grant())


@pytest.fixture
def stock_all_under_review(ground: Ground, held: Held) -> Item:
    """The item about its first privilege, on the ERP, just opened with whatever else comes up on that day."""
    return Item.objects.get(grant=held.grant())
