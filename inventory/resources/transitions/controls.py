"""Controls that no name tells: whoever answers for a resource says which stand on what can be held there (S6).

A rule of the kind "A without B" is content with them, so nobody says so of what they gain from. Who answers for it takes it back, or security.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission
from inventory.importers.capabilities import BY_HAND
from inventory.models import Control, Entitlement
from inventory.ownership import parties


def _require_no_stake(subject: Entitlement, actor: Actor, now: datetime) -> Refusal | None:
    stake = parties.in_entitlement(subject, actor)
    if stake is None:
        return None
    sentence = f"{stake}, so somebody else says which controls stand on it."
    return Refusal("SOD-1", "duty", sentence, "The other one of owner and deputy does.")


WITHOUT_STAKE = Duty(
    "SOD-1",
    "S1",
    "Who owns, brought in or wrote what holds an entitlement does not say that a control stands on it.",
    _require_no_stake,
)


@transition(
    Entitlement,
    event="control.said",
    permission=Permission.CONTROL_SAY,
    duties=[WITHOUT_STAKE],
    reason_needed=True,
)
def say_control(step: Step[Entitlement], *, tag: str) -> Effect:
    """Whoever answers for a resource says that a control stands on one thing that can be held there, and how.

    Args:
        step: the running step.
        tag: one of `BY_HAND`.
    """
    entitlement = step.subject
    if tag not in BY_HAND:
        raise refuse(Refusal("S6", "input", "Choose one of the list.", detail=(("tag", "Choose one of the list."),)))
    if entitlement.controls.standing().filter(tag=tag).exists():
        raise refuse(Refusal("S6", "state", "Somebody says that already.", "See who, and why, on its page."))
    person = step.actor.person
    assert person is not None  # permitted by answering for the resource
    assert step.reason is not None
    made = Control(
        entitlement=entitlement,
        tag=tag,
        reason=step.reason,
        said_by=person,
        said_for=step.actor.standing_for,
        said_at=step.now,
    )
    step.save(made)
    _tag(step, entitlement)
    return Effect(subject=made, payload={"entitlement": entitlement.pk, "tag": tag})


@transition(
    Control,
    event="control.taken_back",
    permission=Permission.CONTROL_END,
    source=("standing",),
    parents=("entitlement",),
    reason_needed=True,
)
def take_back_control(step: Step[Control]) -> Effect:
    """It stands no more: what rests on it is in conflict again from now on, and what is held has its time (S6)."""
    control = step.subject
    control.ended_by, control.ended_at, control.ended_why = step.actor.person, step.now, step.reason
    step.save(control)
    _tag(step, control.entitlement)
    return Effect(payload={"entitlement": control.entitlement_id, "tag": control.tag})


def _tag(step: Step[Any], entitlement: Entitlement) -> None:
    """Give an entitlement the tags of the controls that stand on it, beside those that its name tells."""
    stand = set(entitlement.controls.standing().values_list("tag", flat=True))
    entitlement.tags = sorted({*entitlement.tags} - BY_HAND | stand)
    step.save(entitlement)
