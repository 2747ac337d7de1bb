"""Answers that are chosen and not submitted: saved, dropped, submitted together (R4).

A draft is no governed fact; it may be saved by exactly whom the operation would let answer, so it asks the same rule. Only the
fresh sign-in that high risk needs is asked for when it is submitted: whoever has to sign in again first loses no choice (S5).
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
from governance.recertification.items.transitions.answer import UNSEEN, Seen, answer_refusal, said_before
from governance.recertification.models import SETTLING, AnswerKind, Draft, Question

log = structlog.get_logger(__name__)

#: What is said of an answer that failed, where nobody refused it.
FAILED = Refusal(
    "FAILED",
    "state",
    "Something went wrong with this answer, and it was not given.",
    "What you chose is kept: submit it again. If that does not help, tell whoever runs Countersign.",
)

#: So many answers are given together, if they can be, and at most so many in one transaction: what they lock waits for all of them.
FEW, MOST = 2, 1000


@dataclass(frozen=True)
class Submitted:
    """What became of one draft: answered, or refused or failed, and kept."""

    question: Question
    refusal: Refusal | None = None


def refusal(question: Question, answer: AnswerKind, *, actor: Actor, now: datetime) -> Refusal | None:
    """Why an actor may not choose to answer a question like this, or None: for buttons and drafts alike."""
    if answer in SETTLING:
        no = _but_for_sign_in(transition_answer.answer, question, actor, now)
        return no or answer_refusal(question, answer)
    return _but_for_sign_in(transition_answer.pass_on, question, actor, now)


def is_asked(question: Question, *, actor: Actor, now: datetime) -> bool:
    """Whether an actor is asked a question: they may answer it or pass it on, once they have signed in anew where it needs that."""
    verbs = (transition_answer.answer, transition_answer.pass_on)
    return any(_but_for_sign_in(verb, question, actor, now) is None for verb in verbs)


def _but_for_sign_in(verb: Transition[Question], question: Question, actor: Actor, now: datetime) -> Refusal | None:
    """What else keeps an actor from it. The fresh sign-in is asked last, so when that is the reason there is no other."""
    no = verb.refusal(question, actor=actor, now=now)
    return None if no is not None and no == item_rules.FRESH.asks(question, actor, now) else no


def save_draft(
    question: Question,
    answer: AnswerKind,
    *,
    actor: Actor,
    now: datetime,
    reason: str = "",
    whose: Person | None = None,
    seen: Seen = UNSEEN,
) -> Draft:
    """Keep what somebody would answer; the latest choice counts.

    Args:
        question: what is asked.
        answer: what they chose.
        actor: the reviewer, or who stands in for them.
        now: business time.
        reason: what they say about it.
        whose: for *not mine*, whom they name.
        seen: what the card was to them (R7).

    Raises:
        Refused: they may not answer it like this.
    """
    no = refusal(question, answer, actor=actor, now=now)
    if no is not None:
        raise refuse(no)
    if actor.person is None:  # refused above: no job answers
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
    """Whether somebody has submitted this very answer already, so that its form is only sent once more (A8)."""
    return said_before(question, actor, free_text.clean(reason), {"answer": answer}) is not None


def drafts_of(actor: Actor, now: datetime) -> list[Draft]:
    """The actor's own drafts on questions that still wait for them, the most urgent first."""
    if actor.person is None:
        return []
    waiting = Question.objects.unanswered().asked_of(actor, now)
    rows = Draft.objects.filter(person=actor.person, question__in=waiting)
    return list(
        rows.select_related("question__reviewer", "question__item", "whose").order_by("question__item__deadline", "pk")
    )


def acting(actor: Actor, question: Question) -> Actor:
    """Who answers a question: the actor, or the actor standing in for its reviewer (A11)."""
    mine = actor.person is not None and question.reviewer_id == actor.person.pk
    return actor if mine else actor.for_person(question.reviewer)


def submit(drafts: Sequence[Draft], *, actor: Actor, now: datetime) -> list[Submitted]:
    """Submit drafts as one batch: what can be is answered together, the rest each in its own transaction.

    What is refused, or fails, stays a draft, and keeps no other back.

    Returns:
        What became of each, in the same order.
    """
    batch = uuid.uuid4()
    calls = {draft.question_id: _call(draft, batch, actor) for draft in drafts}
    left = {call.subject.pk for call in _together(list(calls.values()), now)}
    return [
        _alone(draft, calls[draft.question_id], now) if draft.question_id in left else Submitted(draft.question)
        for draft in drafts
    ]


def _call(draft: Draft, batch: uuid.UUID, actor: Actor) -> Call[Question]:
    said = {"answer": AnswerKind(draft.answer), "batch": batch, "seen": seen_of(draft)}
    return Call(draft.question, acting(actor, draft.question), draft.reason, said)


def _together(calls: Sequence[Call[Question]], now: datetime) -> Sequence[Call[Question]]:
    """Give what can be given together, where there is more than one; returns what is left.

    Where the database refuses one of them, or one fails, it does not say which: then each is tried alone, and that one says why.
    """
    keeps = [call for call in calls if call.params["answer"] == AnswerKind.KEEP]
    if len(keeps) < FEW:
        return calls
    done = set[int]()
    for some in (keeps[at : at + MOST] for at in range(0, len(keeps), MOST)):
        try:
            left = {call.subject.pk for call in answer_batch.answer_all(some, now=now)}
        except DatabaseError as error:
            log.warning("answers.not_together", answers=len(some), error=type(error).__name__, exc_info=True)
        else:
            done |= {call.subject.pk for call in some} - left
    return [call for call in calls if call.subject.pk not in done]


def _alone(draft: Draft, call: Call[Question], now: datetime) -> Submitted:
    try:
        if draft.answer in SETTLING:
            transition_answer.answer(call.subject, actor=call.actor, now=now, reason=call.reason, **call.params)
        else:
            said = {**call.params, "whose": draft.whose}
            transition_answer.pass_on(call.subject, actor=call.actor, now=now, reason=call.reason, **said)
    except Refused as no:
        return Submitted(call.subject, no.refusal)
    except (
        Exception
    ) as error:  # what was given before it stays given, and whoever submitted them is to learn which was not
        log.exception("answer.failed", question=call.subject.pk, error=type(error).__name__)
        return Submitted(call.subject, FAILED)
    return Submitted(call.subject)


def seen_of(draft: Draft) -> Seen:
    """What the card was to whoever chose."""
    return Seen(draft.seconds, draft.recommended, draft.looked, draft.in_bulk, draft.saved_at)
