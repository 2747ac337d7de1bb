"""Lines of ``components/reasons.html`` that a page shows before a button."""

from collections.abc import Iterable

from governance.web.components import state_words
from governance.web.pages.page import Shape
from inventory.risk.levels import POWER

#: Lines that are shown; the others are counted.
SHOWN = 12


def use_reasons(uses: Iterable[tuple[str, str, str]]) -> list[Shape]:
    """Level, sentence and data class of uses, the highest level first; empty without any."""
    power = sorted(uses, key=lambda use: POWER.index(use[0]), reverse=True)
    rows = [
        {"icon": state_words.LEVELS[level].icon, "lead": sentence, "text": f"{data_class} data.".capitalize()}
        for level, sentence, data_class in power[:SHOWN]
    ]
    return with_more_line(rows, len(power))


def with_more_line(rows: list[Shape], number: int) -> list[Shape]:
    """Add a line with the number of further rows."""
    more = number - len(rows)
    return [*rows, {"icon": "plus", "lead": f"And {more} more.", "text": ""}] if more else rows
