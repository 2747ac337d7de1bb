"""Lines of ``components/reasons.html`` that a page shows before a button."""

from collections.abc import Iterable
from typing import NamedTuple

from governance.web.pages.page import Shape
from inventory.risk.levels import POWER

#: Lines that are shown; the others are counted.
SHOWN = 12
ICONS = {"read": "eye", "write": "pen", "unknown": "question", "execute": "terminal", "admin": "sliders"}


class Use(NamedTuple):
    """One use of an entitlement: level, sentence and data class."""

    level: str
    sentence: str
    data_class: str


def use_reasons(uses: Iterable[Use]) -> list[Shape]:
    """Uses, the highest level first; empty without any."""
    power = sorted(uses, key=lambda use: POWER.index(use.level), reverse=True)
    rows = [
        {"icon": ICONS[use.level], "lead": use.sentence, "text": f"{use.data_class} data.".capitalize()}
        for use in power[:SHOWN]
    ]
    return with_more_line(rows, len(power))


def with_more_line(rows: list[Shape], number: int) -> list[Shape]:
    """Add a line with the number of further rows."""
    more = number - len(rows)
    return [*rows, {"icon": "plus", "lead": f"And {more} more.", "text": ""}] if more else rows
