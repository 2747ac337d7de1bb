"""Controls that no name shows: the owner of a resource states which apply to its entitlements (S6).

A control satisfies a rule of "A without B", so no person states one that they gain from. The owner or security
withdraws it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from governance.core.actors.actor import Actor
from governance.core.duties.duty import duty
from governance.core.duties.refusals import Refusal, invalid, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.roles.roles import Permission
from inventory.importers.capabilities import STATED_CONTROLS
from inventory.models import Control, Entitlement
from inventory.ownership import parties


@duty("SOD-1")
def no_stake(subject: Entitlement, actor: Actor, now: datetime) -> Refusal | None:
    """Owners, importers and authors of an automation can't state a control on its entitlements."""
    stake = parties.stake_in_entitlement(subject, actor)
    if stake is None:
        return None
    sentence = f"{stake}, so another person states its controls."
    return Refusal("SOD-1", "duty", sentence, "The other of owner and backup approver does.")


@transition(Entitlement, event="control.said", permission=Permission.CONTROL_SAY, duties=[no_stake], reason_needed=True)
def state_control(step: Step[Entitlement], *, tag: str) -> Effect:
    """State that a control applies to an entitlement, and how, as owner of its resource.

    Args:
        step: the running step.
        tag: one of `STATED_CONTROLS`.
    """
    entitlement = step.subject
    if tag not in STATED_CONTROLS:
        raise invalid("S6", "tag", "Choose one of the list.")
    if entitlement.controls.standing().filter(tag=tag).exists():
        raise refuse(Refusal("S6", "state", "This control is already stated.", "See who, and why, on its page."))
    person = step.actor.person
    assert person is not None  # the permission requires owning the resource
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
def withdraw_control(step: Step[Control]) -> Effect:
    """Withdraw a control: access that relied on it conflicts again, with time for a decision (S6)."""
    control = step.subject
    control.ended_by, control.ended_at, control.ended_why = step.actor.person, step.now, step.reason
    step.save(control)
    _tag(step, control.entitlement)
    return Effect(payload={"entitlement": control.entitlement_id, "tag": control.tag})


def _tag(step: Step[Any], entitlement: Entitlement) -> None:
    """Set an entitlement's tags from its name and its controls in force."""
    stand = set(entitlement.controls.standing().values_list("tag", flat=True))
    entitlement.tags = sorted({*entitlement.tags} - STATED_CONTROLS | stand)
    step.save(entitlement)
