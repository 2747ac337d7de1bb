"""Duties of reviews: separation of people, time and state (S4, S5, R4, R6, A11).

Pages, sweeps and writes use the same duties, so they get the same answer. Permissions are checked first. Duties about
the people of an item read its `ItemContext`.
"""

from datetime import datetime

from django.db.models import Q

from approvals.models import GrantState
from approvals.policies import queries as policy_queries
from approvals.policies.fresh_sign_in import stale_sign_in
from governance.core.access import Actor, Refusal, duty
from governance.recertification.items import answer_deadlines, review_triggers, reviewers
from governance.recertification.items import context as item_context
from governance.recertification.items.context import ItemContext
from governance.recertification.models import SETTLING, UNCLOSED, AnswerKind, Asks, Campaign, Item, ItemState, Question
from inventory.models import Automation, AutomationState

#: How often a question may be passed on (R4).
MOST_PASSES = 2

#: `takes_bulk_answers` as a condition on questions.
TAKES_BULK_ANSWERS = Q(item__grant__tier="low", item__grant__raised_to="")


@duty("SOD-5")
def requires_interactive(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    """An answer needs a person in an interactive session."""
    if actor.kind == "person" and actor.signed_in_at is not None:
        return None
    sentence = "Tokens, jobs and commands answer nothing."
    return Refusal("SOD-5", "duty", sentence, "Sign in to the portal and answer there.")


@duty("SOD-5")
def requires_fresh(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    """An answer about high risk needs a fresh sign-in."""
    key = ("policy", now)
    if key not in actor.memory:
        actor.memory[key] = policy_queries.in_force(now)
    return stale_sign_in(actor, actor.memory[key], subject.item.counted_tier, "answer")


@duty("SOD-4", backed_by=("question_two_people",), needs_context=True)
def two_people(subject: Question, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    """Two people answer the two questions of an item."""
    used = reviewers.people_of_other_question(context, Asks(subject.asks))
    for person in actor.people:
        if person.pk in used:
            subject_words = "You are" if person == actor.person else f"{person.name}, who you answer for, is"
            sentence = f"{subject_words} asked the other question of this item. Two people answer the two questions."
            return Refusal("SOD-4", "duty", sentence, "Pass it on with “Not mine”.")
    return None


@duty("SOD-4", needs_context=True)
def gains_nothing(subject: Question, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    """A person who owns the automation, or asked for it, does not answer “acceptable”."""
    for person in actor.people if subject.asks == Asks.ACCEPTABLE else ():
        if reviewers.gains_access(context.item.of_automation, context.parties, person):
            subject_words = "You own" if person == actor.person else f"{person.name}, who you answer for, owns"
            sentence = f"{subject_words} the automation or asked for this access, so another person answers whether it is acceptable."
            return Refusal("SOD-4", "duty", sentence, "Pass it on with “Not mine”.")
    return None


@duty("R4", needs_context=True)
def correctable(subject: Question, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    """A submitted revoke can be corrected until it takes final effect."""
    item, last = context.item, context.latest_answer(subject)
    if last is None or last.answer != AnswerKind.REVOKE or item.state != ItemState.ANSWERED:
        return Refusal("R4", "state", "Only a submitted revoke can be corrected.", "Submit the automation again.")
    if item.closes_at is None or now >= item.closes_at:
        return Refusal("R4", "state", "The time to correct it is over.", "Submit the automation again.")
    return None


def has_subject_ended(item: Item) -> bool:
    """Whether the reviewed grant has ended or the automation is retired, so that no answer is needed."""
    if item.grant is not None:
        return item.grant.state == GrantState.ENDED
    return item.of_automation.state == AutomationState.RETIRED


@duty("STATE", rule="R4")
def standing(subject: Item | Question, actor: Actor, now: datetime) -> Refusal | None:
    """The reviewed access has not ended otherwise."""
    if has_subject_ended(subject.item if isinstance(subject, Question) else subject):
        return Refusal("STATE", "state", "The access has ended already.", "You don't need to answer.")
    return None


@duty("R4", backed_by=("question_passed_at_most_twice",), needs_context=True)
def passable(subject: Question, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    """A question is passed on at most twice, down its escalation chain."""
    if subject.passed >= MOST_PASSES:
        sentence = "It was passed on twice already, so you are its last reviewer."
        return Refusal("R4", "state", sentence, "Answer it. Without an answer, the access ends.")
    return None if reviewers.next_reviewer(context, subject) is not None else chain_end_refusal()


def chain_end_refusal() -> Refusal:
    """The refusal at the end of the escalation chain."""
    sentence = "No eligible reviewer is left to pass it on to."
    return Refusal("R4", "state", sentence, "Answer it. Without an answer, the access ends.")


@duty("A9", needs_context=True)
def asked_of_nobody(subject: Item, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    """Only an item without a reviewer is assigned later."""
    is_vacant = item_context.missing_questions(context) or not reviewers.vacant_questions(context)
    return None if subject.nobody and is_vacant else Refusal("A9", "state", "The item has a reviewer.")


@duty("A9", needs_context=True)
def nobody_left(subject: Item, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    """An item without an eligible reviewer waits, unless silence has suspended it."""
    if subject.nobody or subject.suspended_at is not None:
        return Refusal("A9", "state", "It is marked already, or silence has suspended it.")
    return None if reviewers.vacant_questions(context) else Refusal("A9", "state", "The item has an eligible reviewer.")


def _silence(context: ItemContext, sentence: str, *, is_over: bool) -> Refusal | None:
    """Why silence does not count yet: no eligible reviewer has an unanswered question, or the time is not over."""
    is_anybody_late = any(
        not reviewers.is_out(context, question) or reviewers.next_reviewer(context, question) is not None
        for question in context.unanswered
    )
    if not is_anybody_late:
        return Refusal("A9", "state", "No eligible reviewer was asked, so no answer is late.")
    return None if is_over else Refusal("R6", "state", sentence)


@duty("R6", needs_context=True)
def deadline_passed(subject: Item, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    """Unanswered questions are handed on after the deadline."""
    return _silence(context, "Its deadline has not passed.", is_over=now >= subject.deadline)


@duty("R6", needs_context=True)
def grace_passed(subject: Item, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    """Silence suspends after the grace period."""
    if subject.suspended_at is not None:
        return Refusal("R6", "state", "Silence has suspended it already.")
    return _silence(context, "Its grace period has not passed.", is_over=now >= subject.grace_until)


@duty("R4")
def closing_due(subject: Item, actor: Actor, now: datetime) -> Refusal | None:
    """An item closes on its date, or when its subject has ended or its conflict is resolved."""
    is_over = has_subject_ended(subject) or review_triggers.is_resolved(subject)
    is_due = is_over or (subject.closes_at is not None and now >= subject.closes_at)
    return None if is_due else Refusal("R4", "state", "The item is not due to close.")


@duty("R6")
def reviewed_in_time(subject: Automation, actor: Actor, now: datetime) -> Refusal | None:
    """An automation not reviewed in time does not run."""
    item = Item.objects.filter(automation=subject).exclude(state=ItemState.CLOSED).first()
    if item is not None:
        is_late = now >= item.grace_until
    else:  # an item opens weeks before, unless no job has run
        is_late = subject.review_on is not None and now >= answer_deadlines.review_instant(subject.review_on)
    if not is_late:
        return None
    if item is not None and item.nobody:
        sentence = "Its review is overdue and has no eligible reviewer."
        return Refusal("R6", "state", sentence, "Name an owner. They are asked at once.")
    sentence = "Its review is overdue: no reviewer answered in time."
    return Refusal("R6", "state", sentence, "Answer its review. The automation's page names the reviewers.")


@duty(
    "R5", backed_by=("item_one_open_per_grant", "item_one_open_per_automation", "campaign_one_scheduled_a_tier_and_day")
)
def opened_once(subject: Item | Campaign, actor: Actor, now: datetime) -> Refusal | None:
    """A review or campaign opens once."""
    return None if subject._state.adding else Refusal("R5", "state", "It is already open.")


@duty("R2")
def all_closed(subject: Campaign, actor: Actor, now: datetime) -> Refusal | None:
    """A campaign closes when all its items are closed."""
    is_open = subject.items.filter(state__in=UNCLOSED).exists()
    return Refusal("R2", "state", "The campaign has open items.") if is_open else None


@duty("R5")
def reminder_due(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    """A reminder goes out on its day."""
    is_due = subject.remind_at is not None and now >= subject.remind_at
    return None if is_due else Refusal("R5", "state", "No reminder is due.")


@duty("R8", needs_context=True)
def reviewer_out(subject: Question, actor: Actor, now: datetime, context: ItemContext) -> Refusal | None:
    """A reviewer is replaced only if they left or may not answer."""
    return None if reviewers.is_out(context, subject) else Refusal("R8", "state", "The reviewer can answer it.")


def card_refusal(item: Item) -> Refusal | None:
    """Why an item is not answered together with the others of its card, or None: it is high risk (R3)."""
    is_high = item.counted_tier == "high"
    return Refusal("R3", "state", "It is high risk. Answer it by itself.") if is_high else None


def takes_bulk_answers(item: Item) -> bool:
    """Whether an item takes bulk answers: it is about a grant of low risk (R7)."""
    return item.grant is not None and item.counted_tier == "low"


def bulk_answer_refusal(answer: str, reason: str) -> Refusal | None:
    """Why no item takes this bulk answer, or None: only “Keep” and “Revoke” are, for a common reason (R7).

    Args:
        answer: the chosen answer, as it was sent.
        reason: cleaned.
    """
    if answer not in SETTLING:
        return Refusal("R7", "input", "Choose “Keep” or “Revoke” for all items.")
    return None if reason else Refusal("R7", "input", "Give a reason. It is kept with each answer.")


def bulk_refusal(item: Item, answer: str, reason: str) -> Refusal | None:
    """Why an item does not take a bulk answer, or None (R7); arguments as in `bulk_answer_refusal`."""
    if not takes_bulk_answers(item):
        what = "an automation" if item.grant is None else f"{item.counted_tier} risk"
        sentence = f"It is {what}. Answer it on its own page."
        return Refusal("R7", "state", sentence)
    return bulk_answer_refusal(answer, reason)
