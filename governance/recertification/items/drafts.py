"""Draft answers: saved, dropped, and submitted together (R4).

A draft is not a governed fact. Saving one needs the same permission as the answer, except the fresh sign-in for high
risk. That sign-in is needed at submission, so nobody loses a choice by signing in again (S5).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import DatabaseError

from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, Refused, refuse
from governance.core.engine.bulk_transition import Call
from governance.core.engine.transition import Transition
from governance.core.models import Person
from governance.core.texts import free_text
from governance.recertification.items import rules as item_rules
from governance.recertification.items.transitions import answer as transition_answer
from governance.recertification.items.transitions import answer_batch
from governance.recertification.items.transitions.answer import NO_CARD_VIEW, CardView, answer_refusal, repeated_answer
from governance.recertification.models import SETTLING, AnswerKind, Draft, Question

log = structlog.get_logger(__name__)

#: Refusal shown for an answer that failed without a refusal.
FAILED = Refusal(
    "FAILED",
    "state",
    "Something went wrong with this answer, and it was not given.",
    "What you chose is kept: submit it again. If that does not help, tell whoever runs Countersign.",
)

#: Fewest answers for a bulk write, and most in one transaction: locked rows wait for the whole transaction.
FEW, MOST = 2, 1000


@dataclass(frozen=True)
class Submitted:
    """Result of one draft: answered, or kept with a refusal."""

    question: Question
    refusal: Refusal | None = None


def refusal_of_draft(question: Question, answer: AnswerKind, *, actor: Actor, now: datetime) -> Refusal | None:
    """Why an actor may not choose this answer, or None; for buttons and drafts."""
    if answer in SETTLING:
        refusal_of_answer = _refusal_except_sign_in(transition_answer.answer, question, actor, now)
        return refusal_of_answer or answer_refusal(question, answer)
    return _refusal_except_sign_in(transition_answer.pass_on, question, actor, now)


def is_asked(question: Question, *, actor: Actor, now: datetime) -> bool:
    """Whether an actor may answer a question or pass it on, apart from a fresh sign-in."""
    verbs = (transition_answer.answer, transition_answer.pass_on)
    return any(_refusal_except_sign_in(verb, question, actor, now) is None for verb in verbs)


def _refusal_except_sign_in(
    verb: Transition[Question], question: Question, actor: Actor, now: datetime
) -> Refusal | None:
    """A refusal other than the stale sign-in. The sign-in is checked last, so its refusal means there is no other."""
    found_refusal = verb.refusal(question, actor=actor, now=now)
    return (
        None
        if found_refusal is not None and found_refusal == item_rules.FRESH.asks(question, actor, now)
        else found_refusal
    )


def save_draft(
    question: Question,
    answer: AnswerKind,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    whose: Person | None = None,
    seen: CardView = NO_CARD_VIEW,
) -> Draft:
    """Save a draft; a later choice replaces it.

    Args:
        question: the question.
        answer: the chosen answer.
        actor: the reviewer, or their delegate.
        now: business time.
        reason: the reviewer's text.
        whose: for *not mine*, the person the reviewer names.
        seen: how the card was shown (R7).

    Raises:
        Refused: the actor may not give this answer.
    """
    draft_refusal = refusal_of_draft(question, answer, actor=actor, now=now)
    if draft_refusal is not None:
        raise refuse(draft_refusal)
    if actor.person is None:  # refused above: jobs do not answer
        raise AssertionError("Only people draft answers.")
    values = {
        "person": actor.person,
        "answer": answer,
        "reason": free_text.clean(reason),
        "whose": whose if answer == AnswerKind.NOT_MINE else None,
        "seconds": seen.seconds,
        "recommended": seen.recommended,
        "looked": seen.looked,
        "in_bulk": seen.in_bulk,
        "saved_at": now,
    }
    return Draft.objects.update_or_create(question=question, defaults=values)[0]


def is_repeated(question: Question, answer: str, *, actor: Actor, reason: str) -> bool:
    """Whether the actor has already submitted the same answer, so that the form was only sent again (A8)."""
    return repeated_answer(question, actor, free_text.clean(reason), {"answer": answer}) is not None


def drafts_of(actor: Actor, now: datetime) -> list[Draft]:
    """The actor's drafts on their unanswered questions, most urgent first."""
    if actor.person is None:
        return []
    waiting = Question.objects.unanswered().asked_of(actor, now)
    rows = Draft.objects.filter(person=actor.person, question__in=waiting)
    return list(
        rows.select_related("question__reviewer", "question__item", "whose").order_by("question__item__deadline", "pk")
    )


def acting_reviewer(actor: Actor, question: Question) -> Actor:
    """The actor of an answer: themselves, or the delegate of the reviewer (A11)."""
    mine = actor.person is not None and question.reviewer_id == actor.person.pk
    return actor if mine else actor.for_person(question.reviewer)


def submit(drafts: Sequence[Draft], *, actor: Actor, now: datetime) -> list[Submitted]:
    """Submit drafts as one batch: in bulk if possible, the others in their own transactions.

    A refused or failed draft stays a draft and does not block the others.

    Returns:
        The result of each draft, in the same order.
    """
    batch = uuid.uuid4()
    calls = {draft.question_id: _call(draft, batch, actor) for draft in drafts}
    left = {call.subject.pk for call in _submit_together(list(calls.values()), now)}
    return [
        _submit_alone(draft, calls[draft.question_id], now) if draft.question_id in left else Submitted(draft.question)
        for draft in drafts
    ]


def _call(draft: Draft, batch: uuid.UUID, actor: Actor) -> Call[Question]:
    params = {"answer": AnswerKind(draft.answer), "batch": batch, "seen": seen_of(draft)}
    return Call(draft.question, acting_reviewer(actor, draft.question), draft.reason, params)


def _submit_together(calls: Sequence[Call[Question]], now: datetime) -> Sequence[Call[Question]]:
    """Write the answers that allow it in bulk, if there are several; return the others.

    A bulk write that the database refuses does not name the row. Then each answer is tried alone and shows its own
    error.
    """
    keeps = [call for call in calls if call.params["answer"] == AnswerKind.KEEP]
    if len(keeps) < FEW:
        return calls
    done = set[int]()
    for batch_calls in (keeps[at : at + MOST] for at in range(0, len(keeps), MOST)):
        try:
            left = {call.subject.pk for call in answer_batch.answer_all(batch_calls, now=now)}
        except DatabaseError as error:
            log.warning("answers.not_together", answers=len(batch_calls), error=type(error).__name__, exc_info=True)
        else:
            done |= {call.subject.pk for call in batch_calls} - left
    return [call for call in calls if call.subject.pk not in done]


def _submit_alone(draft: Draft, call: Call[Question], now: datetime) -> Submitted:
    try:
        if draft.answer in SETTLING:
            transition_answer.answer(call.subject, actor=call.actor, now=now, reason=call.reason, **call.params)
        else:
            params = {**call.params, "whose": draft.whose}
            transition_answer.pass_on(call.subject, actor=call.actor, now=now, reason=call.reason, **params)
    except Refused as error:
        return Submitted(call.subject, error.refusal)
    except Exception as error:  # earlier answers stay given, and the reviewer learns which one failed
        log.exception("answer.failed", question=call.subject.pk, error=type(error).__name__)
        return Submitted(call.subject, FAILED)
    return Submitted(call.subject)


def seen_of(draft: Draft) -> CardView:
    """How the card was shown when the draft was chosen."""
    return CardView(draft.seconds, draft.recommended, draft.looked, draft.in_bulk, draft.saved_at)
