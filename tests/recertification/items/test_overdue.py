"""Unanswered reviews: reminders, the next reviewer, suspension, end. Silence never keeps access (R5, R6, R8, R9)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db.models import QuerySet

from approvals.grants.jobs import expire_due
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.models import Grant, GrantState
from approvals.models.grant import Why
from governance.core.duties.refusals import OutOfTurn
from governance.core.jobs import job_runs as job_sweeps
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Notice
from governance.recertification.items import answer_deadlines, due_reviews, reviewers
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.transitions import open_item
from governance.recertification.models import AnswerKind, Asks, Campaign, Item, ItemOutcome, ItemState
from inventory.automations.transitions import lifecycle
from inventory.models import AutomationState
from tests import scenarios
from tests.approvals import stock_report
from tests.ledger_records import recorded
from tests.people import as_actor
from tests.recertification.review_steps import JOB, Held, question, submit_answer, sweep_at
from tests.scenarios import Company
from tests.starting_points import starting_point

KEEP, NEEDED, ACCEPTABLE = AnswerKind.KEEP, Asks.NEEDED, Asks.ACCEPTABLE


def recipients(event: str) -> list[str]:
    """The people notified of an event, by name, in order."""
    names = Notice.objects.filter(event=f"recertification_{event}").order_by("pk")
    return list(names.values_list("recipient__name", flat=True))


@pytest.mark.rule("R6")
def test_silence_until_deadline_escalates(held: Held, stock_all_under_review: Item) -> None:
    item, n = stock_all_under_review, held.people
    assert sweep_at(item.deadline - timedelta(seconds=1)).get("escalated") is None

    assert sweep_at(item.deadline)["escalated"] == Item.objects.count()
    item.refresh_from_db()
    assert item.state == ItemState.ESCALATED
    assert question(item, ACCEPTABLE).reviewer == n.amara  # the deputy
    assert question(item, NEEDED).reviewer == n.rita  # the technical owner
    assert item.grant in Grant.objects.live(item.deadline)


@pytest.mark.rule("R6")
def test_silence_until_end_of_grace_suspends(held: Held, stock_all_escalated: Item) -> None:
    item = stock_all_escalated
    assert sweep_at(item.grace_until)["suspended"] == Item.objects.count()
    grant = Grant.objects.get(pk=item.grant_id)
    assert (grant.state, grant.suspended_why) == (GrantState.SUSPENDED, Why.SILENCE)
    assert held.automation.state == AutomationState.SUSPENDED
    item.refresh_from_db()
    assert item.closes_at == min(item.grace_until + timedelta(days=5), grant.ends_at)


@pytest.mark.rule("R6")
def test_silence_after_suspension_ends_access_and_never_keeps_it(held: Held, stock_all_suspended: Item) -> None:
    item = stock_all_suspended
    grant = Grant.objects.get(pk=item.grant_id)
    assert item.closes_at is not None
    assert sweep_at(item.closes_at)["closed"] >= 4
    item.refresh_from_db()
    grant.refresh_from_db()
    assert (item.state, item.outcome, grant.ended_why) == (ItemState.CLOSED, ItemOutcome.REVOKED, Why.SILENCE)


def _hour_after_grace(item: Item) -> datetime:
    return item.grace_until + timedelta(hours=1)


def _swept_after_outage(c: Company) -> datetime:
    """The sweep runs again after all grace has ended; when."""
    late = _hour_after_grace(Item.objects.get(grant=Held(c, stock_report.newest(c)).grant()))
    sweep_at(late)
    return late


@pytest.mark.rule("R6")
def test_last_reviewer_gets_a_day_after_outage(held: Held, stock_all_under_review: Item) -> None:
    item, late = stock_all_under_review, _hour_after_grace(stock_all_under_review)
    every_item = Item.objects.count()
    assert late + timedelta(days=1) < item.grant.ends_at
    counts = sweep_at(late)
    assert (counts["escalated"], counts.get("suspended", 0)) == (every_item, 0)
    item.refresh_from_db()
    assert (item.grace_until, question(item, ACCEPTABLE).asked_at) == (late + timedelta(days=1), late)
    moved = LedgerEvent.objects.get(verb="item.grace_moved", subject_id=str(item.pk))
    assert moved.payload["to"] == ledger_events.instant(item.grace_until)
    notice = Notice.objects.get(
        event="recertification_escalated", recipient=held.people.amara, thread=f"item:{item.pk}"
    )
    assert notice.context["grace_at"] == ledger_events.instant(item.grace_until), (
        "they are told of what will stop, and when"
    )


@pytest.mark.rule("R6")
@starting_point("stock_all_under_review", _swept_after_outage)
def test_silence_for_a_day_after_outage_suspends(held: Held, stock_all_under_review: Item, start: datetime) -> None:
    item, late = stock_all_under_review, start
    assert sweep_at(late + timedelta(hours=23)).get("suspended", 0) == 0
    assert item.grant in Grant.objects.live(late + timedelta(hours=23))
    assert sweep_at(late + timedelta(days=1))["suspended"] == Item.objects.count()
    assert item.grant not in Grant.objects.live(late + timedelta(days=1))


@pytest.mark.rule("R6")
def test_added_day_never_outlasts_term(held: Held, stock_under_review: Item) -> None:
    item, ends_at = stock_under_review, stock_under_review.grant.ends_at
    late = ends_at - timedelta(hours=2)
    sweep_at(late)
    item.refresh_from_db()
    assert (item.state, item.grace_until, item.suspended_at) == (ItemState.ESCALATED, ends_at, None)
    expire_due(ends_at, JOB)
    sweep_at(ends_at)
    item.refresh_from_db()
    assert (item.state, item.outcome, item.suspended_at) == (ItemState.CLOSED, ItemOutcome.SUPERSEDED, None)
    assert item.grant not in Grant.objects.live(ends_at)


@pytest.mark.rule("R6", "R4")
def test_passed_reviewer_gets_a_day_at_end_of_grace(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    sweep_at(item.deadline)
    passed = item.grace_until - timedelta(hours=1)
    submit_answer(question(item, NEEDED), AnswerKind.NOT_MINE, now=passed, whose=held.people.nadia)
    assert sweep_at(item.grace_until).get("suspended", 0) == 0
    item.refresh_from_db()
    assert item.grace_until == passed + timedelta(days=1)
    assert sweep_at(item.grace_until)["suspended"] == 1


@pytest.mark.rule("R6")
@pytest.mark.parametrize(
    ("grace", "ends", "at"), [(30, None, 30), (5, None, 24), (-5, 48, 24), (5, 12, 12), (10, 8, 10), (24, 100, 24)]
)
def test_notice_moves_grace_on_and_never_back(grace: int, ends: int | None, at: int) -> None:
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    ends_at = None if ends is None else now + timedelta(hours=ends)
    moved = answer_deadlines.with_notice(now + timedelta(hours=grace), now=now, ends_at=ends_at)
    assert moved == now + timedelta(hours=at)


@pytest.mark.rule("R6")
def test_one_keep_of_two_is_silence(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    submit_answer(question(item, NEEDED), KEEP, now=item.opened_at)
    sweep_at(item.deadline)
    assert question(item, NEEDED).reviewer == held.people.jonas  # who answered is left alone
    sweep_at(item.grace_until)
    assert Grant.objects.get(pk=item.grant_id).state == GrantState.SUSPENDED


@pytest.mark.rule("R6", "G2")
def test_an_answer_that_comes_after_the_suspension_and_before_the_end_still_counts(
    held: Held, stock_suspended: Item
) -> None:
    item = stock_suspended
    late = item.grace_until + timedelta(hours=2)
    for asks in Asks:
        submit_answer(question(item, asks), KEEP, now=late)
    item.refresh_from_db()
    successor = Grant.objects.get(predecessor=item.grant)
    assert (item.outcome, successor.state) == (ItemOutcome.KEPT, GrantState.ACTIVE)


@pytest.mark.rule("R6")
def test_an_automation_that_silence_suspended_comes_back_with_a_late_keep(
    held: Held, automation_suspended: Item
) -> None:
    item = automation_suspended
    assert held.automation.state == AutomationState.SUSPENDED
    needed = submit_answer(question(item, NEEDED), KEEP, now=item.grace_until + timedelta(hours=1))
    assert held.automation.state == AutomationState.LIVE
    assert recorded("automation.reinstated", held.automation, by=needed.reviewer)["to"] == "live"


@pytest.mark.rule("R4", "R6", "G5")
def test_own_side_does_not_lift_suspension_by_review(held: Held, automation_suspended: Item) -> None:
    item, n, why = automation_suspended, held.people, "We need it."
    after = item.grace_until + timedelta(hours=1)
    for act in (lifecycle.request_resume, lifecycle.resume):
        with pytest.raises(OutOfTurn, match="review suspended it") as refused:
            act(held.automation, actor=as_actor(n.jonas), now=after, reason=why)
        assert refused.value.refusal.code == "G5"
        assert "Answer its review" in refused.value.refusal.to_do
    # Nor by way of a stop of their own, which two others lift.
    lifecycle.stop(held.automation, actor=as_actor(n.jonas), now=after, reason="Stopped, to be lifted.")
    lifecycle.request_resume(held.automation, actor=as_actor(n.rita), now=after, reason=why)
    lifecycle.resume(held.automation, actor=as_actor(n.theo), now=after, reason=why)
    assert (held.automation.state, held.automation.stopped_by) == (AutomationState.SUSPENDED, None)
    submit_answer(question(item, NEEDED), KEEP, now=after)
    assert (held.automation.state, held.automation.suspended_at) == (AutomationState.LIVE, None)


@pytest.mark.rule("R4", "R6", "G5")
def test_review_of_stopped_automation_keeps_stop(held: Held, automation_under_review: Item) -> None:
    item, n = automation_under_review, held.people
    lifecycle.stop(held.automation, actor=as_actor(n.sana), now=item.opened_at, reason="Strange traffic.")
    for moment in (item.deadline, item.grace_until):
        sweep_at(moment)
    after = item.grace_until + timedelta(hours=1)
    lifecycle.request_resume(held.automation, actor=as_actor(n.rita), now=after, reason="Mended.")
    lifecycle.resume(held.automation, actor=as_actor(n.theo), now=after, reason="Mended.")
    assert held.automation.state == AutomationState.SUSPENDED
    lifecycle.stop(held.automation, actor=as_actor(n.sana), now=after, reason="Still strange.")
    submit_answer(question(item, NEEDED), KEEP, now=after)
    assert (held.automation.state, held.automation.stopped_by) == (AutomationState.SUSPENDED, n.sana)


def _closed(item: Item) -> None:
    """Close an item at the time that stands in it."""
    for moment in (item.deadline, item.grace_until):
        item_jobs.escalate_due(moment, JOB)
        item_jobs.suspend_due(moment, JOB)
    item.refresh_from_db()
    assert item.closes_at is not None
    item_jobs.close_due(item.closes_at, JOB)


def _ended_by_silence(c: Company) -> None:
    _closed(Item.objects.get())


def _ended_by_revocation(c: Company) -> None:
    item = Item.objects.get()
    submit_answer(question(item, NEEDED), AnswerKind.REVOKE, now=item.opened_at, reason="Nobody reads it.")
    _closed(item)


@pytest.mark.rule("R4", "R6", "G3")
@pytest.mark.parametrize(
    "why",
    [
        pytest.param(Why.SILENCE, marks=starting_point("automation_under_review", _ended_by_silence)),
        pytest.param(Why.REVIEW, marks=starting_point("automation_under_review", _ended_by_revocation)),
    ],
)
def test_automation_ended_by_review_returns_through_stage_1(
    held: Held, automation_under_review: Item, why: Why
) -> None:
    item = automation_under_review
    assert (item.state, item.outcome) == (ItemState.CLOSED, ItemOutcome.REVOKED)
    assert held.automation.state == AutomationState.SUSPENDED
    assert set(Grant.objects.filter(automation=held.automation).values_list("state", "ended_why")) == {("ended", why)}

    after = item.closed_at + timedelta(days=1)
    with pytest.raises(OutOfTurn, match="review suspended it"):
        lifecycle.request_resume(held.automation, actor=as_actor(held.people.jonas), now=after, reason="We need it.")
    again = scenarios.submitted(held.company, held.submission.version, now=after)
    assert "Its review suspended it." in scenarios.app_of(again).reasons
    scenarios.decide_all(held.company, again, now=after)
    assert held.automation.state == AutomationState.LIVE
    assert Grant.objects.live(after).filter(automation=held.automation).count() == 4


@pytest.mark.rule("R4", "A12")
def test_submission_during_review_asks_stage_1_and_survives(held: Held, automation_under_review: Item) -> None:
    item = automation_under_review
    newer = stock_report.version(held.company, stock_report.another_order)
    for moment in (item.deadline, item.grace_until):
        sweep_at(moment)
    after = item.grace_until + timedelta(hours=1)
    again = scenarios.submitted(held.company, newer, now=after)
    assert held.automation.state == AutomationState.SUSPENDED
    scenarios.decide_app(held.company, again, now=after)
    assert held.automation.state == AutomationState.LIVE
    item.refresh_from_db()
    item_jobs.close_due(item.closes_at, JOB)
    item.refresh_from_db()
    assert item.outcome == ItemOutcome.SUPERSEDED
    assert held.automation.state == AutomationState.LIVE


@pytest.mark.rule("R5")
def test_each_is_reminded_once_on_each_day_for_it_in_one_thread_and_not_when_done(
    held: Held, stock_under_review: Item
) -> None:
    item = stock_under_review
    submit_answer(question(item, NEEDED), KEEP, now=item.opened_at)
    heard: list[tuple[date, str]] = []
    for day in range((item.deadline - item.opened_at).days + 4):
        at = item.opened_at + timedelta(days=day)
        before = len(recipients("reminder"))
        for moment in (at, at, at + timedelta(hours=6)):
            item_jobs.remind_due(moment, JOB)
        heard += [(at.date(), name) for name in recipients("reminder")[before:]]
        item_jobs.escalate_due(at + timedelta(hours=8), JOB)
    last = item.deadline.date()
    # Half-way, three days and one day before; then the deputy, daily.
    assert heard == [
        *((last - timedelta(days=before), "Omar Haddad") for before in (7, 3, 1)),
        *((last + timedelta(days=after), "Amara Okafor") for after in (1, 2, 3)),
    ]
    notices = Notice.objects.filter(key__startswith=f"item:{item.pk}:")
    assert set(notices.values_list("thread", flat=True)) == {f"item:{item.pk}"}
    assert "Jonas Weil" not in [name for _, name in heard]


@pytest.mark.rule("R5")
def test_items_closing_after_outage_send_no_reminder(held: Held, stock_suspended: Item) -> None:
    item = stock_suspended
    assert item.closes_at is not None
    late = item.closes_at + timedelta(hours=1)
    assert item.questions.filter(remind_at__lte=late).exists(), "their day for it has come"
    sweep_at(late)
    item.refresh_from_db()
    assert item.state == ItemState.CLOSED
    assert not Notice.objects.filter(
        event="recertification_reminder", thread=f"item:{item.pk}", created_at__gte=late
    ).exists()


@pytest.mark.rule("R5", "R8")
def test_items_closing_after_outage_replace_no_leaver(held: Held, stock_suspended: Item) -> None:
    item = stock_suspended
    assert item.closes_at is not None
    left = item.questions.order_by("pk")[0].reviewer
    left.left_at, left.is_active = item.closes_at, False
    left.save()
    sweep_at(item.closes_at + timedelta(hours=1))
    item.refresh_from_db()
    assert (item.state, item.questions.filter(reviewer=left).exists()) == (ItemState.CLOSED, True)


@pytest.mark.rule("R8")
def test_question_of_leaver_moves_on_with_same_deadline(held: Held, stock_all_under_review: Item) -> None:
    item, n = stock_all_under_review, held.people
    before = item.deadline
    n.omar.left_at, n.omar.is_active = item.opened_at, False
    n.omar.save()
    assert sweep_at(item.opened_at + timedelta(minutes=1))["reassigned"] == 4
    item.refresh_from_db()
    assert (question(item, ACCEPTABLE).reviewer, item.deadline) == (n.amara, before)
    assert sweep_at(item.opened_at + timedelta(minutes=2)) == {}


@pytest.mark.rule("R6", "H1")
def test_each_question_that_is_handed_over_has_its_own_event(held: Held, stock_escalated: Item) -> None:
    item, n = stock_escalated, held.people
    acceptable = question(item, ACCEPTABLE)
    event = LedgerEvent.objects.get(verb="question.escalated", subject_id=str(acceptable.pk))
    assert event.payload["to"] == str(n.amara.opaque_id)
    assert event.outcome == "done"


@pytest.mark.rule("R6")
def test_deputy_and_former_reviewer_are_notified(stock_escalated: Item) -> None:
    assert "Amara Okafor" in recipients("escalated")
    assert "Omar Haddad" in recipients("taken_over")
    assert not {"Amara Okafor"} & set(recipients("taken_over"))


@pytest.mark.rule("R1", "R6")
def test_a_term_that_ends_during_the_review_ends_the_item_with_it(held: Held, stock_all_under_review: Item) -> None:
    item = stock_all_under_review
    end = item.grant.ends_at
    expire_due(end, JOB)
    sweep_at(end)
    assert not Item.objects.exclude(grant=None).exclude(state=ItemState.CLOSED).exists()
    item.refresh_from_db()
    assert item.outcome == ItemOutcome.SUPERSEDED


@pytest.mark.rule("R2")
def test_campaign_closes_when_no_item_is_open(held: Held, stock_all_suspended: Item) -> None:
    assert set(Campaign.objects.values_list("state", flat=True)) == {"open"}
    sweep_at(stock_all_suspended.grace_until + timedelta(days=6))
    assert set(Campaign.objects.values_list("state", flat=True)) == {"closed"}


@pytest.mark.full("runs each sweep twice, day by day")
@pytest.mark.rule("R9")
def test_doubled_sweeps_change_nothing(held: Held, stock_all_under_review: Item) -> None:
    item = stock_all_under_review
    moments = (item.opened_at, item.deadline - timedelta(days=1), item.deadline, item.grace_until, item.grant.ends_at)
    for moment in moments:
        sweep_at(moment)
        before = LedgerEvent.objects.count(), Notice.objects.count()
        assert sweep_at(moment) == {}
        assert (LedgerEvent.objects.count(), Notice.objects.count()) == before
    assert not LedgerEvent.objects.filter(outcome="refused").exists()


def _jump(item: Item, days: int) -> None:
    """Both jobs run so many days after it was opened."""
    now = item.opened_at + timedelta(days=days)
    expire_due(now, JOB)  # the other job was faster: the grants have ended when reviews are swept
    sweep_at(now)


@pytest.fixture
def jumped(stock_all_under_review: Item, days: int) -> Item:
    """After the first jump of the clock."""
    _jump(stock_all_under_review, days)
    return stock_all_under_review


@pytest.mark.rule("R9", "H1")
@pytest.mark.parametrize("days", [1, 3, 14, 40, 200])
def test_clock_jump_causes_no_refusal(jumped: Item, days: int) -> None:
    for times in (2, 3):
        _jump(jumped, days * times)
    assert list(LedgerEvent.objects.filter(outcome="refused").values_list("verb", "code")) == []


@pytest.mark.rule("R9", "H1")
@pytest.mark.parametrize(
    "moment",
    ["opened_at", "deadline", pytest.param("grace_until", marks=pytest.mark.starting_point("stock_all_escalated"))],
)
def test_row_ended_before_lock_is_skipped_without_refusal(
    held: Held, stock_all_under_review: Item, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    item = stock_all_under_review
    now = getattr(item, moment) + timedelta(days=10 if moment == "opened_at" else 0)
    claimed = job_sweeps._claimed
    seen = []

    def and_then_it_ends(rows: QuerySet[Any]) -> Iterator[Any]:
        """Every grant ends after the sweep has read a row and before its lock."""
        for row in claimed(rows):
            seen.append(row)
            while grant := Grant.objects.filter(state=GrantState.ACTIVE).first():
                transition_lifecycle.revoke(grant, actor=as_actor(held.people.jonas), now=now, reason="Not needed.")
            yield row

    monkeypatch.setattr(job_sweeps, "_claimed", and_then_it_ends)
    sweep_at(now)
    assert seen, "something was due"
    assert not Grant.objects.filter(state=GrantState.ACTIVE).exists()
    assert list(LedgerEvent.objects.filter(outcome="refused").values_list("verb", "code")) == []


@pytest.mark.rule("R9")
def test_failing_row_blocks_no_other_and_stays_due(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = held.grant().pk
    real = open_item.snapshot

    def snapshot(item: Item, tier: str) -> dict[str, object]:
        if item.grant_id == broken:
            raise RuntimeError("a bad row")
        return real(item, tier)

    monkeypatch.setattr(open_item, "snapshot", snapshot)
    now = held.grant().ends_at - timedelta(days=20)
    assert due_reviews.open_due(now, JOB) == 4
    monkeypatch.undo()
    assert due_reviews.open_due(now, JOB) == 1


@pytest.mark.rule("A9")
def test_missing_reviewers_cause_no_repeated_refusal(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewers, "escalation_chain", lambda item, asks, bench: [])
    assert due_reviews.open_due(held.grant().ends_at - timedelta(days=20), JOB) == 0
    assert not LedgerEvent.objects.filter(outcome="refused").exists()
