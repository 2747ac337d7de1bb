"""Operations of a reviewer: answer, pass on, correct a revoke (R4, S4). `settle` applies the result.

Each answer is one transaction. Answers of a batch share an id, so a refusal blocks no other answer. After a kill,
answers that were not submitted are still drafts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any
from uuid import UUID

from approvals.assignment.escalation_chain import Bench
from approvals.grants.transitions import lifecycle
from approvals.models import Grant
from governance.core.access import Actor, Permission, Refusal, check, refuse
from governance.core.engine.transition import Effect, Step, acts_as, said_the_same, transition
from governance.core.models import Person
from governance.recertification.items import context as item_context
from governance.recertification.items import notices as item_notices
from governance.recertification.items import reviewers
from governance.recertification.items import rules as item_rules
from governance.recertification.items.context import ItemContext, load_context
from governance.recertification.items.transitions.open_item import ask_missing, ensure_a_day, reset_reminder
from governance.recertification.items.transitions.settle import last_day, last_instant, reopen, settle
from governance.recertification.models import CHANGED, SETTLING, WAITING, Answer, AnswerKind, Draft, Item, Question
from governance.recertification.models.item import REASON_WORDS

#: Rows to lock before a question, outermost first.
LOCKED_PARENTS = ("item.of_automation", "item.grant", "item")

#: Duties of a reviewer who answers or corrects an answer; the sign-in is checked after all others.
OF_ANSWERS = (item_rules.requires_interactive, item_rules.two_people, item_rules.gains_nothing, item_rules.standing)

#: Declares an operation on a question by its reviewer.
by_reviewer = partial(
    transition, Question, permission=Permission.ITEM_ANSWER, parents=LOCKED_PARENTS, context=load_context
)


@dataclass(frozen=True)
class CardView:
    """How the card was shown to the reviewer; the later review quality check uses it (R7).

    Args:
        seconds: how long it was open, in real seconds, if known.
        recommended: the shown `recommendation.Advice`; empty if none was shown.
        looked: how often the reviewer opened details; None if not measured.
        in_bulk: whether the answer was chosen for several low-risk items at once.
        saved_at: when it was chosen, if submitted later.
    """

    seconds: int | None = None
    recommended: str = ""
    looked: int | None = None
    in_bulk: bool = False
    saved_at: datetime | None = None


#: For an answer without a card.
NO_CARD_VIEW = CardView()


def repeated_answer(
    question: Question, actor: Actor, text: str, params: Mapping[str, Any], *, is_correction: bool = False
) -> Question | None:
    """The question, if this person's last answer or correction is the same with the same reason (A8)."""
    last = question.answers.filter(person=actor.person).select_related("reason").order_by("-pk").first()
    if last is None or not acts_as(actor, last.for_person_id) or (last.supersedes_id is not None) != is_correction:
        return None
    if last.answer != params.get("answer", AnswerKind.KEEP) or not said_the_same(last.reason, text):
        return None
    if params.get("whose") not in (None, question.reviewer):
        return None  # passed on to another person
    return question if params.get("ends_on") == last.ends_on else None


@by_reviewer(
    event="question.answered",
    repeats=repeated_answer,
    source=WAITING,
    duties=[*OF_ANSWERS, item_rules.requires_fresh],
)
def answer(
    step: Step[Question], *, answer: AnswerKind, batch: UUID, seen: CardView = NO_CARD_VIEW, ends_on: date | None = None
) -> Effect:
    """Answer a question: keep or revoke.

    Args:
        step: the running call.
        answer: the chosen answer.
        batch: id that joins the answers of one submission (R7).
        seen: how the card was shown (R7).
        ends_on: for *keep*: an earlier day on which the access ends.
    """
    question, item = step.subject, step.subject.item
    check(answer_refusal(item, answer, step.now, ends_on) or changed_refusal(item, answer, seen, step.text))
    saved = _save_answer(step, answer, batch, seen=seen, ends_on=ends_on)
    question.answered_at, question.remind_at = step.now, None
    step.save(question)
    settle_where_due(step)
    payload = {"asks": question.asks, "answer": answer, "answer_id": saved.pk, "batch": str(batch)}
    return Effect(payload={**payload, **({"ends_on": ends_on.isoformat()} if ends_on else {})})


@by_reviewer(
    event="question.passed_on",
    repeats=repeated_answer,
    source=WAITING,
    duties=[item_rules.requires_interactive, item_rules.standing, item_rules.passable, item_rules.requires_fresh],
)
def pass_on(
    step: Step[Question], *, answer: AnswerKind, batch: UUID, whose: Person | None = None, seen: CardView = NO_CARD_VIEW
) -> Effect:
    """Pass a question to another reviewer, with the same deadline.

    Args:
        step: the running call.
        answer: ``dont_know`` or ``not_mine``.
        batch: id that joins the answers of one submission (R7).
        whose: for ``not_mine``, the named person; else the next on the escalation chain.
        seen: how the card was shown (R7).
    """
    question = step.subject
    if answer in SETTLING:
        raise refuse(Refusal("R4", "input", "This answer does not pass the question on."))
    if seen.in_bulk:
        check(item_rules.bulk_refusal(question.item, answer, step.text))
    other = reviewers.next_reviewer(step.context, question, [whose] if whose is not None else None)
    if other is None:
        if whose is None:
            raise refuse(item_rules.chain_end_refusal())
        sentence = f"It can't be passed on to {whose.name}: they were asked before, gain from it, or answer the other question."
        raise refuse(Refusal("R4", "input", sentence, "Name another person, or leave it empty."))
    _save_answer(step, answer, batch, seen=seen)
    question.passed += 1
    hand_over(step, question, other)
    item_notices.notify_reviewer(step, question, "passed", key="passed")
    return Effect(payload={"asks": question.asks, "answer": answer, "to": str(other.opaque_id)})


@by_reviewer(
    event="question.corrected",
    repeats=partial(repeated_answer, is_correction=True),
    source=["answered"],
    duties=[*OF_ANSWERS, item_rules.correctable, item_rules.requires_fresh],
    reason_needed=True,
)
def correct(step: Step[Question], *, batch: UUID, ends_on: date | None = None) -> Effect:
    """Replace a submitted revoke with *keep*, with a reason, before it takes final effect.

    Args:
        step: the running call.
        batch: id that joins the answers of one submission (R7).
        ends_on: an earlier day on which the access ends.
    """
    question, last = step.subject, step.context.latest_answer(step.subject)
    check(answer_refusal(question.item, AnswerKind.KEEP, step.now, ends_on))
    saved = _save_answer(step, AnswerKind.KEEP, batch, supersedes=last, ends_on=ends_on)
    reopen(question.item, actor=step.actor, now=step.now)
    settle_where_due(step)
    payload = {"asks": question.asks, "answer": AnswerKind.KEEP, "answer_id": saved.pk}
    return Effect(payload={**payload, "instead_of": last.pk if last else None})


def answer_refusal(item: Item, answer: AnswerKind, now: datetime, ends_on: date | None) -> Refusal | None:
    """Why an item does not take this answer, or None; without permission and duties. Pages use it, too.

    Args:
        item: the item.
        answer: an `AnswerKind`.
        now: business time.
        ends_on: the earlier end of *keep*, or None.
    """
    grant = item.grant
    if answer not in SETTLING:
        return Refusal("R4", "input", "This answer passes the question on.")
    if ends_on is not None and (grant is None or answer != AnswerKind.KEEP):
        return Refusal("R4", "input", "Only access that you keep can have an end date.", "Leave the date empty.")
    if grant is None or answer != AnswerKind.KEEP:
        return None
    return lifecycle.succession_refusal(grant, now) if ends_on is None else end_date_refusal(grant, ends_on, now)


def end_date_refusal(grant: Grant, ends_on: date, now: datetime) -> Refusal | None:
    """Why access can't be kept until this day, or None.

    Any grant can be kept until its end. A later day needs a successor, which is no longer than the approval (G2).
    """
    if last_instant(ends_on) <= now:
        return Refusal("R4", "input", "That day is over.", "Name a later day, or revoke the access.")
    if ends_on <= last_day(grant.ends_at):
        return None
    refusal = lifecycle.succession_refusal(grant, now)
    longest = last_day(lifecycle.longest_end(grant, now))
    if refusal is None and ends_on > longest:
        sentence = f"No review keeps this access after {longest:%d %b %Y}."
        return Refusal("R4", "input", sentence, "Name an earlier day, or leave the date empty.")
    return refusal


def changed_refusal(item: Item, answer: str, seen: CardView, reason: str) -> Refusal | None:
    """Why a choice is outdated, or None: something joined the item, or it takes no bulk answer any more (R2, R7).

    Args:
        item: the item.
        answer: the chosen answer.
        seen: the card as the reader saw it.
        reason: the typed reason.
    """
    if seen.in_bulk and (refusal := item_rules.bulk_refusal(item, answer, reason)) is not None:
        return refusal
    changed = item.snapshot.get(CHANGED)
    if seen.saved_at is None or changed is None or seen.saved_at > datetime.fromisoformat(changed["at"]):
        return None
    sentence = f"It changed since you chose: {REASON_WORDS[changed['because']]}"
    return Refusal("R2", "state", sentence, "Look at it and choose again. Your text is kept.")


def hand_over(step: Step[Any], question: Question, to: Person) -> None:
    """Give a question to another reviewer, who has at least a day before silence counts. Saves both rows.

    The item's deadline does not change.
    """
    ensure_a_day(step, question.item)
    Draft.objects.filter(question=question).delete()
    question.asked_before = [*question.asked_before, question.reviewer_id]
    question.reviewer, question.asked_at = to, step.now
    reset_reminder(step, question)


def _save_answer(
    step: Step[Question], answer: AnswerKind, batch: UUID, *, seen: CardView = NO_CARD_VIEW, **more: Any
) -> Answer:
    """Save an answer, delete the draft, and add the answer to the context."""
    assert step.actor.person is not None  # the duty INTERACTIVE refuses jobs
    saved = Answer.objects.create(
        question=step.subject,
        person=step.actor.person,
        for_person=step.actor.standing_for,
        answer=answer,
        reason=step.reason,
        batch=batch,
        seconds=seen.seconds,
        recommended=seen.recommended,
        looked=seen.looked,
        at=step.now,
        **more,
    )
    Draft.objects.filter(question=step.subject).delete()
    step.context.answers.setdefault(step.subject.pk, []).append(saved)
    return saved


def settle_where_due(step: Step[Question]) -> None:
    """Settle the item if one answer revokes, or if all questions are answered (R4, S4).

    Questions that were never asked are asked first, and the item waits for them.
    """
    context: ItemContext = step.context
    latest = [context.latest_answer(question) for question in context.questions]
    revoked = [answer for answer in latest if answer is not None and answer.answer == AnswerKind.REVOKE]
    if revoked:
        settle(context.item, actor=step.actor, now=step.now, answers=revoked[:1])
    elif None not in latest and item_context.missing_questions(context):
        ask_missing(step, context, Bench.load(step.now))
    elif None not in latest:
        settle(context.item, actor=step.actor, now=step.now, answers=latest)
