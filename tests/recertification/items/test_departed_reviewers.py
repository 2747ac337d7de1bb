"""A reviewer who has left is replaced down the escalation chain, on both sides; where nobody is left, security hears of it (R8, A9, S4)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from approvals.models import Conflict, Party
from governance.core.duties.refusals import NotPermitted
from governance.core.models import Notice, Person
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items import review_triggers, reviewers
from governance.recertification.models import AnswerKind, Asks, Item, ItemOutcome, ItemState, Question
from inventory.models import Automation
from tests.appointments import record_leaver
from tests.people import as_actor, as_delegate
from tests.recertification.review_steps import JOB, Held, question, submit_answer

pytestmark = [pytest.mark.django_db, pytest.mark.rule("R8")]

HOUR = timedelta(hours=1)


def leave(held: Held, item: Item, *people: Person) -> None:
    for person in people:
        record_leaver(person, actor=as_actor(held.people.ines), now=item.opened_at + HOUR, reason="A new job.")


def run(item: Item) -> int:
    return item_jobs.reassign_due(item.opened_at + 2 * HOUR, JOB)


def reviewers_of(item: Item) -> dict[str, Person]:
    return {question.asks: question.reviewer for question in item.questions.select_related("reviewer")}


def test_present_reviewer_stays(held: Held, stock_under_review: Item) -> None:
    before = reviewers_of(stock_under_review)
    leave(held, stock_under_review, held.people.nadia)
    assert (run(stock_under_review), reviewers_of(stock_under_review)) == (0, before)


@pytest.mark.rule("S4")
def test_both_sides_are_replaced_and_by_two_people(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    assert reviewers_of(item) == {Asks.NEEDED: n.jonas, Asks.ACCEPTABLE: n.omar}
    leave(held, item, n.jonas, n.omar)
    assert run(item) == 2
    after = reviewers_of(item)
    assert after[Asks.ACCEPTABLE] == n.amara  # the deputy
    assert after[Asks.NEEDED] == n.rita  # the technical owner
    assert run(item) == 0


@pytest.mark.rule("S4")
@pytest.mark.parametrize("how", ["owner", "party"])
def test_conflicted_reviewer_is_replaced(held: Held, stock_under_review: Item, how: str) -> None:
    item, n = stock_under_review, held.people
    acceptable = question(item, Asks.ACCEPTABLE)
    submit_answer(acceptable, AnswerKind.NOT_MINE, now=item.opened_at, whose=n.lena)
    if how == "owner":
        Automation.objects.filter(pk=held.automation.pk).update(technical_owner=n.lena)
    else:
        Party.objects.create(submission=held.submission, person=n.lena, capacity="editor")
    before = question(item, Asks.NEEDED).reviewer
    assert run(item) == 1
    assert reviewers_of(item) == {Asks.NEEDED: before, Asks.ACCEPTABLE: n.amara}
    assert question(item, Asks.ACCEPTABLE).asked_before == [n.omar.pk, n.lena.pk]
    assert Notice.objects.filter(event="recertification_passed", recipient=n.amara).count() == 1
    assert run(item) == 0


@pytest.mark.rule("S4")
def test_conflicted_reviewer_with_answer_stays(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.KEEP, now=item.opened_at)
    Automation.objects.filter(pk=held.automation.pk).update(technical_owner=n.omar)
    assert run(item) == 0


@pytest.mark.rule("A11")
def test_delegate_of_leaver_does_not_answer(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    stand_in = as_delegate(n.mei, giver=n.omar)
    leave(held, item, n.omar)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.KEEP, now=item.opened_at + HOUR, by=stand_in.person)
    run(item)
    assert reviewers_of(item)[Asks.ACCEPTABLE] == n.amara


def deserted(held: Held, item: Item) -> None:
    """The acceptable-risk reviewer has left, and so has everybody behind them; a job has looked."""
    n = held.people
    Question.objects.filter(item=item, asks=Asks.ACCEPTABLE).update(escalation_chain=[n.omar.pk, n.amara.pk])
    leave(held, item, n.omar, n.amara)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Nobody stands on any escalation chain of a resource, until this is undone."""
    with monkeypatch.context() as patched:
        patched.setattr(reviewers, "acceptable_chain", lambda resource, bench: [])
        yield patched


@pytest.mark.rule("A9", "R6")
def test_missing_reviewer_notifies_security_without_effect(
    held: Held, stock_under_review: Item, alone: pytest.MonkeyPatch
) -> None:
    item, n = stock_under_review, held.people
    deserted(held, item)
    assert (run(item), run(item)) == (0, 0)
    notices = Notice.objects.filter(event="recertification_unasked")
    assert sorted(notice.recipient.name for notice in notices) == sorted([n.sana.name, n.viktor.name])
    item.refresh_from_db()
    assert (item.nobody, item.history.count()) == (True, 2)
    submit_answer(question(item, Asks.NEEDED), AnswerKind.KEEP, now=item.opened_at + 2 * HOUR)
    for late in (item.deadline, item.grace_until, item.grace_until + timedelta(days=2)):
        item_jobs.sweep(late)
        item.refresh_from_db()
        assert (item.state, item.suspended_at, item.nobody) == (ItemState.OPEN, None, True)


@pytest.mark.rule("A9", "R6")
def test_silence_of_present_reviewer_counts(held: Held, stock_under_review: Item, alone: pytest.MonkeyPatch) -> None:
    item = stock_under_review
    deserted(held, item)
    run(item)
    item_jobs.sweep(item.deadline)
    item_jobs.sweep(item.grace_until)
    item.refresh_from_db()
    assert (item.state, item.suspended_at) == (ItemState.ESCALATED, item.grace_until)


@pytest.mark.rule("A9", "R1")
def test_later_named_reviewer_gets_working_days(
    held: Held, stock_under_review: Item, alone: pytest.MonkeyPatch
) -> None:
    item, n = stock_under_review, held.people
    deserted(held, item)
    run(item)
    submit_answer(question(item, Asks.NEEDED), AnswerKind.KEEP, now=item.opened_at + 2 * HOUR)
    alone.setattr(reviewers, "acceptable_chain", lambda resource, bench: [n.lena])
    late, was = item.deadline + HOUR, item.deadline
    assert item_jobs.reassign_due(late, JOB) == 1
    item.refresh_from_db()
    assert (reviewers_of(item)[Asks.ACCEPTABLE], item.nobody) == (n.lena, False)
    assert was < late + timedelta(days=1) < item.deadline < item.grace_until
    item_jobs.sweep(item.deadline - HOUR)
    item.refresh_from_db()
    assert item.state == ItemState.OPEN
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.KEEP, now=item.deadline - HOUR)
    item.refresh_from_db()
    assert item.outcome == ItemOutcome.KEPT


@pytest.mark.full("reminds reviewers day by day")
@pytest.mark.rule("A9", "R5", "R6")
def test_newly_benefiting_reviewer_is_not_reminded_and_regains_time(
    held: Held, stock_under_review: Item, alone: pytest.MonkeyPatch
) -> None:
    item, n = stock_under_review, held.people
    Question.objects.filter(item=item, asks=Asks.ACCEPTABLE).update(escalation_chain=[n.omar.pk])
    before = Automation.objects.get(pk=held.automation.pk).technical_owner_id
    Automation.objects.filter(pk=held.automation.pk).update(technical_owner=n.omar)
    run(item)
    submit_answer(question(item, Asks.NEEDED), AnswerKind.KEEP, now=item.opened_at + 2 * HOUR)
    for day in range(1, (item.deadline - item.opened_at).days):
        item_jobs.sweep(item.opened_at + timedelta(days=day))
    assert not Notice.objects.filter(event="recertification_reminder", recipient=n.omar).exists()
    Automation.objects.filter(pk=held.automation.pk).update(technical_owner=before)
    back = item.deadline + HOUR
    item_jobs.sweep(back)
    item.refresh_from_db()
    acceptable = question(item, Asks.ACCEPTABLE)
    assert (item.state, item.nobody, acceptable.reviewer) == (ItemState.OPEN, False, n.omar)
    assert item.deadline > back + timedelta(days=1)
    assert acceptable.remind_at is not None
    item_jobs.sweep(back + HOUR)
    assert not Item.objects.get(pk=item.pk).suspended_at


@pytest.mark.rule("A9", "R6")
def test_next_reviewer_regains_time_when_eligible_again(
    held: Held, stock_under_review: Item, alone: pytest.MonkeyPatch
) -> None:
    item, n = stock_under_review, held.people
    before = Automation.objects.get(pk=held.automation.pk).technical_owner_id
    Automation.objects.filter(pk=held.automation.pk).update(technical_owner=n.amara)
    Question.objects.filter(item=item, asks=Asks.ACCEPTABLE).update(escalation_chain=[n.omar.pk, n.amara.pk])
    leave(held, item, n.omar)
    run(item)
    item.refresh_from_db()
    assert item.nobody
    submit_answer(question(item, Asks.NEEDED), AnswerKind.KEEP, now=item.opened_at + 2 * HOUR)
    Automation.objects.filter(pk=held.automation.pk).update(technical_owner=before)
    back = item.grace_until + HOUR
    item_jobs.sweep(back)
    item.refresh_from_db()
    assert (reviewers_of(item)[Asks.ACCEPTABLE], item.nobody, item.suspended_at) == (n.amara, False, None)
    assert item.grace_until > back + timedelta(days=1)


@pytest.mark.rule("R6", "R8")
def test_last_reviewer_gets_a_day_before_suspension(held: Held, stock_escalated: Item) -> None:
    item, n = stock_escalated, held.people
    late = item.grace_until - HOUR
    record_leaver(question(item, Asks.ACCEPTABLE).reviewer, actor=as_actor(n.ines), now=late, reason="A new job.")
    item_jobs.reassign_due(late, JOB)
    item_jobs.sweep(item.grace_until)
    item.refresh_from_db()
    assert (item.suspended_at, item.grace_until) == (None, late + timedelta(days=1))
    item_jobs.sweep(item.grace_until)
    item.refresh_from_db()
    assert item.suspended_at == item.grace_until


@pytest.fixture
def one_alone_suspended(held: Held, stock_under_review: Item, alone: pytest.MonkeyPatch) -> Item:
    """Omar alone can say whether it is acceptable; nobody has answered, and it is suspended."""
    item = stock_under_review
    Question.objects.filter(item=item, asks=Asks.ACCEPTABLE).update(escalation_chain=[held.people.omar.pk])
    item_jobs.sweep(item.deadline)
    item_jobs.sweep(item.grace_until)
    item.refresh_from_db()
    return item


@pytest.mark.rule("A9", "R6")
def test_suspended_access_does_not_wait_for_later_leaver(
    held: Held, one_alone_suspended: Item, alone: pytest.MonkeyPatch
) -> None:
    item = one_alone_suspended
    assert item.suspended_at is not None
    record_leaver(held.people.omar, actor=as_actor(held.people.ines), now=item.grace_until + HOUR, reason="A new job.")
    item_jobs.sweep(item.grace_until + 2 * HOUR)
    item.refresh_from_db()
    assert not item.nobody
    assert item.closes_at is not None
    item_jobs.sweep(item.closes_at)
    item.refresh_from_db()
    assert item.outcome == ItemOutcome.REVOKED


@pytest.mark.rule("R6")
def test_replacement_at_end_of_grace_gets_a_day(held: Held, stock_escalated: Item) -> None:
    item, n = stock_escalated, held.people
    was = question(item, Asks.ACCEPTABLE).reviewer
    assert was == n.amara
    late, grace_until = item.grace_until - HOUR, item.grace_until
    Question.objects.filter(item=item, asks=Asks.ACCEPTABLE).update(escalation_chain=[n.omar.pk, n.amara.pk, n.lena.pk])
    record_leaver(was, actor=as_actor(n.ines), now=late, reason="A new job.")
    item_jobs.sweep(grace_until)
    item.refresh_from_db()
    assert (question(item, Asks.ACCEPTABLE).reviewer, item.suspended_at) == (n.lena, None)
    assert item.grace_until == grace_until + 24 * HOUR
    item_jobs.sweep(item.grace_until)
    item.refresh_from_db()
    assert item.suspended_at == item.grace_until


@pytest.mark.rule("R1", "S6")
@pytest.mark.parametrize(("days", "waits"), [(None, False), (10, False), (36, False), (37, True)])
def test_a_conflict_waits_only_while_there_is_time_to_answer_before_it_takes_away(
    held: Held, days: int | None, waits: bool
) -> None:
    now, grant = held.company.now, held.grant()
    grant.predecessor_id, grant.begins_at = grant.pk, now  # renewed just now: quiet for thirty days
    due = None if days is None else now + timedelta(days=days)
    assert review_triggers.may_wait(Conflict(due_at=due), grant, now) is waits
    grant.predecessor_id = None  # no review made it
    assert not review_triggers.may_wait(Conflict(due_at=due), grant, now)
