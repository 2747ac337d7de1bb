"""Duties of reviews: separation of people, time and state (S4, S5, R4, R6, A11).

Pages, sweeps and writes use the same duties, so they get the same answer. Permissions are checked first. Duties about
the people of an item read its `ItemContext`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from approvals.models import GrantState
from approvals.policies import queries as policy_queries
from approvals.policies.rules import stale_sign_in
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.recertification.items import conflict_reviews, reviewers, schedule
from governance.recertification.items.item_context import ItemContext
from governance.recertification.models import UNCLOSED, AnswerKind, Asks, Item, ItemState, Question
from inventory.models import Automation, AutomationState

#: How often a question may be passed on (R4).
MOST_PASSES = 2


def state_duty(
    code: str, rule: str, words: str, holds: Callable[..., bool], sentence: str, *, backed_by: tuple[str, ...] = ()
) -> Duty:
    """A duty with one condition, ``holds(subject, now, context)``, and one sentence for its refusal."""

    def asks(subject: Any, actor: Actor, now: datetime, context: Any) -> Refusal | None:
        return None if holds(subject, now, context) else Refusal(code, "state", sentence)

    return Duty(code, rule, words, asks, backed_by, needs_context=True)


def _interactive(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    if actor.kind == "person" and actor.signed_in_at is not None:
        return None
    sentence = "Tokens, jobs and commands answer nothing."
    return Refusal("SOD-5", "duty", sentence, "Sign in to the portal and answer there.")


def _fresh(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    key = ("policy", now)
    if key not in actor.memory:
        actor.memory[key] = policy_queries.in_force(now)
    return stale_sign_in(actor, actor.memory[key], subject.item.counted_tier, "answer")


def _two_people(subject: Question, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    used = reviewers.people_of_other_question(context, Asks(subject.asks))
    for person in actor.people:
        if person.pk in used:
            subject_words = "You are" if person == actor.person else f"{person.name}, for whom you stand in, is"
            sentence = f"{subject_words} asked the other question of this item; two people answer the two."
            return Refusal("SOD-4", "duty", sentence, "Pass it on with “Not mine”.")
    return None


def _gains(subject: Question, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    for person in actor.people if subject.asks == Asks.ACCEPTABLE else ():
        if reviewers.gains(context.item.of_automation, context.parties, person):
            subject_words = "You own" if person == actor.person else f"{person.name}, for whom you stand in, owns"
            sentence = f"{subject_words} the automation or took part in asking for this, and whoever gains does not say that it is acceptable."
            return Refusal("SOD-4", "duty", sentence, "Pass it on with “Not mine”.")
    return None


def _correctable(subject: Question, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    item, last = context.item, context.latest_answer(subject)
    if last is None or last.answer != AnswerKind.REVOKE or item.state != ItemState.ANSWERED:
        return Refusal("R4", "state", "Only a submitted revoke can be corrected.", "Submit the automation again.")
    if item.closes_at is None or now >= item.closes_at:
        return Refusal("R4", "state", "The days for correcting it are over.", "Submit the automation again.")
    return None


INTERACTIVE = Duty("SOD-5", "S5", "An answer needs a person in an interactive session.", _interactive)
FRESH = Duty("SOD-5", "S5", "An answer about high risk needs a fresh sign-in.", _fresh)
TWO_PEOPLE = Duty(
    *("SOD-4", "S4", "Two people answer the two questions of an item.", _two_people, ("question_two_people",)),
    needs_context=True,
)
GAINS = Duty(
    *("SOD-4", "S4", "A person who owns the automation, or asked for it, does not answer “acceptable”.", _gains),
    needs_context=True,
)
CORRECTABLE = Duty(
    *("R4", "R4", "A submitted revoke can be corrected until it takes final effect.", _correctable), needs_context=True
)


def has_subject_ended(item: Item) -> bool:
    """Whether the reviewed grant has ended or the automation is retired, so that no answer is needed."""
    if item.grant is not None:
        return item.grant.state == GrantState.ENDED
    return item.of_automation.state == AutomationState.RETIRED


def _standing(subject: Item | Question, actor: Actor, now: datetime) -> Refusal | None:
    if has_subject_ended(subject.item if isinstance(subject, Question) else subject):
        return Refusal("STATE", "state", "What this is about has ended already.", "Nothing is left to answer.")
    return None


def _passable(subject: Question, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    if subject.passed >= MOST_PASSES:
        sentence = "It was passed on twice already: this is the last person it is asked of."
        return Refusal("R4", "state", sentence, "Answer it, or leave it: unanswered it ends.")
    return None if reviewers.next_reviewer(context, subject) is not None else ladder_end_refusal()


def ladder_end_refusal() -> Refusal:
    """The refusal at the end of the ladder."""
    sentence = "Nobody is left whom it could be passed on to."
    return Refusal("R4", "state", sentence, "Answer it, or leave it: unanswered it ends.")


def _asked_of_nobody(subject: Item, now: datetime, context: ItemContext) -> bool:
    return subject.nobody and (bool(reviewers.missing_questions(context)) or not reviewers.vacant_questions(context))


def _nobody_left(subject: Item, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    if subject.nobody or subject.suspended_at is not None:
        return Refusal("A9", "state", "That is known, or silence has suspended it before.")
    return None if reviewers.vacant_questions(context) else Refusal("A9", "state", "Somebody is asked about it.")


def _silence(context: ItemContext, sentence: str, *, is_over: bool) -> Refusal | None:
    """Why silence does not count yet: no eligible reviewer has an unanswered question, or the time is not over."""
    is_anybody_late = any(
        not reviewers.is_out(context, question) or reviewers.next_reviewer(context, question) is not None
        for question in context.unanswered
    )
    if not is_anybody_late:
        return Refusal("A9", "state", "Nobody was asked about it, so nobody is late.")
    return None if is_over else Refusal("R6", "state", sentence)


def _deadline_passed(subject: Item, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    return _silence(context, "Its deadline has not passed.", is_over=now >= subject.deadline)


def _grace_passed(subject: Item, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    if subject.suspended_at is not None:
        return Refusal("R6", "state", "Silence has suspended it already.")
    return _silence(context, "Its grace period has not passed.", is_over=now >= subject.grace_until)


def _closing_due(subject: Item, now: datetime, context: ItemContext) -> bool:
    return (
        has_subject_ended(subject)
        or conflict_reviews.is_resolved(subject)
        or (subject.closes_at is not None and now >= subject.closes_at)
    )


def _reviewed_in_time(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    item = Item.objects.filter(automation=subject).exclude(state=ItemState.CLOSED).first()
    if item is not None:
        is_late = now >= item.grace_until
    else:  # an item opens weeks before, unless no job has run
        is_late = subject.review_on is not None and now >= schedule.review_instant(subject.review_on)
    if not is_late:
        return None
    if item is not None and item.nobody:
        sentence = "It was up for review, and nobody is left who could be asked about it."
        return Refusal("R6", "state", sentence, "Name who answers for it: they are asked at once.")
    sentence = "It was up for review, and nobody has answered in time."
    return Refusal("R6", "state", sentence, "Answer its review: the automation's page says who is asked.")


STANDING = Duty("STATE", "R4", "The reviewed access has not ended otherwise.", _standing)
PASSABLE = Duty(
    "R4",
    "R4",
    "A question is passed on at most twice, down its ladder.",
    _passable,
    ("question_passed_at_most_twice",),
    needs_context=True,
)
NEW = state_duty(
    "R5",
    "R5",
    "A review or campaign opens once.",
    lambda subject, now, context: subject._state.adding,
    "It is open already.",
    backed_by=(
        "item_one_open_per_grant",
        "item_one_open_per_automation",
        "campaign_one_scheduled_a_tier_and_day",
    ),
)
ALL_CLOSED = state_duty(
    "R2",
    "R2",
    "A campaign closes when all its items are closed.",
    lambda campaign, now, context: not campaign.items.filter(state__in=UNCLOSED).exists(),
    "Something in it is still open.",
)
ASKED_OF_NOBODY = state_duty(
    "A9", "A9", "Only an item without a reviewer is assigned later.", _asked_of_nobody, "Somebody is asked about it."
)
NOBODY_LEFT = Duty(
    *("A9", "A9", "An item without an eligible reviewer waits, unless silence has suspended it.", _nobody_left),
    needs_context=True,
)
REMINDER_DUE = state_duty(
    "R5",
    "R5",
    "A reminder goes out on its day.",
    lambda question, now, context: question.remind_at is not None and now >= question.remind_at,
    "It is not time for a reminder.",
)
REVIEWER_OUT = state_duty(
    "R8",
    "R8",
    "A reviewer is replaced only if they left or may not answer.",
    lambda question, now, context: reviewers.is_out(context, question),
    "The reviewer is here, and may answer it.",
)
DEADLINE_PASSED = Duty(
    "R6", "R6", "Unanswered questions are handed on after the deadline.", _deadline_passed, needs_context=True
)
GRACE_PASSED = Duty("R6", "R6", "Silence suspends after the grace period.", _grace_passed, needs_context=True)
REVIEWED_IN_TIME = Duty("R6", "R6", "An automation not reviewed in time does not run.", _reviewed_in_time)
CLOSING_DUE = state_duty(
    "R4",
    "R4",
    "An item closes on its date, or when its subject has ended or its conflict is resolved.",
    _closing_due,
    "It is not time to close this.",
)
