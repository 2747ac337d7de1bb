"""Answers that are chosen and not submitted: saved, dropped, submitted together (R4).

A draft is no governed fact; it may be saved by exactly whom the operation would let answer, so it asks the same rule. Only the
fresh sign-in that high risk needs is asked for when it is submitted: whoever has to sign in again first loses no choice (S5).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from governance.controls import texts
from governance.controls.actors import Actor
from governance.controls.models import Person
from governance.controls.refusals import Refusal, Refused, refuse
from governance.controls.transitions import Transition
from governance.recertification import duties, transitions
from governance.recertification.models import SETTLING, AnswerKind, Draft, Question
from governance.recertification.transitions.answering import UNSEEN, Seen, answer_refusal, said_before


@dataclass(frozen=True)
class Submitted:
    """What became of one draft: answered, or refused and kept."""

    question: Question
    refusal: Refusal | None = None


def refusal(question: Question, answer: AnswerKind, *, actor: Actor, now: datetime) -> Refusal | None:
    """Why an actor may not choose to answer a question like this, or None: for buttons and drafts alike."""
    if answer in SETTLING:
        no = _but_for_sign_in(transitions.answer, question, actor, now)
        return no or answer_refusal(question, answer)
    return _but_for_sign_in(transitions.pass_on, question, actor, now)


def is_asked(question: Question, *, actor: Actor, now: datetime) -> bool:
    """Whether an actor is asked a question: they may answer it or pass it on, once they have signed in anew where it needs that."""
    verbs = (transitions.answer, transitions.pass_on)
    return any(_but_for_sign_in(verb, question, actor, now) is None for verb in verbs)


def _but_for_sign_in(verb: Transition[Question], question: Question, actor: Actor, now: datetime) -> Refusal | None:
    """What else keeps an actor from it. The fresh sign-in is asked last, so when that is the reason there is no other."""
    no = verb.refusal(question, actor=actor, now=now)
    return None if no is not None and no == duties.FRESH.asks(question, actor, now) else no


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
        "reason": texts.clean(reason),
        "whose": whose if answer == AnswerKind.NOT_MINE else None,
        "seconds": seen.seconds,
        "recommended": seen.recommended,
        "looked": seen.looked,
        "saved_at": now,
    }
    return Draft.objects.update_or_create(question=question, defaults=values)[0]


def is_repeated(question: Question, answer: str, *, actor: Actor, reason: str) -> bool:
    """Whether somebody has submitted this very answer already, so that its form is only sent once more (A8)."""
    return said_before(question, actor, texts.clean(reason), {"answer": answer}) is not None


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


def submit(drafts: Iterable[Draft], *, actor: Actor, now: datetime) -> list[Submitted]:
    """Submit drafts as one batch: each is answered in its own transaction; what is refused stays a draft.

    Returns:
        What became of each, in the same order.
    """
    batch = uuid.uuid4()
    return [_submit(draft, batch, actor=actor, now=now) for draft in drafts]


def seen_of(draft: Draft) -> Seen:
    """What the card was to whoever chose."""
    return Seen(draft.seconds, draft.recommended, draft.looked)


def _submit(draft: Draft, batch: uuid.UUID, *, actor: Actor, now: datetime) -> Submitted:
    question, answer = draft.question, AnswerKind(draft.answer)
    who = acting(actor, question)
    try:
        if answer in SETTLING:
            transitions.answer(
                question,
                actor=who,
                now=now,
                reason=draft.reason,
                answer=answer,
                batch=batch,
                seen=seen_of(draft),
            )
        else:
            transitions.pass_on(
                question,
                actor=who,
                now=now,
                reason=draft.reason,
                answer=answer,
                batch=batch,
                whose=draft.whose,
                seen=seen_of(draft),
            )
    except Refused as no:
        return Submitted(question, no.refusal)
    return Submitted(question)
