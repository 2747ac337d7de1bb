"""What happens when nobody answers: reminders, the next on the ladder, suspension (R5, R6, R8). Jobs cause all of it.

What silence suspended ends by `settle.close`. An answer that comes before that still counts.
"""

from __future__ import annotations

from approvals.models.grant import Why
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.roles.roles import Permission
from governance.recertification.items import notices as item_notices
from governance.recertification.items import reviewers, schedule
from governance.recertification.items import rules as item_rules
from governance.recertification.items.transitions import answer, settle
from governance.recertification.items.transitions.answer import WAITING, hand_over
from governance.recertification.items.transitions.missing_reviewer import somebody_again
from governance.recertification.items.transitions.open_item import leave_a_day
from governance.recertification.items.transitions.outcome_effects import take_out_of_force
from governance.recertification.models import Item, ItemState, Question


@transition(
    Question,
    event="question.reminded",
    permission=Permission.ITEM_OPEN,
    source=WAITING,
    duties=[item_rules.REMINDER_DUE, item_rules.STANDING],
    parents=answer.ABOVE,
)
def remind(step: Step[Question]) -> Effect:
    """Whoever is asked and has not answered is reminded, at most once on each of their days (R5)."""
    question = step.subject
    item, zone = question.item, reviewers.zone_of(question.reviewer)
    item_notices.tell_reviewer(
        step, question, "reminder", key=f"reminder:{step.now.astimezone(zone).date().isoformat()}"
    )
    question.remind_at = schedule.next_reminder(step.now, opened_at=item.opened_at, deadline=item.deadline, zone=zone)
    step.save(question)
    return Effect(payload={"to": str(question.reviewer.opaque_id), "next": ledger_events.instant(question.remind_at)})


@transition(
    Question,
    event="question.reassigned",
    permission=Permission.ITEM_OPEN,
    source=WAITING,
    duties=[item_rules.REVIEWER_OUT, item_rules.STANDING],
    parents=answer.ABOVE,
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
    item_notices.tell_reviewer(step, question, "passed", key="passed")
    return Effect(payload={"to": str(to.opaque_id)})


@transition(
    Item,
    event="item.escalated",
    permission=Permission.ITEM_CLOSE,
    source=[ItemState.OPEN],
    target=[ItemState.ESCALATED],
    duties=[item_rules.STANDING, item_rules.DEADLINE_PASSED, item_rules.GOES_ON],
    parents=settle.ABOVE,
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
        item_notices.tell_reviewer(step, question, "escalated", key="escalated")
        item_notices.tell(step, item, [before], "taken_over", key=f"taken_over:{question.asks}", by=to.name)
        asked[question.asks] = str(to.opaque_id)
    return Effect(payload={"to": asked})


@transition(
    Item,
    event="item.silence_suspended",
    permission=Permission.ITEM_CLOSE,
    source=[ItemState.ESCALATED],
    duties=[item_rules.STANDING, item_rules.GRACE_PASSED, item_rules.GOES_ON],
    parents=settle.ABOVE,
)
def suspend_for_silence(step: Step[Item]) -> Effect:
    """The grace period has passed: what nobody answered for is suspended, and ends unless an answer comes (R6)."""
    item = step.subject
    take_out_of_force(step, item, Why.SILENCE)
    item.suspended_at = step.now
    item.closes_at = settle.closing(item, step.now)
    step.save(item)
    asked = list(item.questions.filter(answered_at__isnull=True).order_by("pk"))
    for question in asked:
        question.item = item
        item_notices.tell_reviewer(step, question, "suspended", key="suspended")
    told = {question.reviewer_id for question in asked}
    others = [owner for owner in item.of_automation.answering(step.now) if owner.pk not in told]
    item_notices.tell(step, item, others, "suspended", key="suspended")
    return Effect(payload={"closes_at": ledger_events.instant(item.closes_at)})
