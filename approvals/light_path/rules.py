"""Duties of spot checks: of a changed source, and of auto-approved privileges (A12, A13, S1, S2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from approvals.assignment.context import SubmissionContext
from approvals.decisions.rules import duties
from approvals.light_path import spot_checks
from approvals.models import Sample
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal


def _require_seal(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    if spot_checks.seal_over(subject.submission) is None:
        return Refusal("A13", "state", "The ledger is not sealed so far: whether it is drawn is not known yet.")
    return None


def _refuse_conflict(code: str) -> Callable[..., Refusal | None]:
    """Return a check for conflicts of the actor with this code."""

    def refuse_conflict(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
        for person in actor.people:
            conflict = spot_checks.conflict(person, context.route, subject)
            if conflict is not None and conflict[0] == code:
                words = _conflict_sentence(code, subject)
                sentence = words if person == actor.person else f"{conflict[1]}, and you would stand in for them."
                return Refusal(code, "duty", sentence, _reviewer_words(subject, context))
        return None

    return refuse_conflict


def _conflict_sentence(code: str, subject: Sample) -> str:
    if code == "SOD-1":
        return "You are a party to this submission, and a party does not look at it."
    if subject.is_of_policy:
        return "You decided the app of this submission; looking at what policy approved stands for the other stage."
    return "You decided a privilege of this submission; looking at its source stands for the other stage."


def _reviewer_words(subject: Sample, context: SubmissionContext) -> str:
    names = [person.name for person in spot_checks.reviewers_of(subject, context)]
    return f"It is with {' or '.join(names)}." if names else "Nobody is left to look at it."


def _require_turn(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    if actor.capacity_of in spot_checks.reviewers_of(subject, context):
        return None
    return Refusal("A9", "duty", "Somebody before you looks at this.", _reviewer_words(subject, context))


def _require_time(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    if subject.due_at is None or now < subject.due_at:
        return None
    stage = "stage 2" if subject.is_of_policy else "stage 1"
    sentence = f"The time to look at this was over on {duties.deadline_day(subject.due_at)}: it is suspended until {stage} decides."
    return Refusal("A13", "state", sentence, f"Whoever submits it again asks {stage}.")


def _require_time_over(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    ends = subject.due_at
    return Refusal("A13", "state", "Its time is not up.") if ends is None or ends > now else None


def _require_new_reviewer(subject: Sample, actor: Actor, now: datetime, context: SubmissionContext) -> Refusal | None:
    if all(person.pk in subject.asked for person in spot_checks.reviewers_of(subject, context)):
        return Refusal("A9", "state", "Everybody who may look was asked.")
    return None


SEALED = Duty(
    "A13", "A13", "A sample is drawn from the seal over its coming into force, and not before.", _require_seal
)
PARTY_LOOKS = Duty(
    "SOD-1",
    "S1",
    "A party does not look at what was drawn of its submission.",
    _refuse_conflict("SOD-1"),
    needs_context=True,
)
DECIDER_LOOKS = Duty(
    "SOD-2",
    "S2",
    "Who decided in one stage of a submission does not look in place of the other.",
    _refuse_conflict("SOD-2"),
    needs_context=True,
)
TURN_TO_LOOK = Duty(
    "A9", "A9", "A security reviewer looks; a fallback owner where none is free.", _require_turn, needs_context=True
)
LOOK_IN_TIME = Duty("A13", "A13", "Nobody looks once the time for it is up: silence has suspended it.", _require_time)
LOOK_TIME_IS_UP = Duty(
    "A13", "A13", "What was drawn is suspended once the time to look at it is up.", _require_time_over
)
SOMEBODY_NEW_TO_LOOK = Duty("A9", "A9", "Who may look is asked, each once.", _require_new_reviewer, needs_context=True)

#: Duties of deciding a spot check, in this order.
SPOT_CHECK_DUTIES = (PARTY_LOOKS, DECIDER_LOOKS, TURN_TO_LOOK, duties.INTERACTIVE, LOOK_IN_TIME)
