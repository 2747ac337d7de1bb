"""Duties of reviews: separation of people, time and state (S4, S5, R4, R6, A11).

Pages, sweeps and writes use the same duties, so they get the same answer. Permissions are checked first.
"""

from __future__ import annotations

from datetime import datetime

from approvals.models import GrantState
from approvals.policies import queries as policy_queries
from approvals.policies.rules import stale_sign_in
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal
from governance.recertification.items import cancelled_items, conflict_reviews, reviewers, schedule
from governance.recertification.models import (
    UNCLOSED,
    AnswerKind,
    Asks,
    Campaign,
    Item,
    ItemState,
    Question,
)
from inventory.models import Automation, AutomationState

#: How often a question may be passed on (R4).
MOST_PASSES = 2


def _interactive(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    if actor.kind == "person" and actor.signed_in_at is not None:
        return None
    return Refusal(
        "SOD-5", "duty", "Tokens, jobs and commands answer nothing.", "Sign in to the portal and answer there."
    )


def _fresh(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    item = subject.item
    tier = item.grant.counted_tier if item.grant is not None else item.of_automation.tier
    key = ("policy", now)
    if key not in actor.memory:
        actor.memory[key] = policy_queries.in_force(now)
    return stale_sign_in(actor, actor.memory[key], tier, "answer")


def _two_people(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    used = reviewers.people_of_other_question(subject.item, Asks(subject.asks))
    for person in actor.people:
        if person.pk in used:
            subject_words = "You are" if person == actor.person else f"{person.name}, for whom you stand in, is"
            sentence = f"{subject_words} asked the other question of this item; two people answer the two."
            return Refusal("SOD-4", "duty", sentence, "Pass it on with “Not mine”.")
    return None


def _gains(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    if subject.asks != Asks.ACCEPTABLE:
        return None
    for person in actor.people:
        if reviewers.gains(subject.item, person):
            subject_words = "You own" if person == actor.person else f"{person.name}, for whom you stand in, owns"
            sentence = f"{subject_words} the automation or took part in asking for this, and whoever gains does not say that it is acceptable."
            return Refusal("SOD-4", "duty", sentence, "Pass it on with “Not mine”.")
    return None


def _correctable(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    item, last = subject.item, subject.latest_answer
    if last is None or last.answer != AnswerKind.REVOKE or item.state != ItemState.ANSWERED:
        return Refusal("R4", "state", "Only a submitted revoke can be corrected.", "Submit the automation again.")
    if item.closes_at is None or now >= item.closes_at:
        return Refusal("R4", "state", "The days for correcting it are over.", "Submit the automation again.")
    return None


INTERACTIVE = Duty("SOD-5", "S5", "An answer needs a person in an interactive session.", _interactive)
FRESH = Duty("SOD-5", "S5", "An answer about high risk needs a fresh sign-in.", _fresh)
TWO_PEOPLE = Duty(
    "SOD-4", "S4", "The two questions of an item are answered by two people.", _two_people, ("question_two_people",)
)
GAINS = Duty(
    "SOD-4",
    "S4",
    "Whoever owns the automation, or took part in asking for it, does not say that it is acceptable.",
    _gains,
)
CORRECTABLE = Duty("R4", "R4", "A submitted revoke can be corrected until it takes effect for good.", _correctable)


def has_subject_ended(item: Item) -> bool:
    """Whether the reviewed grant has ended or the automation is retired, so that no answer is needed."""
    if item.grant is not None:
        return item.grant.state == GrantState.ENDED
    return item.of_automation.state == AutomationState.RETIRED


def _standing(subject: Item | Question, actor: Actor, now: datetime) -> Refusal | None:
    item = subject.item if isinstance(subject, Question) else subject
    if has_subject_ended(item):
        return Refusal("STATE", "state", "What this is about has ended already.", "Nothing is left to answer.")
    return None


def passing_refusal(question: Question) -> Refusal | None:
    """Why a question can't be passed on, or None (R4)."""
    if question.passed >= MOST_PASSES:
        sentence = "It was passed on twice already: this is the last person it is asked of."
        return Refusal("R4", "state", sentence, "Answer it, or leave it: unanswered it ends.")
    return None if reviewers.next_reviewer(question) is not None else ladder_end_refusal()


def ladder_end_refusal() -> Refusal:
    """The refusal at the end of the ladder."""
    sentence = "Nobody is left whom it could be passed on to."
    return Refusal("R4", "state", sentence, "Answer it, or leave it: unanswered it ends.")


def _passable(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    return passing_refusal(subject)


def _new(subject: Item | Campaign, actor: Actor, now: datetime) -> Refusal | None:
    return None if subject._state.adding else Refusal("R5", "state", "It is open already.")


def _all_closed(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    if subject.items.filter(state__in=UNCLOSED).exists():
        return Refusal("R2", "state", "Something in it is still open.")
    return None


def _goes_on(subject: Item, actor: Actor, now: datetime) -> Refusal | None:
    if Item.objects.filter(cancelled_items.LET_GO, pk=subject.pk).exists():
        return Refusal("R2", "state", "Its campaign was called off.")
    return None


def _asked_of_nobody(subject: Item, actor: Actor, now: datetime) -> Refusal | None:
    if subject.nobody and (reviewers.missing_questions(subject) or not reviewers.vacant_questions(subject)):
        return None
    return Refusal("A9", "state", "Somebody is asked about it.")


def _nobody_left_to_ask(subject: Item, actor: Actor, now: datetime) -> Refusal | None:
    if subject.nobody or subject.suspended_at is not None:
        return Refusal("A9", "state", "That is known, or silence has suspended it before.")
    return None if reviewers.vacant_questions(subject) else Refusal("A9", "state", "Somebody is asked about it.")


def _reminder_due(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    if subject.remind_at is None or now < subject.remind_at:
        return Refusal("R5", "state", "It is not time for a reminder.")
    return None


def _reviewer_out(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    if reviewers.is_out(subject):
        return None
    return Refusal("R8", "state", "The reviewer is here, and may answer it.")


def _is_nobody_late(item: Item) -> bool:
    """Whether no eligible reviewer has an unanswered question, so that nobody is late."""
    waiting = item.questions.filter(answered_at__isnull=True).select_related("reviewer").order_by("pk")
    return not any(
        not reviewers.is_out(question) or reviewers.next_reviewer(question) is not None for question in waiting
    )


def _deadline_passed(subject: Item, actor: Actor, now: datetime) -> Refusal | None:
    if _is_nobody_late(subject):
        return Refusal("A9", "state", "Nobody was asked about it, so nobody is late.")
    return Refusal("R6", "state", "Its deadline has not passed.") if now < subject.deadline else None


def _grace_passed(subject: Item, actor: Actor, now: datetime) -> Refusal | None:
    if subject.suspended_at is not None:
        return Refusal("R6", "state", "Silence has suspended it already.")
    if _is_nobody_late(subject):
        return Refusal("A9", "state", "Nobody was asked about it, so nobody is late.")
    return Refusal("R6", "state", "Its grace period has not passed.") if now < subject.grace_until else None


def _closing_due(subject: Item, actor: Actor, now: datetime) -> Refusal | None:
    if (
        has_subject_ended(subject)
        or conflict_reviews.is_resolved(subject)
        or (subject.closes_at is not None and now >= subject.closes_at)
    ):
        return None
    return Refusal("R4", "state", "It is not time to close this.")


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


STANDING = Duty("STATE", "R4", "What is reviewed has not ended otherwise.", _standing)
PASSABLE = Duty(
    "R4", "R4", "A question is passed on at most twice, down its ladder.", _passable, ("question_passed_at_most_twice",)
)
NEW = Duty(
    "R5",
    "R5",
    "What is opened is not open already.",
    _new,
    ("item_one_open_per_grant", "item_one_open_per_automation", "campaign_one_scheduled_a_tier_and_day"),
)
ALL_CLOSED = Duty("R2", "R2", "A campaign closes when nothing in it is open.", _all_closed)
GOES_ON = Duty("R2", "R2", "Silence takes nothing that a campaign was called off about.", _goes_on)
ASKED_OF_NOBODY = Duty("A9", "A9", "Only what nobody was asked about is asked later.", _asked_of_nobody)
NOBODY_LEFT = Duty(
    "A9",
    "A9",
    "What nobody is left to answer waits for somebody, unless silence has suspended it.",
    _nobody_left_to_ask,
)
REMINDER_DUE = Duty("R5", "R5", "A reminder goes out on its day.", _reminder_due)
REVIEWER_OUT = Duty("R8", "R8", "Only who left, or may not answer it any more, is replaced.", _reviewer_out)
DEADLINE_PASSED = Duty("R6", "R6", "What is unanswered is handed on once its deadline has passed.", _deadline_passed)
GRACE_PASSED = Duty("R6", "R6", "Silence suspends once the grace period has passed.", _grace_passed)
REVIEWED_IN_TIME = Duty("R6", "R6", "What nobody has reviewed within its grace period does not run.", _reviewed_in_time)
CLOSING_DUE = Duty(
    "R4", "R4", "An item closes when its time has come, or what it is about has ended or is resolved.", _closing_due
)
