"""In what conflicts an automation has a part: known to a higher app, which says so here, and shown on the automation's page (S6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from governance.core.actors.actor import Actor
from inventory.models import Automation

#: ``told(automation, actor, now)`` answers with a line {lead, text, tone, href}, or None where there is nothing to say; it only reads.
Telling = Callable[[Automation, Actor, datetime], dict[str, Any] | None]

_telling: list[Telling] = []


def register(telling: Telling) -> None:
    """Have ``telling`` say what an automation is in conflict with. Call it in an app's `ready()`; twice is once."""
    if telling not in _telling:
        _telling.append(telling)


def told(automation: Automation, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """The lines: empty where it is in no conflict, or where no app knows."""
    return [panel for telling in _telling if (panel := telling(automation, actor, now)) is not None]
