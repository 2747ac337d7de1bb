"""What was held before its rule was enforced gets a review, once, until the conflict is resolved (S6, R1, R2, R5)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from approvals.conflicts import jobs as conflict_jobs
from approvals.grants.transitions import lifecycle
from approvals.models import Conflict, Grant, GrantState, grant
from approvals.tasks import sweep_conflicts_and_waivers
from governance.core.actors.actor import Actor
from governance.core.models import Notice
from governance.recertification.items import jobs as item_jobs
from governance.recertification.models import AnswerKind, Asks, Item, ItemOutcome, ItemState
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.ledger_records import recorded
from tests.people import as_actor
from tests.recertification.review_steps import JOB, Held, question, submit_answer, under_review

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "R1")]

SCAN = Actor.of_job(conflict_jobs.JOB)
LATER = timedelta(days=40)


@pytest.fixture
def at(held: Held) -> datetime:
    """Forty days after it came into force; there is no rule but a test's own."""
    conflict_rules.no_other_rules(held.company.now)
    return held.company.now + LATER


def forbid(held: Held, at: datetime, **more: str) -> None:
    """What it reads and posts may not be held together, from now on."""
    conflict_rules.rule(
        on(held.company.erp), on(held.company.slack), now=at, **{"mode": "enforce", "rating": "high", **more}
    )
    conflict_jobs.scan_all(at, SCAN)


def opened(at: datetime) -> int:
    return item_jobs.open_in_conflict(at, JOB)


def newest(held: Held) -> Grant:
    """What goes where nobody acts."""
    return Grant.objects.filter(automation=held.automation, entitlement__isnull=False).order_by("-begins_at", "-pk")[0]


# --- what is not asked --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["record", "approval"])
def test_recorded_conflict_is_reviewed_on_schedule(held: Held, at: datetime, mode: str) -> None:
    forbid(held, at, mode=mode)
    assert opened(at) == 0
    assert not Item.objects.exists()


def test_conflict_is_reviewed_once(held: Held, at: datetime) -> None:
    forbid(held, at)
    assert opened(at) == 1
    assert opened(at + timedelta(minutes=5)) == 0
    item = Item.objects.get()
    for asks in Asks:
        submit_answer(question(item, asks), AnswerKind.KEEP, now=at)
    conflict_jobs.scan_all(at, SCAN)
    item.refresh_from_db()
    assert (item.state, opened(at + timedelta(minutes=10))) == (ItemState.CLOSED, 0)


# --- what is ------------------------------------------------------------------------------------------------------------


def test_both_sides_are_asked_before_conflict_deadline(held: Held, at: datetime) -> None:
    forbid(held, at)
    assert opened(at) == 1
    item, conflict = Item.objects.get(), Conflict.objects.get()
    assert (item.grant, item.reason, item.snapshot["conflicts"]) == (newest(held), "new conflict", [conflict.pk])
    assert {question.asks for question in item.questions.all()} == {Asks.NEEDED, Asks.ACCEPTABLE}
    assert item.deadline == conflict.due_at == at + timedelta(days=7)
    assert item.reason_words == "It is held together with something that a rule no longer allows."
    notices = Notice.objects.filter(event="recertification_opened")
    assert {notice.context["because"] for notice in notices} == {item.reason_words}


@pytest.mark.rule("S6", "R1", "R4")
def test_conflict_review_includes_ending_access(held: Held, at: datetime) -> None:
    Grant.objects.filter(pk=newest(held).pk).update(renew=False)
    forbid(held, at)
    assert opened(at) == 1
    assert Item.objects.get().grant == newest(held)


@pytest.mark.rule("S6", "R2", "R5")
def test_conflict_joins_open_item(held: Held, at: datetime) -> None:
    item = under_review(newest(held))
    later = item.opened_at + timedelta(hours=1)
    forbid(held, later)
    assert opened(later) == 0
    again = Item.objects.get()
    assert (again.pk, again.reason, again.snapshot["joined"]) == (item.pk, "review date", ["new conflict"])
    assert again.deadline == min(item.deadline, later + timedelta(days=7))
    assert recorded("item.event_noted", item, by=JOB)["because"] == "new conflict"
    assert opened(later + timedelta(minutes=5)) == 0
    assert Notice.objects.filter(event="recertification_joined").count() == 2


# --- until it is resolved -----------------------------------------------------------------------------------------------


def test_conflict_review_closes_with_other_part(held: Held, at: datetime) -> None:
    forbid(held, at)
    opened(at)
    other = Grant.objects.filter(entitlement__isnull=False).exclude(pk=newest(held).pk).get()
    lifecycle.revoke(other, actor=as_actor(held.people.omar), now=at, reason="No more.")
    conflict_jobs.scan_all(at, SCAN)
    assert item_jobs.close_due(at, JOB) == 1
    item = Item.objects.get()
    assert (item.state, item.outcome) == (ItemState.CLOSED, ItemOutcome.RESOLVED)
    assert newest(held).state == GrantState.ACTIVE
    item_jobs.sweep(at + timedelta(minutes=5))
    assert Item.objects.count() == 1


def test_conflict_review_closes_at_deadline_and_suspends_newest(held: Held, at: datetime) -> None:
    forbid(held, at)
    opened(at)
    due = at + timedelta(days=7)
    for _ in range(2):
        sweep_conflicts_and_waivers(due)
    assert newest(held).suspended_why == grant.Why.CONFLICT
    assert item_jobs.close_due(due, JOB) == 1
    assert Item.objects.get().outcome == ItemOutcome.RESOLVED
    assert newest(held).suspended_why == grant.Why.CONFLICT


def test_scheduled_item_continues_after_conflict(held: Held, at: datetime) -> None:
    item = under_review(newest(held))
    later = item.opened_at + timedelta(hours=1)
    forbid(held, later)
    opened(later)
    conflict_rules.no_other_rules(later)
    conflict_jobs.scan_all(later, SCAN)
    assert item_jobs.close_due(later, JOB) == 0
    assert Item.objects.get().state == ItemState.OPEN
