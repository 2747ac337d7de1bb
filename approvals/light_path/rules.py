"""Duties of spot checks: of a changed source, and of auto-approved privileges (A12, A13, S1, S2)."""

from __future__ import annotations

from datetime import datetime

from approvals.assignment.route import Route
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


def _refuse_conflict(subject: Sample, actor: Actor, now: datetime, code: str) -> Refusal | None:
    route = Route.load(subject.submission, now)
    for person in actor.people:
        conflict = spot_checks.conflict(person, route, subject)
        if conflict is not None and conflict[0] == code:
            other_stage = (
                "You decided a privilege of this submission; looking at its source stands for the other stage."
            )
            if subject.is_of_policy:
                other_stage = "You decided the app of this submission; looking at what policy approved stands for the other stage."
            party = "You are a party to this submission, and a party does not look at it."
            words = party if code == "SOD-1" else other_stage
            sentence = words if person == actor.person else f"{conflict[1]}, and you would stand in for them."
            return Refusal(code, "duty", sentence, _reviewer_words(subject, now))
    return None


def _reviewer_words(subject: Sample, now: datetime) -> str:
    names = [person.name for person in spot_checks.reviewers_of(subject, now)]
    return f"It is with {' or '.join(names)}." if names else "Nobody is left to look at it."


def _refuse_party(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    return _refuse_conflict(subject, actor, now, "SOD-1")


def _refuse_decider(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    return _refuse_conflict(subject, actor, now, "SOD-2")


def _require_turn(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    if actor.capacity_of in spot_checks.reviewers_of(subject, now):
        return None
    return Refusal("A9", "duty", "Somebody before you looks at this.", _reviewer_words(subject, now))


def _require_time(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    if subject.due_at is None or now < subject.due_at:
        return None
    stage = "stage 2" if subject.is_of_policy else "stage 1"
    sentence = f"The time to look at this was over on {duties.deadline_day(subject.due_at)}: it is suspended until {stage} decides."
    return Refusal("A13", "state", sentence, f"Whoever submits it again asks {stage}.")


def _require_time_over(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    ends = subject.due_at
    return Refusal("A13", "state", "Its time is not up.") if ends is None or ends > now else None


def _require_new_reviewer(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    if all(person.pk in subject.asked for person in spot_checks.reviewers_of(subject, now)):
        return Refusal("A9", "state", "Everybody who may look was asked.")
    return None


SEALED = Duty(
    "A13", "A13", "A sample is drawn from the seal over its coming into force, and not before.", _require_seal
)
PARTY_LOOKS = Duty("SOD-1", "S1", "A party does not look at what was drawn of its submission.", _refuse_party)
DECIDER_LOOKS = Duty(
    "SOD-2", "S2", "Who decided in one stage of a submission does not look in place of the other.", _refuse_decider
)
TURN_TO_LOOK = Duty("A9", "A9", "A security reviewer looks; a fallback owner where none is free.", _require_turn)
LOOK_IN_TIME = Duty("A13", "A13", "Nobody looks once the time for it is up: silence has suspended it.", _require_time)
LOOK_TIME_IS_UP = Duty(
    "A13", "A13", "What was drawn is suspended once the time to look at it is up.", _require_time_over
)
SOMEBODY_NEW_TO_LOOK = Duty("A9", "A9", "Who may look is asked, each once.", _require_new_reviewer)

#: Duties of deciding a spot check, in this order.
SPOT_CHECK_DUTIES = (PARTY_LOOKS, DECIDER_LOOKS, TURN_TO_LOOK, duties.INTERACTIVE, LOOK_IN_TIME)
