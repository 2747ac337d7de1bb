"""The duties of looking at what nobody decided: a source that changed, what policy approved (A12, A13, S1, S2)."""

from __future__ import annotations

from datetime import datetime

from approvals.assignment.route import Route
from approvals.decisions.rules import duties
from approvals.light_path import spot_checks
from approvals.models import Sample
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal


def _sealed(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    if spot_checks.seal_over(subject.submission) is None:
        return Refusal("A13", "state", "The ledger is not sealed so far: whether it is drawn is not known yet.")
    return None


def _looks_apart(subject: Sample, actor: Actor, now: datetime, code: str) -> Refusal | None:
    route = Route.load(subject.submission, now)
    for person in actor.people:
        no = spot_checks.conflict(person, route, subject)
        if no is not None and no[0] == code:
            other = "You decided a privilege of this submission; looking at its source stands for the other stage."
            if subject.is_of_policy:
                other = "You decided the app of this submission; looking at what policy approved stands for the other stage."
            party = "You are a party to this submission, and a party does not look at it."
            words = party if code == "SOD-1" else other
            sentence = words if person == actor.person else f"{no[1]}, and you would stand in for them."
            return Refusal(code, "duty", sentence, _with_whom(subject, now))
    return None


def _with_whom(subject: Sample, now: datetime) -> str:
    names = [person.name for person in spot_checks.may_look(subject, now)]
    return f"It is with {' or '.join(names)}." if names else "Nobody is left to look at it."


def _party_looks(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    return _looks_apart(subject, actor, now, "SOD-1")


def _decider_looks(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    return _looks_apart(subject, actor, now, "SOD-2")


def _turn_to_look(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    if actor.capacity_of in spot_checks.may_look(subject, now):
        return None
    return Refusal("A9", "duty", "Somebody before you looks at this.", _with_whom(subject, now))


def _look_in_time(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    if subject.due_at is None or now < subject.due_at:
        return None
    stage = "stage 2" if subject.is_of_policy else "stage 1"
    sentence = (
        f"The time to look at this was over on {duties.day(subject.due_at)}: it is suspended until {stage} decides."
    )
    return Refusal("A13", "state", sentence, f"Whoever submits it again asks {stage}.")


def _look_time_is_up(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    ends = subject.due_at
    return Refusal("A13", "state", "Its time is not up.") if ends is None or ends > now else None


def _somebody_new(subject: Sample, actor: Actor, now: datetime) -> Refusal | None:
    if all(person.pk in subject.asked for person in spot_checks.may_look(subject, now)):
        return Refusal("A9", "state", "Everybody who may look was asked.")
    return None


SEALED = Duty("A13", "A13", "A sample is drawn from the seal over its coming into force, and not before.", _sealed)
PARTY_LOOKS = Duty("SOD-1", "S1", "A party does not look at what was drawn of its submission.", _party_looks)
DECIDER_LOOKS = Duty(
    "SOD-2", "S2", "Who decided in one stage of a submission does not look in place of the other.", _decider_looks
)
TURN_TO_LOOK = Duty("A9", "A9", "A security reviewer looks; a fallback owner where none is free.", _turn_to_look)
LOOK_IN_TIME = Duty("A13", "A13", "Nobody looks once the time for it is up: silence has suspended it.", _look_in_time)
LOOK_TIME_IS_UP = Duty("A13", "A13", "What was drawn is suspended once the time to look at it is up.", _look_time_is_up)
SOMEBODY_NEW_TO_LOOK = Duty("A9", "A9", "Who may look is asked, each once.", _somebody_new)

#: Asked, in this order, of everybody who looks at a sample.
LOOKING = (PARTY_LOOKS, DECIDER_LOOKS, TURN_TO_LOOK, duties.INTERACTIVE, LOOK_IN_TIME)
