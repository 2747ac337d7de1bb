"""What the rule tests of recertification share: one automation in force, and its review opened."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from approvals.models import Submission
from governance.recertification.models import Item
from tests.approvals import stock_report
from tests.recertification.review_steps import Held, all_under_review, opened, opens_at, sweep_at, under_review
from tests.scenarios import Company
from tests.starting_points import STARTS, Ground


def _opened_item(c: Company) -> Submission:
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


def _automation_opened(c: Company) -> Submission:
    """The item about the automation itself alone."""
    made = stock_report.newest(c)
    held = Held(c, made)
    opened(held.automation, opens_at(held.grant()))
    return made


def _swept_at(*moments: str) -> Callable[[Company], Submission]:
    """Return a walk without answers. The sweep runs at these times of the first item."""

    def go(c: Company) -> Submission:
        item = Item.objects.order_by("pk")[0]
        for moment in moments:
            item.refresh_from_db()
            sweep_at(getattr(item, moment))
        return stock_report.newest(c)

    return go


STARTS["stock_under_review"] = ("stock_in_force", _opened_item)
STARTS["stock_escalated"] = ("stock_under_review", _swept_at("deadline"))
STARTS["stock_suspended"] = ("stock_escalated", _swept_at("grace_until"))
STARTS["stock_all_under_review"] = ("stock_in_force", _all_opened)
STARTS["stock_all_escalated"] = ("stock_all_under_review", _swept_at("deadline"))
STARTS["stock_all_suspended"] = ("stock_all_escalated", _swept_at("grace_until"))
STARTS["automation_under_review"] = ("stock_in_force", _automation_opened)
STARTS["automation_suspended"] = ("automation_under_review", _swept_at("deadline", "grace_until"))


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


@pytest.fixture
def stock_escalated(ground: Ground, held: Held) -> Item:
    """The item about its first privilege, and no other; nobody answered by its deadline, and the sweep has run."""
    return Item.objects.get(grant=held.grant())


@pytest.fixture
def stock_suspended(ground: Ground, held: Held) -> Item:
    """The same, suspended at the end of its grace."""
    return Item.objects.get(grant=held.grant())


@pytest.fixture
def stock_all_escalated(ground: Ground, held: Held) -> Item:
    """The item about its first privilege, opened with whatever else came up; nobody answered any by the deadline."""
    return Item.objects.get(grant=held.grant())


@pytest.fixture
def stock_all_suspended(ground: Ground, held: Held) -> Item:
    """The same, all suspended at the end of their grace."""
    return Item.objects.get(grant=held.grant())


@pytest.fixture
def automation_under_review(ground: Ground, held: Held) -> Item:
    """The item about the automation itself, just opened."""
    return Item.objects.get(automation=held.automation)


@pytest.fixture
def automation_suspended(ground: Ground, held: Held) -> Item:
    """The same, unanswered: the automation is suspended."""
    return Item.objects.get(automation=held.automation)
