"""The duties of answering a review (S4, S5, R4, A11). Asked after permission, of everybody, for actor and represented alike."""

from __future__ import annotations

from datetime import datetime

from governance.controls.actors import Actor
from governance.controls.duty import Duty
from governance.controls.refusals import Refusal
from governance.recertification import reviewers
from governance.recertification.models import AnswerKind, Asks, ItemState, Question


def _interactive(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    if actor.kind == "person" and actor.signed_in_at is not None:
        return None
    return Refusal(
        "SOD-5", "duty", "Tokens, jobs and commands answer nothing.", "Sign in to the portal and answer there."
    )


def _two_people(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    used = reviewers.in_the_way(subject.item, Asks(subject.asks))
    for person in actor.people:
        if person.pk in used:
            who = "You are" if person == actor.person else f"{person.name}, for whom you stand in, is"
            sentence = f"{who} asked the other question of this item; two people answer the two."
            return Refusal("SOD-4", "duty", sentence, "Pass it on with “Not mine”.")
    return None


def _gains(subject: Question, actor: Actor, now: datetime) -> Refusal | None:
    if subject.asks != Asks.ACCEPTABLE:
        return None
    for person in actor.people:
        if reviewers.gains(subject.item, person):
            who = "You own" if person == actor.person else f"{person.name}, for whom you stand in, owns"
            sentence = f"{who} the automation, and whoever gains does not say that it is acceptable."
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
TWO_PEOPLE = Duty("SOD-4", "S4", "The two questions of an item are answered by two people.", _two_people)
GAINS = Duty("SOD-4", "S4", "Whoever owns the automation does not say that it is acceptable.", _gains)
CORRECTABLE = Duty("R4", "R4", "A submitted revoke can be corrected until it takes effect for good.", _correctable)
