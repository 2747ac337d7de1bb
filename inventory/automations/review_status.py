"""People that an automation's review waits for, shown on its page. The submissions app registers the function that
supplies them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from governance.core.actors.actor import Actor
from inventory.models import Automation

#: ``waiting(automation, actor, now)`` returns the context of ``components/waiting_for.html``; it only reads.
WaitingSupplier = Callable[[Automation, Actor, datetime], list[dict[str, Any]]]

_telling: list[WaitingSupplier] = []


def register_supplier(telling: WaitingSupplier) -> None:
    """Register a function that supplies the people. Call it in an app's `ready()`; a second call changes nothing."""
    if telling not in _telling:
        _telling.append(telling)


def waiting_for(automation: Automation, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    """People that the review waits for, as the reader may see them; empty without a review."""
    return [shape for telling in _telling for shape in telling(automation, actor, now)]
