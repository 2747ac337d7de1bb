"""Conflict lines on an automation's page (S6). The conflicts app registers the function that supplies them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from governance.core.actors.actor import Actor
from inventory.models import Automation

#: ``panel(automation, actor, now)`` returns a line {lead, text, tone, href} or None; it only reads.
LineSupplier = Callable[[Automation, Actor, datetime], dict[str, Any] | None]

_telling: list[LineSupplier] = []


def register_supplier(telling: LineSupplier) -> None:
    """Register a function that supplies a conflict line. Call it in an app's `ready()`; a second call changes nothing."""
    if telling not in _telling:
        _telling.append(telling)


def conflict_lines(automation: Automation, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """Conflict lines of an automation; empty without a conflict or a registered function."""
    return [panel for telling in _telling if (panel := telling(automation, actor, now)) is not None]
