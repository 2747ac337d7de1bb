"""Draft answers: saved, dropped, and submitted together (R4).

A draft is not a governed fact. Saving one needs the same permission as the answer, except the fresh sign-in for high
risk. That sign-in is needed at submission, so nobody loses a choice by signing in again (S5).
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import structlog

from governance.core.access import Actor, Refusal, Refused, access, check
from governance.core.engine.transition import Step, Transition
from governance.core.erasure.redaction import KnownAs
from governance.core.models import Person
from governance.core.texts import free_text
from governance.recertification.items import rules as item_rules
from governance.recertification.items.context import ItemContext
from governance.recertification.items.transitions import answer as transition_answer
from governance.recertification.items.transitions.answer import NO_CARD_VIEW, CardView, answer_refusal
from governance.recertification.models import SETTLING, AnswerKind, Draft, Question

log = structlog.get_logger(__name__)

#: Refusal shown for an answer that failed without a refusal.
FAILED = Refusal(
    "FAILED",
    "state",
    "This answer failed and was not given.",
    "Your choice is kept. Submit it again. If it fails again, tell your Countersign admin.",
)

#: Most drafts that one request submits, each in its own transaction.
AT_ONCE = 50


@dataclass(frozen=True)
class Submitted:
    """Result of one draft: answered, or kept with a refusal."""

    question: Question
    refusal: Refusal | None = None


def refusal_of_draft(
    question: Question,
    answer: AnswerKind,
    *,
    actor: Actor,
    now: datetime,
    ends_on: date | None = None,
    context: ItemContext | None = None,
) -> Refusal | None:
    """Why an actor may not choose this answer, or None.

    Args:
        question: the question.
        answer: the answer.
        actor: the reviewer, or their delegate.
        now: business time.
        ends_on: for *keep*, an earlier day on which the access ends.
        context: of the item, if it is loaded.
    """
    verb = transition_answer.answer if answer in SETTLING else transition_answer.pass_on
    refusal = refusal_except_sign_in(verb, question, actor=actor, now=now, context=context)
    return refusal or (answer_refusal(question.item, answer, now, ends_on) if answer in SETTLING else None)


def refusal_except_sign_in(
    verb: Transition[Question], question: Question, *, actor: Actor, now: datetime, context: ItemContext | None = None
) -> Refusal | None:
    """A refusal other than the stale sign-in. The sign-in is checked last, so its refusal means there is no other.

    Args:
        verb: to answer the question or to pass it on.
        question: the question.
        actor: the reviewer, or their delegate.
        now: business time.
        context: of the item, if it is loaded.
    """
    refusal = verb.refusal(question, actor=actor, now=now, context=context)
    return None if refusal is not None and refusal == item_rules.requires_fresh.asks(question, actor, now) else refusal


def save_draft(
    question: Question,
    answer: AnswerKind,
    *,
    actor: Actor,
    now: datetime,
    ends_on: date | None = None,
    reason: str = "",
    whose: Person | None = None,
    seen: CardView = NO_CARD_VIEW,
    context: ItemContext | None = None,
) -> Draft:
    """Save a draft; a later choice replaces it.

    Args:
        question: the question.
        answer: the chosen answer.
        actor: the reviewer, or their delegate.
        now: business time.
        ends_on: for *keep*, an earlier day on which the access ends.
        reason, whose: the reviewer's text, and for *not mine*, the person they name.
        seen: how the card was shown (R7).
        context: of the item, if it is loaded.

    Raises:
        Refused: the actor may not give this answer, or the item does not take it in bulk (R7).
    """
    refusal = refusal_of_draft(question, answer, actor=actor, now=now, ends_on=ends_on, context=context)
    if refusal is None and seen.in_bulk:
        refusal = item_rules.bulk_refusal(question.item, answer, free_text.clean(reason))
    check(refusal)
    assert actor.person is not None  # refused above: jobs do not answer
    values = {
        "person": actor.person,
        "answer": answer,
        "ends_on": ends_on,
        "reason": free_text.clean(reason),
        "whose": whose if answer == AnswerKind.NOT_MINE else None,
        **asdict(seen),
        "saved_at": now,
    }
    return Draft.objects.update_or_create(question=question, defaults=values)[0]


def drafts_of(actor: Actor, now: datetime) -> list[Draft]:
    """The actor's next drafts on their unanswered questions, most urgent first; at most `AT_ONCE`."""
    if actor.person is None:
        return []
    waiting = Question.objects.open_for(access.answers_as(actor, now)).order_by()
    rows = Draft.objects.filter(person=actor.person, question__in=waiting).order_by("question__item__deadline", "pk")
    return list(rows.select_related("question__reviewer", "question__item", "whose")[:AT_ONCE])


def draft_of(question: Question, actor: Actor) -> Draft | None:
    """The reader's own draft on a question; drafts of other delegates are hidden."""
    draft: Draft | None = getattr(question, "draft", None)
    return draft if draft is not None and actor.person is not None and draft.person_id == actor.person.pk else None


def acting_reviewer(actor: Actor, question: Question) -> Actor:
    """The actor of an answer: themselves, or the delegate of the reviewer (A11)."""
    mine = actor.person is not None and question.reviewer_id == actor.person.pk
    return actor if mine else actor.for_person(question.reviewer)


def submit(drafts: Sequence[Draft], *, actor: Actor, now: datetime) -> list[Submitted]:
    """Submit drafts as one batch, each in its own transaction.

    A refused or failed draft stays a draft and does not block the others.

    Returns:
        The result of each draft, in the same order.
    """
    batch = uuid.uuid4()
    return [_submit(draft, batch, actor, now) for draft in drafts]


def _submit(draft: Draft, batch: uuid.UUID, actor: Actor, now: datetime) -> Submitted:
    question, seen = draft.question, seen_of(draft)
    settles = draft.answer in SETTLING
    more = {"ends_on": draft.ends_on} if settles else {"whose": draft.whose}
    verb = transition_answer.answer if settles else transition_answer.pass_on
    kind, reviewer = AnswerKind(draft.answer), acting_reviewer(actor, question)
    try:
        verb(question, actor=reviewer, now=now, reason=draft.reason, answer=kind, batch=batch, seen=seen, **more)
    except Refused as error:
        return Submitted(question, error.refusal)
    except Exception as error:  # earlier answers stay given, and the reviewer learns which one failed
        log.exception("answer.failed", question=question.pk, error=type(error).__name__)
        return Submitted(question, FAILED)
    return Submitted(question)


def seen_of(draft: Draft) -> CardView:
    """How the card was shown when the draft was chosen."""
    return CardView(draft.seconds, draft.recommended, draft.looked, draft.in_bulk, draft.saved_at)


def forget(known_as: KnownAs, step: Step[Any]) -> None:
    """Erase a person from drafts, in the transaction of the erasure (H6).

    Submitted answers are erased with the events of their authors. Snapshots hold no names of people.

    Args:
        known_as: the names of the person.
        step: the erasure.
    """
    Draft.objects.filter(person=known_as.person).delete()
    for draft in Draft.objects.filter(known_as.may_be_in("reason")):
        draft.reason = known_as.without(draft.reason)
        draft.save(update_fields=["reason"])
