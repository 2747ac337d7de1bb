"""Who holds an automation that is under review: known to a higher app, which says so here, and shown on the automation's page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from governance.core.actors.actor import Actor
from inventory.models import Automation

#: ``held(automation, actor, now)`` answers with what ``components/waiting_for.html`` draws; it only reads.
Telling = Callable[[Automation, Actor, datetime], list[dict[str, Any]]]

_telling: list[Telling] = []


def register(telling: Telling) -> None:
    """Have ``telling`` say who holds an automation. Call it in an app's `ready()`; twice is once."""
    if telling not in _telling:
        _telling.append(telling)


def held(automation: Automation, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """Who holds it, as the reader is told: empty where nobody does, or where no app knows."""
    return [shape for telling in _telling for shape in telling(automation, actor, now)]
