"""Who may not answer, whatever they are permitted; the database says the same from the rows alone (S4, S5, A11)."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.models import Grant, GrantState, Party
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn, Refused
from governance.core.models import Delegation, LedgerEvent, Person
from governance.recertification.items import reviewers
from governance.recertification.items.context import load_context
from governance.recertification.items.transitions import answer, settle
from governance.recertification.items.transitions import silence as reminder_transitions
from governance.recertification.models import Answer, AnswerKind, Asks, Item, Question
from inventory.automations.transitions import lifecycle
from tests.approvals.refusals import database_refuses
from tests.people import as_actor, shares
from tests.recertification.review_steps import JOB, Held, question, submit_answer, sweep_at

KEEP, REVOKE = AnswerKind.KEEP, AnswerKind.REVOKE


def stand_in(taker: Person, giver: Person, now: datetime) -> Actor:
    """The taker acting for the giver, while a delegation runs."""
    shares(taker, giver)
    Delegation.objects.create(giver=giver, taker=taker, from_at=now, until_at=now + timedelta(days=9))
    return as_actor(taker).for_person(giver)


def refused(question: Question, actor: Actor, kind: AnswerKind, code: str, now: datetime) -> Refused:
    """Try to answer and be refused; the screen says the same beforehand, the ledger afterwards, and nothing changed."""
    before = list(Question.objects.filter(item=question.item).order_by("pk").values()), Answer.objects.count()
    expected = answer.answer.refusal(Question.objects.get(pk=question.pk), actor=actor, now=now)
    with pytest.raises(Refused) as caught:
        answer.answer(question, actor=actor, now=now, answer=kind, batch=uuid.uuid4())
    error = caught.value
    assert error.refusal.code == code, error.refusal
    assert expected == error.refusal
    event = LedgerEvent.objects.order_by("-pk")[0]
    assert (event.verb, event.outcome, event.code) == ("question.answered", "refused", code)
    assert f"approvals.grant:{question.item.grant_id}" in event.about
    assert (list(Question.objects.filter(item=question.item).order_by("pk").values()), Answer.objects.count()) == before
    return error


@pytest.mark.rule("S4")
def test_only_reviewer_answers(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    now = item.opened_at
    superuser = Person.objects.create_superuser("root@northwind.example", name="Root")
    for open_question in item.questions.all():
        others = [n.ines, n.sana, n.viktor, n.yuki, n.theo, n.amara, n.rita, n.tom, superuser]
        for other in [*others, n.omar if open_question.asks == Asks.NEEDED else n.jonas]:
            error = refused(open_question, as_actor(other), KEEP, "PERMISSION", now)
            assert isinstance(error, NotPermitted)


@pytest.mark.rule("S5")
def test_token_command_and_job_do_not_answer(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    needed = question(item, Asks.NEEDED)
    error = refused(needed, as_actor(needed.reviewer, None), KEEP, "SOD-5", item.opened_at)
    assert isinstance(error, DutyConflict)
    assert isinstance(refused(needed, JOB, KEEP, "PERMISSION", item.opened_at), NotPermitted)


@pytest.mark.rule("S4")
def test_beneficiary_does_not_answer_acceptable(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    acceptable = question(item, Asks.ACCEPTABLE)
    # Rita became the technical owner after she was asked.
    Question.objects.filter(pk=acceptable.pk).update(reviewer=n.rita)
    error = refused(question(item, Asks.ACCEPTABLE), as_actor(n.rita), KEEP, "SOD-4", item.opened_at)
    assert "another person answers" in error.refusal.sentence


@pytest.mark.rule("S4", "S1")
def test_requester_does_not_answer_acceptable(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    Party.objects.create(submission=held.submission, person=n.lena, capacity="editor")
    with pytest.raises(InvalidInput, match=r"^R4: It can't be passed on to Lena"):
        submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.NOT_MINE, now=item.opened_at, whose=n.lena)
    Question.objects.filter(item=item, asks=Asks.ACCEPTABLE).update(reviewer=n.lena)
    error = refused(question(item, Asks.ACCEPTABLE), as_actor(n.lena), KEEP, "SOD-4", item.opened_at)
    assert "asked for this access" in error.refusal.sentence
    with database_refuses("SOD-4: an owner or requester of the automation"):
        Answer.objects.create(
            question=question(item, Asks.ACCEPTABLE), person=n.lena, answer=KEEP, batch=uuid.uuid4(), at=item.opened_at
        )


@pytest.mark.rule("S4", "A11")
def test_owner_as_delegate_still_benefits(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    actor = stand_in(n.rita, n.omar, item.opened_at)
    error = refused(question(item, Asks.ACCEPTABLE), actor, KEEP, "SOD-4", item.opened_at)
    assert "You own the automation" in error.refusal.sentence


@pytest.mark.rule("S4", "A11")
def test_delegate_of_one_reviewer_is_not_the_other(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    now = item.opened_at
    needed = stand_in(n.omar, n.jonas, now)
    error = refused(question(item, Asks.NEEDED), needed, KEEP, "SOD-4", now)
    assert "asked the other question" in error.refusal.sentence


@pytest.mark.rule("A11", "S4")
def test_delegated_answer_uses_up_both_people(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    now = item.opened_at
    needed = question(item, Asks.NEEDED)
    answer.answer(needed, actor=stand_in(n.bram, n.jonas, now), now=now, answer=KEEP, batch=uuid.uuid4())
    stored = Answer.objects.get()
    assert (stored.person, stored.for_person) == (n.bram, n.jonas)
    acceptable = question(item, Asks.ACCEPTABLE)
    Question.objects.filter(pk=acceptable.pk).update(reviewer=n.bram)
    refused(question(item, Asks.ACCEPTABLE), as_actor(n.bram), KEEP, "SOD-4", now)


@pytest.mark.rule("A11")
def test_ended_delegation_gives_no_answer(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    actor = stand_in(n.mei, n.omar, item.opened_at - timedelta(days=9))
    refused(question(item, Asks.ACCEPTABLE), actor, KEEP, "A11", item.opened_at)


@pytest.mark.rule("R8", "S4")
def test_leaver_does_not_answer(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    n.omar.left_at, n.omar.is_active = item.opened_at, False
    n.omar.save()
    refused(question(item, Asks.ACCEPTABLE), as_actor(n.omar), KEEP, "PERMISSION", item.opened_at)


@pytest.mark.rule("R4")
def test_repeated_and_late_answers_are_refused(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    now = item.opened_at
    needed, acceptable = question(item, Asks.NEEDED), question(item, Asks.ACCEPTABLE)
    submit_answer(needed, KEEP, now=now)
    assert isinstance(refused(needed, as_actor(needed.reviewer), REVOKE, "STATE", now), OutOfTurn)
    submit_answer(acceptable, KEEP, now=now)
    refused(acceptable, as_actor(acceptable.reviewer), REVOKE, "STATE", now)


@pytest.mark.rule("R4", "G3")
def test_ended_access_takes_no_answer(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    now = item.opened_at
    transition_lifecycle.revoke(item.grant, actor=as_actor(n.omar), now=now, reason="Not here.")
    for open_question in item.questions.all():
        with pytest.raises(OutOfTurn) as caught:
            submit_answer(open_question, KEEP, now=now)
        assert "ended already" in caught.value.refusal.sentence


@pytest.mark.rule("S4", "S5")
def test_the_database_refuses_one_person_for_both_questions_and_an_owner_for_acceptable(
    held: Held, stock_under_review: Item
) -> None:
    item, n = stock_under_review, held.people
    needed, acceptable = question(item, Asks.NEEDED), question(item, Asks.ACCEPTABLE)
    for_jonas = stand_in(n.bram, n.jonas, item.opened_at)
    answer.answer(needed, actor=for_jonas, now=item.opened_at, answer=KEEP, batch=uuid.uuid4())
    common = {"question": acceptable, "answer": KEEP, "batch": uuid.uuid4(), "at": item.opened_at}
    with database_refuses("SOD-4: the two questions"):
        Answer.objects.create(person=n.omar, for_person=n.bram, **common)
    with database_refuses("SOD-4: an owner or requester of the automation"):
        Answer.objects.create(person=n.rita, **common)
    with database_refuses("question_two_people"):
        Question.objects.filter(pk=acceptable.pk).update(reviewer=n.jonas)
    with pytest.raises(IntegrityError, match="Cannot update or delete"), transaction.atomic():
        Answer.objects.update(answer=REVOKE)


@pytest.mark.rule("R5")
def test_the_database_opens_no_second_item_for_a_grant(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    with database_refuses("item_one_open_per_grant"):
        Item.objects.create(
            campaign=item.campaign,
            grant=item.grant,
            reason="again",
            opened_at=item.opened_at,
            deadline=item.deadline,
            grace_until=item.grace_until,
        )


@pytest.mark.rule("R6")
def test_the_database_knows_no_campaign_that_keeps_by_silence(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    with database_refuses("campaign_silence_never_keeps"):
        type(item.campaign).objects.filter(pk=item.campaign_id).update(on_silence="keep")


@pytest.mark.rule("R4", "R6")
def test_nobody_closes_escalates_or_suspends_by_hand(held: Held, stock_under_review: Item) -> None:
    item, n = stock_under_review, held.people
    for act in (reminder_transitions.close, reminder_transitions.escalate):
        for person in (n.ines, n.sana, n.omar, n.jonas):
            with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
                act(item, actor=as_actor(person), now=item.grace_until + timedelta(days=90))
    for act in (settle.settle, settle.reopen, settle.set_next_review, lifecycle.reinstate):
        subject = held.automation if act.model.__name__ == "Automation" else item
        refusal = act.refusal(subject, actor=as_actor(n.omar), now=item.opened_at)
        assert refusal is not None
        assert refusal.code in ("INTERNAL", "STATE")


@pytest.mark.rule("R6")
def test_job_acts_only_when_due(held: Held, stock_under_review: Item) -> None:
    item = stock_under_review
    for act, early, why in (
        (reminder_transitions.escalate, item.deadline - timedelta(seconds=1), "R6: Its deadline"),
        (reminder_transitions.close, item.grace_until, "R4: The item is not due"),
    ):
        with pytest.raises(OutOfTurn, match=f"^{why}"):
            act(item, actor=JOB, now=early)
    sweep_at(item.deadline)
    with pytest.raises(OutOfTurn, match=r"^R6: Its grace period has not passed\."):
        reminder_transitions.suspend_for_silence(item, actor=JOB, now=item.grace_until - timedelta(seconds=1))
    assert Grant.objects.get(pk=item.grant_id).state == GrantState.ACTIVE


@pytest.mark.rule("S4", "S5")
def test_database_refusal_names_its_duty(held: Held, stock_under_review: Item, monkeypatch: pytest.MonkeyPatch) -> None:
    item, n = stock_under_review, held.people
    monkeypatch.setattr(reviewers, "people_of_other_question", lambda context, asks: set())
    monkeypatch.setattr(reviewers, "gains_access", lambda automation, parties, person: False)
    with pytest.raises(OutOfTurn) as caught:
        submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.NOT_MINE, now=item.opened_at, whose=n.jonas)
    assert caught.value.refusal.code == "SOD-4"
    event = LedgerEvent.objects.order_by("-pk")[0]
    assert (event.verb, event.outcome, event.code) == ("question.passed_on", "refused", "SOD-4")
    assert question(item, Asks.ACCEPTABLE).reviewer == n.omar


@pytest.mark.rule("S4", "R4")
def test_refusals_with_a_loaded_context_read_nothing_again(held: Held, stock_under_review: Item) -> None:
    item, omar = stock_under_review, as_actor(held.people.omar)
    context = load_context(item, item.opened_at)
    acceptable = next(question for question in context.questions if question.asks == Asks.ACCEPTABLE)

    def refusals() -> list[object]:
        verbs = (answer.answer, answer.pass_on)
        return [verb.refusal(acceptable, actor=omar, now=item.opened_at, context=context) for verb in verbs]

    assert refusals() == [None, None]
    with CaptureQueriesContext(connection) as queries:
        refusals()
    assert len(queries) == 0
