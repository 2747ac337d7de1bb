"""Two others lift a stop. Importing a copy does not: it counts as resubmitted, and people decide about it (G5, I9, A13)."""

from __future__ import annotations

import pytest

from approvals.grants.transitions import stops
from approvals.models import Grant, Likeness, Submission
from governance.core.models import Person
from inventory.automations.transitions import lifecycle
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.light_path import low_risk_report
from tests.approvals.light_path.low_risk_report import another, asks, both
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point

ONE = "SELECT s.sku, i.name FROM scm.stock s JOIN scm.items i ON i.sku = s.sku"


def stop_grant(c: Company, made: Submission, kind: str = "privilege", by: Person | None = None) -> Grant:
    """Omar stops one of its grants, or somebody else does."""
    grant = Grant.objects.get(automation=made.automation, kind=kind)
    reason = "It must not read these two together."
    stops.stop_grant(grant, actor=as_actor(by or c.people.omar), now=c.now, reason=reason)
    return grant


def stop_all(c: Company, made: Submission) -> None:
    """Sana stops the whole automation."""
    lifecycle.stop(made.automation, actor=as_actor(c.people.sana), now=c.now, reason="It reads too much.")


def low_in_force(c: Company) -> Submission:
    """What reads these two together, approved by policy."""
    return low_risk_report.in_force(c, asks(ONE))


IN_FORCE = starting_point("company", low_in_force)


def stopped(c: Company) -> Submission:
    """The same, what it may read stopped by Omar."""
    first = stock_report.newest(c)
    stop_grant(c, first)
    return first


STOPPED = starting_point(IN_FORCE, stopped)


def stop_some(c: Company, what: str) -> Submission:
    """Its privilege, its credential or all of it is stopped."""
    first = stock_report.newest(c)
    if what == "all of it":
        stop_all(c, first)
    else:
        stop_grant(c, first, "credential" if what == "a credential" else "privilege")
    return first


def copied(c: Company) -> Submission:
    """The very same under another id, with credentials of its own and one harmless change."""
    return low_risk_report.submitted(c, both(asks(f"{ONE} WHERE true"), another("b")))


@pytest.mark.rule("G5", "I9", "A13")
@IN_FORCE
@pytest.mark.parametrize("what", ["a grant", "a credential", "all of it"])
def test_copy_of_stopped_automation_is_held_and_needs_people(company: Company, what: str) -> None:
    first = stop_some(company, what)
    made = copied(company)
    assert not made.light_path
    assert [likeness.other for likeness in Likeness.objects.filter(automation=made.automation)] == [first.automation]


@pytest.mark.rule("G5", "A13")
@IN_FORCE
@pytest.mark.parametrize("what", ["a grant", "a credential", "all of it"])
def test_copy_declared_different_is_not_auto_approved(
    company: Company, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("approvals.duplicates.queries.find_duplicates", lambda *_: [])
    stop_some(company, what)
    assert not copied(company).light_path


COPIED = starting_point(IN_FORCE, copied)


@pytest.mark.rule("G5", "A13")
@COPIED
def test_stop_takes_waiting_copy_off_light_path(company: Company, start: Submission) -> None:
    made = start
    assert made.light_path
    stop_grant(company, Submission.objects.earliest("pk"))
    stock_report.app_approved(company, made)
    assert {record.state for record in made.approvals.filter(stage=2)} == {"open"}


@pytest.mark.rule("G5", "I9")
@COPIED
def test_copy_of_running_automation_is_no_duplicate_question(company: Company, start: Submission) -> None:
    made = start
    assert made.light_path
    assert not Likeness.objects.filter(automation=made.automation).exists()


def approved_anew(c: Company) -> None:
    """Sana stopped it; then two others approved it, and what it may read lives again."""
    stop_grant(c, stock_report.newest(c), by=c.people.sana)
    anew = low_risk_report.submitted(c, both(asks(ONE), stock_report.started_by_hand))
    assert not anew.light_path
    stock_report.app_approved(c, anew)
    for record in anew.approvals.filter(stage=2, state="open").order_by("pk"):
        for person in (c.people.omar, c.people.viktor):
            if record.state == "open":
                scenarios.approve(record, person, now=c.now)


@pytest.mark.rule("G5", "I9", "A13")
@starting_point(IN_FORCE, approved_anew)
def test_reapproved_access_counts_as_stopped_no_more(company: Company) -> None:
    assert not Likeness.objects.filter(automation=copied(company).automation).exists()
