"""What happens when nobody answers: reminders, the next on the ladder, suspension (R5, R6, R8). Jobs cause all of it.

What silence suspended ends by `settling.close`. An answer that comes before that still counts.
"""

from __future__ import annotations

from approvals.grants import Why
from governance.controls import ledger
from governance.controls.refusals import Refusal, refuse
from governance.controls.roles import Permission
from governance.controls.transitions import Effect, Step, transition
from governance.recertification import duties, notices, reviewers, scheduling
from governance.recertification.models import Item, ItemState, Question
from governance.recertification.transitions import answering, settling
from governance.recertification.transitions.answering import WAITING, hand_over
from governance.recertification.transitions.nobody import somebody_again
from governance.recertification.transitions.opening import leave_a_day
from governance.recertification.transitions.reviewed import take_out_of_force


@transition(
    Question,
    event="question.reminded",
    permission=Permission.ITEM_OPEN,
    source=WAITING,
    duties=[duties.REMINDER_DUE, duties.STANDING],
    parents=answering.ABOVE,
)
def remind(step: Step[Question]) -> Effect:
    """Whoever is asked and has not answered is reminded, at most once on each of their days (R5)."""
    question = step.subject
    item, zone = question.item, reviewers.zone_of(question.reviewer)
    notices.tell_reviewer(step, question, "reminder", key=f"reminder:{step.now.astimezone(zone).date().isoformat()}")
    question.remind_at = scheduling.next_reminder(step.now, opened_at=item.opened_at, deadline=item.deadline, zone=zone)
    step.save(question)
    return Effect(payload={"to": str(question.reviewer.opaque_id), "next": ledger.instant(question.remind_at)})


@transition(
    Question,
    event="question.reassigned",
    permission=Permission.ITEM_OPEN,
    source=WAITING,
    duties=[duties.REVIEWER_OUT, duties.STANDING],
    parents=answering.ABOVE,
)
def replace_reviewer(step: Step[Question]) -> Effect:
    """A reviewer has left, or is in conflict by now: the next on the ladder is asked, until the same deadline (R8).

    Where nobody was left on it, whoever stands there by now is, and has time for it (A9).
    """
    question = step.subject
    bench = reviewers.bench_of(question.item, step.now)
    to = reviewers.next_now(question, bench)
    if to is None:
        raise refuse(Refusal("A9", "state", "Nobody is left whom it could be asked of."))
    if question.item.nobody or to.pk not in question.ladder:
        somebody_again(step, question, bench)
    if to.pk not in question.ladder:
        question.ladder = [*question.ladder, to.pk]
    hand_over(step, question, to)
    notices.tell_reviewer(step, question, "passed", key="passed")
    return Effect(payload={"to": str(to.opaque_id)})


@transition(
    Item,
    event="item.escalated",
    permission=Permission.ITEM_CLOSE,
    source=[ItemState.OPEN],
    target=[ItemState.ESCALATED],
    duties=[duties.STANDING, duties.DEADLINE_PASSED, duties.GOES_ON],
    parents=settling.ABOVE,
)
def escalate(step: Step[Item]) -> Effect:
    """The deadline has passed: whatever is unanswered goes to the deputy, or to the next on the ladder (R6).

    However late that comes, what silence does comes a day after it at the earliest.
    """
    item = step.subject
    leave_a_day(step, item)
    asked: dict[str, str] = {}
    for question in item.questions.filter(answered_at__isnull=True).select_for_update(of=("self",)).order_by("pk"):
        before, to = question.reviewer, reviewers.next_after(question)
        if to is None:
            continue
        question.item = item
        hand_over(step, question, to)
        step.record("question.escalated", question, {"to": str(to.opaque_id)})
        notices.tell_reviewer(step, question, "escalated", key="escalated")
        notices.tell(step, item, [before], "taken_over", key=f"taken_over:{question.asks}", by=to.name)
        asked[question.asks] = str(to.opaque_id)
    return Effect(payload={"to": asked})


@transition(
    Item,
    event="item.silence_suspended",
    permission=Permission.ITEM_CLOSE,
    source=[ItemState.ESCALATED],
    duties=[duties.STANDING, duties.GRACE_PASSED, duties.GOES_ON],
    parents=settling.ABOVE,
)
def suspend_for_silence(step: Step[Item]) -> Effect:
    """The grace period has passed: what nobody answered for is suspended, and ends unless an answer comes (R6)."""
    item = step.subject
    take_out_of_force(step, item, Why.SILENCE)
    item.suspended_at = step.now
    item.closes_at = settling.closing(item, step.now)
    step.save(item)
    asked = list(item.questions.filter(answered_at__isnull=True).order_by("pk"))
    for question in asked:
        question.item = item
        notices.tell_reviewer(step, question, "suspended", key="suspended")
    told = {question.reviewer_id for question in asked}
    others = [owner for owner in item.of_automation.answering(step.now) if owner.pk not in told]
    notices.tell(step, item, others, "suspended", key="suspended")
    return Effect(payload={"closes_at": ledger.instant(item.closes_at)})
