"""What to weigh before a button: one line each, as ``components/reasons.html`` takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from inventory.risk.tiers import POWER

Shape = dict[str, Any]

#: Lines of a question; the rest is counted.
SHOWN = 12
ICONS = {"read": "eye", "write": "pen", "unknown": "question", "execute": "terminal", "admin": "sliders"}


class Use(NamedTuple):
    """One thing that can be done: how much, what in words, and to which class of data."""

    level: str
    sentence: str
    data_class: str


def held(uses: Iterable[Use]) -> list[Shape]:
    """What could be reached, the most powerful first; nothing for nothing."""
    power = sorted(uses, key=lambda use: POWER.index(use.level), reverse=True)
    rows = [
        {"icon": ICONS[use.level], "lead": use.sentence, "text": f"{use.data_class} data.".capitalize()}
        for use in power[:SHOWN]
    ]
    return and_more(rows, len(power))


def and_more(rows: list[Shape], number: int) -> list[Shape]:
    """The lines, and how many more there are of so many."""
    more = number - len(rows)
    return [*rows, {"icon": "plus", "lead": f"And {more} more.", "text": ""}] if more else rows
