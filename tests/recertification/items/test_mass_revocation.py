"""A campaign that silence would close with too much at once: held, and neither lost nor kept (G6, R6, R9)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db.models import QuerySet

from approvals.grants import jobs as grant_jobs
from approvals.grants.transitions import circuit_breaker
from approvals.models import BatchSays, BatchState, Grant, GrantState, HeldBatch
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import OutOfTurn
from governance.core.models import Notice
from governance.recertification.items import due_reviews
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.transitions import silence
from governance.recertification.models import Item, ItemState, Question
from inventory.models import Automation
from tests.approvals import stock_report
from tests.ledger_records import recorded
from tests.people import as_actor
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import JOB, Held, opened, opens_at
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db

BRAKE = Actor.of_job("approvals.sweep")


def silent(c: Company) -> list[Item]:
    """Twelve low-risk grants under review that nobody answered for: suspended, and due to end."""
    grants = low_grants(stock_report.newest(c), 12, begins_at=c.now)
    due_reviews.open_due(opens_at(grants[0]), JOB)
    items = list(Item.objects.filter(grant__in=grants).order_by("pk"))
    item_jobs.escalate_due(max(item.deadline for item in items), JOB)
    item_jobs.suspend_due(max(item.grace_until for item in items), JOB)
    return list(Item.objects.filter(pk__in=[item.pk for item in items]).order_by("pk"))


SILENT = starting_point("stock_in_force", silent)


def paused(c: Company) -> list[Item]:
    """The campaign would close with all of them, and is held."""
    items = list(Item.objects.filter(grant__tier="low").order_by("pk"))
    item_jobs.close_due(_closing(items), JOB)
    return items


PAUSED = starting_point(SILENT, paused)


def released(c: Company) -> list[Item]:
    """Two people have released what was held."""
    items = list(Item.objects.filter(grant__tier="low").order_by("pk"))
    for who in (c.people.sana, c.people.ines):
        fields = {"reason": "Nobody needs them.", "says": BatchSays.RELEASE}
        circuit_breaker.answer_batch(HeldBatch.objects.get(), actor=as_actor(who), now=_closing(items), **fields)
    return items


RELEASED = starting_point(PAUSED, released)


def _closing(items: list[Item]) -> datetime:
    """When the last of them would close."""
    return max(item.closes_at for item in items if item.closes_at is not None)


def _due(items: list[Item]) -> list[Item]:
    return list(Item.objects.filter(pk__in=[item.pk for item in items], state=ItemState.CLOSED))


@pytest.mark.rule("G6", "R6")
@SILENT
def test_mass_silence_is_paused_and_stays_suspended(held: Held, start: list[Item]) -> None:
    at = _closing(start)
    for _ in range(2):
        item_jobs.close_due(at, JOB)
    batch = HeldBatch.objects.get()
    assert batch.number == 12
    assert batch.cause.words.startswith("The close of ")
    assert _due(start) == []
    states = set(Grant.objects.filter(pk__in=[item.grant_id for item in start]).values_list("state", flat=True))
    assert states == {GrantState.SUSPENDED}, "not live meanwhile, and not ended"
    with pytest.raises(OutOfTurn, match=r"^G6: This would end too much at once"):  # nor one by one, past the sweep
        silence.close(start[0], actor=JOB, now=at)


@pytest.mark.rule("G6", "R9")
@RELEASED
def test_released_the_campaign_closes_them_each_once(held: Held, start: list[Item]) -> None:
    at = _closing(start)
    assert grant_jobs.end_held_grants(at, BRAKE)["held_ended"] == 0, "its campaign ends them"
    assert item_jobs.close_due(at, JOB) == 12
    assert item_jobs.close_due(at, JOB) == 0
    assert len(_due(start)) == 12


def _reminders(items: list[Item], at: datetime) -> QuerySet[Notice]:
    """Reminders about some items from an instant on."""
    threads = [f"item:{item.pk}" for item in items]
    return Notice.objects.filter(event="recertification_reminder", thread__in=threads, created_at__gte=at)


@pytest.mark.rule("G6", "R5")
@SILENT
def test_items_that_end_in_the_same_run_are_not_reminded(held: Held, start: list[Item]) -> None:
    at = _closing(start)
    assert Question.objects.unanswered().filter(item__in=start, remind_at__lte=at).exists()
    item_jobs.remind_due(at, JOB)
    assert not _reminders(start, at).exists()


@pytest.mark.rule("G6", "R5")
@PAUSED
def test_paused_items_are_still_reminded(held: Held, start: list[Item]) -> None:
    at = _closing(start)
    late = Question.objects.unanswered().filter(item__in=start, remind_at__lte=at).count()
    assert late
    assert _due(start) == []
    item_jobs.remind_due(at, JOB)
    assert _reminders(start, at).count() == late


@pytest.mark.rule("G6", "R6")
@SILENT
def test_unanswered_it_comes_again_a_day_later_and_silence_never_keeps(held: Held, start: list[Item]) -> None:
    at = _closing(start)
    item_jobs.close_due(at, JOB)
    first = HeldBatch.objects.get()
    grant_jobs.end_held_grants(first.answer_by, BRAKE)
    first.refresh_from_db()
    assert first.state == BatchState.LAPSED
    assert item_jobs.close_due(first.answer_by, JOB) == 0
    assert HeldBatch.objects.count() == 1
    item_jobs.close_due(first.answer_by + timedelta(days=1), JOB)
    assert HeldBatch.objects.filter(state=BatchState.OPEN).get().number == 12
    assert not Grant.objects.live(at).filter(pk__in=[item.grant_id for item in start]).exists()


def silent_automation(c: Company) -> Item:
    """An automation with sixteen grants, twelve of low risk, under review that nobody answered: suspended, and due to end."""
    held = Held(c, stock_report.newest(c))
    low_grants(held.submission, 12, begins_at=held.company.now)
    item = opened(held.automation, opens_at(held.grant()))
    item_jobs.escalate_due(item.deadline, JOB)
    item.refresh_from_db()
    item_jobs.suspend_due(item.grace_until, JOB)
    item.refresh_from_db()
    assert item.closes_at is not None
    return item


def paused_again(c: Company) -> Item:
    """Held, unanswered, and held again after a day's rest."""
    item = Item.objects.get()
    assert item.closes_at is not None
    item_jobs.close_due(item.closes_at, JOB)
    first = HeldBatch.objects.get()
    grant_jobs.end_held_grants(first.answer_by, BRAKE)
    item_jobs.close_due(first.answer_by + timedelta(days=1), JOB)
    return item


SILENT_AUTOMATION = starting_point("stock_in_force", silent_automation)
ASKED_AGAIN = starting_point(SILENT_AUTOMATION, paused_again)


def _standing(held: Held) -> int:
    return Grant.objects.standing().filter(automation=held.automation).count()


@pytest.mark.rule("G6", "R6", "L1")
@SILENT_AUTOMATION
def test_an_automation_that_silence_would_end_is_held_with_its_item_open_and_asked_again(
    held: Held, start: Item
) -> None:
    item, holds = start, _standing(held)
    at = item.closes_at
    assert at is not None
    for _ in range(2):
        assert item_jobs.close_due(at, JOB) == 0
    first = HeldBatch.objects.get()
    assert (first.number, first.comes_again) == (holds, True)
    item.refresh_from_db()
    assert item.state == ItemState.ESCALATED
    with pytest.raises(OutOfTurn, match=r"^G6: This would end too much at once"):
        silence.close(item, actor=JOB, now=at)
    grant_jobs.end_held_grants(first.answer_by, BRAKE)
    assert item_jobs.close_due(first.answer_by, JOB) == 0
    assert HeldBatch.objects.count() == 1, "a day's rest"
    item_jobs.close_due(first.answer_by + timedelta(days=1), JOB)
    second = HeldBatch.objects.get(state=BatchState.OPEN)
    assert second.number == holds


@pytest.mark.rule("G6", "R6", "L1")
@ASKED_AGAIN
def test_released_the_campaign_ends_an_automation(held: Held, start: Item) -> None:
    item, second = start, HeldBatch.objects.get(state=BatchState.OPEN)
    for who in (held.people.sana, held.people.ines):
        circuit_breaker.answer_batch(
            second, actor=as_actor(who), now=second.opened_at, reason="Nobody needs it.", says=BatchSays.RELEASE
        )
    assert grant_jobs.end_held_grants(second.opened_at, BRAKE)["held_ended"] == 0, "its campaign ends them"
    assert item_jobs.close_due(second.opened_at, JOB) == 1
    item.refresh_from_db()
    assert (item.state, item.outcome, _standing(held)) == (ItemState.CLOSED, "revoked", 0)


@pytest.mark.rule("G6", "R6")
@SILENT_AUTOMATION
def test_unanswered_pause_ends_high_risk_and_asks_rest_again(held: Held, start: Item) -> None:
    item = start
    some = Grant.objects.filter(automation=held.automation, tier="low").order_by("pk").values_list("pk", flat=True)[:2]
    Grant.objects.filter(pk__in=list(some)).update(raised_to="high", raised_at=held.company.now)
    holds = _standing(held)
    assert item.closes_at is not None
    item_jobs.close_due(item.closes_at, JOB)
    batch = HeldBatch.objects.get()
    grant_jobs.end_held_grants(batch.answer_by, BRAKE)
    for _ in range(2):
        item_jobs.close_due(batch.answer_by, JOB)
    item.refresh_from_db()
    assert (item.state, _standing(held)) == (ItemState.ESCALATED, holds - 2)
    payload = recorded("item.partly_ended", item, by=JOB)
    assert (payload["grants"], payload["held"]) == (2, holds - 2)
    item_jobs.close_due(batch.answer_by + timedelta(days=1), JOB)
    assert HeldBatch.objects.get(state=BatchState.OPEN).number == holds - 2


@pytest.mark.rule("G6", "R4")
@SILENT_AUTOMATION
def test_resubmitted_access_is_not_paused(held: Held, start: Item) -> None:
    item = start
    Automation.objects.filter(pk=held.automation.pk).update(suspended_by_review_at=None)
    assert item.closes_at is not None
    item_jobs.close_due(item.closes_at, JOB)
    item.refresh_from_db()
    assert (item.outcome, HeldBatch.objects.count()) == ("superseded", 0)
