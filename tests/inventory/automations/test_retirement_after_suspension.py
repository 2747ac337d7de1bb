"""An automation is retired after ninety days of suspension, and its owners get a notice two weeks and a day before (L1)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from approvals.models import Grant, Submission
from approvals.submissions import jobs as submission_jobs
from governance.core.actors.actor import Actor
from governance.core.models import LedgerEvent, Notice
from inventory.automations import jobs as automation_jobs
from inventory.automations import rules
from inventory.automations.transitions import lifecycle
from inventory.models import Automation, AutomationState
from tests.appointments import record_leaver
from tests.inventory.imports.sample_imports import again
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("L1")]

DAY = timedelta(days=1)
JOB = Actor.of_job(submission_jobs.JOB)


@pytest.fixture
def stopped(company: Company, stock_in_force: Submission) -> Automation:
    """The weekly stock report, stopped now by Jonas."""
    automation = again(stock_in_force.automation)
    lifecycle.stop(automation, actor=as_actor(company.people.jonas), now=company.now, reason="It posts nonsense.")
    return again(automation)


def run(at: datetime) -> tuple[int, int]:
    """One run: how many were told, and how many retired."""
    return automation_jobs.send_reminders(at), automation_jobs.retire_due(at, JOB)


def state_of(automation: Automation) -> str:
    return again(automation).state


def test_suspended_automation_is_not_retired_early(company: Company, stopped: Automation) -> None:
    assert run(company.now + 75 * DAY) == (0, 0)
    assert state_of(stopped) == AutomationState.SUSPENDED


def test_people_hear_of_it_two_weeks_and_a_day_before_once_each_and_then_it_is_retired(
    company: Company, stopped: Automation
) -> None:
    n, began = company.people, company.now
    assert run(began + 76 * DAY) == (4, 0)
    assert {notice.recipient for notice in Notice.objects.filter(event=rules.LONG_SUSPENSION_NOTICE)} == {
        n.jonas,
        n.rita,
        n.theo,
        n.bram,
    }
    assert run(began + 80 * DAY) == (0, 0)
    assert run(began + 89 * DAY) == (4, 0)
    assert run(began + 89 * DAY + timedelta(hours=1)) == (0, 0)
    assert run(began + 90 * DAY) == (0, 1)
    assert state_of(stopped) == AutomationState.RETIRED
    assert not Grant.objects.filter(automation=stopped).standing().exists()
    event = LedgerEvent.objects.get(verb="automation.retired")
    assert (event.actor_kind, event.payload["why"]) == ("job", "suspended")


def test_retirement_leaves_two_weeks_of_notice(company: Company, stopped: Automation) -> None:
    late = company.now + 200 * DAY  # nothing ran for months
    assert run(late) == (4, 0)
    assert run(late + 13 * DAY) == (4, 0)
    assert run(late + 14 * DAY) == (0, 1)


def test_restarted_automation_gets_full_period_again(company: Company, stopped: Automation) -> None:
    n, then = company.people, company.now + 80 * DAY
    run(then)
    lifecycle.request_resume(stopped, actor=as_actor(n.theo), now=then, reason="Mended.")
    lifecycle.resume(stopped, actor=as_actor(n.sana), now=then, reason="Seen.")
    assert run(then + 20 * DAY) == (0, 0)
    lifecycle.stop(again(stopped), actor=as_actor(n.jonas), now=then + 20 * DAY, reason="Again.")
    assert run(then + 90 * DAY) == (0, 0)
    assert state_of(stopped) == AutomationState.SUSPENDED


def test_security_is_notified_if_all_owners_left(company: Company, stopped: Automation) -> None:
    n = company.people
    for person in (n.jonas, n.rita, n.theo, n.bram):
        record_leaver(person, actor=as_actor(n.ines), now=company.now, reason="Gone.")
    run(company.now + 76 * DAY)
    assert {notice.recipient for notice in Notice.objects.filter(event=rules.LONG_SUSPENSION_NOTICE)} == {
        n.sana,
        n.viktor,
    }
