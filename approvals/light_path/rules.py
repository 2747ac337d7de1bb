"""Duties of spot checks: of a changed source, and of auto-approved privileges (A12, A13, S1, S2)."""

from __future__ import annotations

from datetime import datetime

from approvals.assignment.context import SubmissionContext
from approvals.decisions.rules import deadlines, duties
from approvals.light_path import spot_checks
from approvals.models import Sample
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, duty


@duty("A13")
def require_seal(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    """A spot check is drawn from the seal over the coming into force, never before."""
    if spot_checks.seal_over(subject.submission) is None:
        return Refusal("A13", "state", "The ledger is not sealed so far, so the draw is not known yet.")
    return None


@duty("SOD-1", needs_context=True)
def party_looks(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """A party can't answer a spot check of its submission."""
    return _conflict_refusal("SOD-1", subject, actor, context)


@duty("SOD-2", needs_context=True)
def decider_looks(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """A person who decided in one stage can't answer the spot check that stands for the other stage."""
    return _conflict_refusal("SOD-2", subject, actor, context)


def _conflict_refusal(code: str, subject: Sample, actor: Actor, context: SubmissionContext) -> Refusal | None:
    """A refusal if the actor has a conflict with this code."""
    for person in actor.people:
        conflict = spot_checks.conflict(person, context.route, subject)
        if conflict is not None and conflict[0] == code:
            words = _conflict_sentence(code, subject)
            sentence = words if person == actor.person else duties.delegate_sentence(conflict[1])
            return Refusal(code, "duty", sentence, _reviewer_words(subject, context))
    return None


def _conflict_sentence(code: str, subject: Sample) -> str:
    if code == "SOD-1":
        return "You are a party to this submission, so you can't answer its spot check."
    if subject.is_of_policy:
        return "You decided the app of this submission. This spot check stands for stage 2, so you can't answer it."
    return "You decided a privilege of this submission. This spot check stands for stage 1, so you can't answer it."


def _reviewer_words(subject: Sample, context: SubmissionContext) -> str:
    names = [person.name for person in spot_checks.reviewers_of(subject, context)]
    return f"Waiting for {' or '.join(names)}." if names else "No reviewer is left."


@duty("A9", needs_context=True)
def turn_to_look(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """A security reviewer answers a spot check; a fallback approver if no reviewer is free."""
    if actor.capacity_of in spot_checks.reviewers_of(subject, context):
        return None
    return Refusal("A9", "duty", "Another reviewer answers this spot check first.", _reviewer_words(subject, context))


@duty("A13")
def look_in_time(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    """A spot check can't be answered after its due date."""
    if subject.due_at is None or now < subject.due_at:
        return None
    stage = "stage 2" if subject.is_of_policy else "stage 1"
    sentence = f"This spot check was due on {deadlines.deadline_day(subject.due_at)}. The access is suspended until {stage} decides."
    return Refusal("A13", "state", sentence, f"A new submission asks {stage}.")


@duty("A13")
def look_time_is_up(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    """An unanswered spot check suspends the access at its due date."""
    ends = subject.due_at
    return Refusal("A13", "state", "The spot check is not due yet.") if ends is None or ends > now else None


@duty("A9", needs_context=True)
def somebody_new_to_look(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    """Each reviewer is asked once."""
    if all(person.pk in subject.asked for person in spot_checks.reviewers_of(subject, context)):
        return Refusal("A9", "state", "All reviewers were asked already.")
    return None


#: Duties of deciding a spot check, in this order.
SPOT_CHECK_DUTIES = (party_looks, decider_looks, turn_to_look, duties.requires_interactive, look_in_time)
