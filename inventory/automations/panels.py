"""Lines of higher apps on an automation's page: conflicts (S6), and people that its review waits for."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from governance.core.access import Actor

#: ``supply(row, actor, now)`` returns what the panel's template draws, or None; it only reads.
Supplier = Callable[[Any, Actor, datetime], Any]

#: Line about conflicts: {lead, text, tone, href}.
CONFLICTS = "conflicts"
#: People that the review waits for, as the reader may see them: context of ``components/waiting_for.html``.
WAITING = "waiting"

#: Button Stop of a resource or an identity, see ``components/action.html`` (G5).
STOP = "stop"

_suppliers: dict[str, Supplier] = {}


def register_supplier(panel: str, supply: Supplier) -> None:
    """Register the function that supplies a panel. Call it in an app's `ready()`; the last call counts."""
    _suppliers[panel] = supply


def supplied(panel: str, row: Any, actor: Actor, now: datetime) -> Any:
    """Content of a panel; None without a registered function."""
    return _suppliers[panel](row, actor, now) if panel in _suppliers else None
