"""What to weigh before a button: one line each, as ``components/reasons.html`` takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inventory.models import Privilege
from inventory.views import reach

Shape = dict[str, Any]

#: Lines of a question; the rest is counted.
SHOWN = 12
ICONS = {"read": "eye", "write": "pen", "unknown": "question", "execute": "terminal", "admin": "sliders"}


def held(privileges: Iterable[Privilege]) -> list[Shape]:
    """What could be reached by some privileges, the most powerful first; nothing for none.

    Args:
        privileges: each with entitlement and resource at hand.
    """
    power = sorted(privileges, key=lambda one: reach.POWER.index(one.level), reverse=True)
    rows = [
        {"icon": ICONS[one.level], "lead": one.sentence, "text": f"{one.entitlement.counted_class} data.".capitalize()}
        for one in power[:SHOWN]
    ]
    return and_more(rows, len(power))


def and_more(rows: list[Shape], number: int) -> list[Shape]:
    """The lines, and how many more there are of so many."""
    more = number - len(rows)
    return [*rows, {"icon": "plus", "lead": f"And {more} more.", "text": ""}] if more else rows
