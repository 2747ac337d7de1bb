"""Two at once, with real threads and commits: one answer counts, one item opens, one successor is made (S5, R5, R9)."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from approvals.grants.transitions import stops
from approvals.models import Grant, GrantState
from approvals.submissions import jobs as approvals_sweeps
from governance.core.duties.refusals import OutOfTurn
from governance.core.models import LedgerEvent, Notice
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import due_reviews
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.transitions import answer
from governance.recertification.models import Answer, AnswerKind, Asks, Campaign, Item, ItemOutcome, ItemState, Question
from tests.core.people.test_races import at_once
from tests.environment import Environment
from tests.people import NOW, as_actor
from tests.recertification.campaign_steps import FILLER, ordered
from tests.recertification.isolated_company import Walked, held_apart
from tests.recertification.review_steps import JOB, Held, opens_at, question, under_review

pytestmark = pytest.mark.race

KEEP, REVOKE = AnswerKind.KEEP, AnswerKind.REVOKE


@pytest.fixture(scope="module")
def walked(surroundings: Environment, django_db_setup: None, django_db_blocker: Any) -> Iterator[Walked]:
    """One automation in force, walked once for all races; each has a copy of the database."""
    with django_db_blocker.unblock():
        made = Walked(held_apart(NOW), surroundings)
    yield made
    made.forget()


@pytest.fixture
def held(walked: Walked, committed: None) -> Held:
    """One automation in force in a company that nobody else knows, committed, as nobody has touched it."""
    return walked.anew()


def answering(question: Question, kind: AnswerKind) -> Callable[[], object]:
    current = Question.objects.get(pk=question.pk)
    now = question.item.opened_at
    return lambda: answer.answer(current, actor=as_actor(current.reviewer), now=now, answer=kind, batch=uuid.uuid4())


@pytest.mark.rule("R4", "S5")
def test_two_presses_of_one_button_are_one_answer(held: Held) -> None:
    item = under_review(held.grant())
    acceptable = question(item, Asks.ACCEPTABLE)
    results = at_once(*(answering(acceptable, kind) for kind in (KEEP, REVOKE, KEEP)))
    stored = Answer.objects.get(question=acceptable)
    refused = sum(isinstance(result, OutOfTurn) for result in results)
    assert refused == (1 if stored.answer == KEEP else 2), (
        results
    )  # the other press of the same button is refused nothing
    events = LedgerEvent.objects.filter(subject_id=str(acceptable.pk), verb="question.answered")
    assert sorted(events.values_list("outcome", flat=True)) == ["done", *["refused"] * refused]


@pytest.mark.rule("R4", "G2")
def test_both_reviewers_keep_at_the_same_time_and_there_is_one_successor(held: Held) -> None:
    for grant in Grant.objects.filter(automation=held.automation, kind="privilege").order_by("pk"):
        item = under_review(grant)
        results = at_once(*(answering(question, KEEP) for question in item.questions.all()))
        assert not [result for result in results if isinstance(result, BaseException)], results
        item.refresh_from_db()
        assert (item.state, item.outcome) == (ItemState.CLOSED, ItemOutcome.KEPT)
        assert Grant.objects.filter(predecessor=grant).count() == 1


@pytest.mark.rule("R4", "G3", "R9")
def test_a_keep_a_revoke_and_a_stop_at_the_same_time_never_leave_it_in_force(held: Held) -> None:
    item = under_review(held.grant())
    grant = Grant.objects.get(pk=item.grant_id)
    needed, acceptable = item.questions.order_by("pk")
    stopping = as_actor(held.people.sana)
    at_once(
        answering(needed, KEEP),
        answering(acceptable, REVOKE),
        lambda: stops.stop_grant(grant, actor=stopping, now=item.opened_at, reason="Leaked."),
    )
    now = Grant.objects.get(pk=grant.pk)
    assert now.state == GrantState.SUSPENDED
    assert not Grant.objects.live(item.opened_at).filter(pk=grant.pk).exists()


@pytest.mark.rule("R5", "R9")
def test_four_sweeps_at_once_open_each_item_once_and_leave_no_refusal(held: Held) -> None:
    due = opens_at(held.grant())
    results = at_once(*(lambda: due_reviews.open_due(due, JOB) for _ in range(4)))
    assert not [result for result in results if isinstance(result, BaseException)], results
    mine = Item.objects.filter(grant__automation=held.automation)
    assert mine.count() == 4
    opened = Notice.objects.filter(event="recertification_opened", thread__in=[f"item:{item.pk}" for item in mine])
    assert opened.count() == 8
    for item in mine:
        events = LedgerEvent.objects.filter(verb="item.opened", about__contains=[f"approvals.grant:{item.grant_id}"])
        assert list(events.values_list("outcome", flat=True)) == ["done"]


@pytest.mark.rule("R6", "R9")
def test_a_late_keep_and_the_closing_sweep_at_once_come_to_one_end(held: Held) -> None:
    item = under_review(held.grant())
    for moment in (item.deadline, item.grace_until):
        item_jobs.escalate_due(moment, JOB)
        item_jobs.suspend_due(moment, JOB)
    item.refresh_from_db()
    closes = item.closes_at
    needed, acceptable = (question(item, asks) for asks in Asks)
    answering(needed, KEEP)()
    at_once(answering(acceptable, KEEP), lambda: item_jobs.close_due(closes + timedelta(seconds=1), JOB))
    item.refresh_from_db()
    kept = Grant.objects.filter(predecessor=item.grant_id).exists()
    assert item.state == ItemState.CLOSED
    assert kept == (item.outcome == ItemOutcome.KEPT)
    assert Grant.objects.get(pk=item.grant_id).state == GrantState.ENDED


@pytest.mark.full("runs all sweeps side by side")
@pytest.mark.rule("R9", "H1")
def test_the_clock_is_moved_far_and_all_sweeps_run_at_once_and_no_job_leaves_a_refusal(held: Held) -> None:
    """As the demo does it: the clock jumps past terms, deadlines and graces, and both jobs are woken together."""
    item = under_review(held.grant())
    began = LedgerEvent.objects.latest("pk").pk
    for days in (1, 12, 30, 200):
        now = item.opened_at + timedelta(days=days)
        works = [partial(approvals_sweeps.sweep, now), partial(item_jobs.sweep, now)] * 2
        results = at_once(*works)
        assert not [result for result in results if isinstance(result, BaseException)], results
    assert not Grant.objects.filter(automation=held.automation).exclude(state=GrantState.ENDED).exists()
    mine = [f"inventory.automation:{held.automation.pk}"]
    refused = LedgerEvent.objects.filter(pk__gt=began, outcome="refused", actor_kind="job", about__contains=mine)
    assert list(refused.values_list("verb", "code", "subject_id")) == []


@pytest.mark.rule("R2", "R9")
def test_two_that_fill_one_campaign_open_and_ask_each_thing_once(held: Held) -> None:
    now = NOW + timedelta(days=1)
    campaign = ordered(Scope(), by=held.people.sana, now=now)
    until = time.monotonic() + campaign_jobs.SECONDS

    def fill() -> object:
        return campaign_jobs.fill(Campaign.objects.get(pk=campaign.pk), now, FILLER, until)

    done = at_once(fill, fill, fill)
    assert sum(result["opened"] for result in done if isinstance(result, Counter)) == 1, done
    items = Counter(campaign.items.values_list("grant", flat=True))
    assert items == Counter(Grant.objects.live(now).values_list("pk", flat=True))
    questions = Counter(Question.objects.filter(item__campaign=campaign).values_list("item", "asks"))
    assert set(questions.values()) == {1}
    events = LedgerEvent.objects.filter(verb="campaign.items_opened", subject_id=str(campaign.pk))
    assert sum(event.payload["count"] for event in events) == items.total()
    notices = Notice.objects.filter(event="recertification_campaign", thread=f"campaign:{campaign.pk}")
    assert Counter(notices.values_list("recipient", flat=True)).most_common(1)[0][1] == 1
