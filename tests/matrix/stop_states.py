"""How a press of Stop gets into the states of ``approvals.csv``: the business owner stops the automation of *held*."""

from __future__ import annotations

from datetime import timedelta

from approvals.grants.transitions import stops
from approvals.models import Grant, Stop
from tests.matrix.approvals_states import held
from tests.matrix.cast_and_states import World, state

STOP = "approvals.stop"


def _pressed(w: World, grant: Grant, *, ago: timedelta = timedelta()) -> Stop:
    stops.stop_automation(grant.automation, actor=w.actor("business_owner"), now=w.now - ago)
    return Stop.objects.get()


@state(STOP, "pressed", on=held)
def pressed(w: World, grant: Grant) -> Stop:
    """Pressed just now."""
    return _pressed(w, grant)


@state(STOP, "late", on=held)
def late(w: World, grant: Grant) -> Stop:
    """Pressed a minute ago."""
    return _pressed(w, grant, ago=timedelta(seconds=60))


@state(STOP, "undone", on=pressed)
def undone(w: World, row: Stop) -> Stop:
    """Undone."""
    return stops.undo(row, actor=w.actor("business_owner"), now=w.now)


@state(STOP, "explained", on=pressed)
def explained(w: World, row: Stop) -> Stop:
    """The reason was given."""
    return stops.explain(row, actor=w.actor("business_owner"), now=w.now, reason="It misbehaves.")
