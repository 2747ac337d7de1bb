"""Dates of n8n's library in code: they stay in rows of calls that end in a plain value.

The library reads members by given names (``get``, ``loc.months``, names of zones). So a date is no value of its own: it
begins a row of listed calls, or has a name whose every use does.
"""

from __future__ import annotations

from collections.abc import Mapping

from inventory.importers.code.javascript_names import DATE_ENDS, DATE_PARTS, DATE_STEPS, DATES
from inventory.importers.code.javascript_structure import DOTS, Text


def dates_in(text: Text) -> Mapping[str, tuple[int, int]]:
    """Names that the text gives to dates, each with the first and last token of its row of calls."""
    dates: dict[str, tuple[int, int]] = {}
    for index in sorted(place for name in ("const", "let", "var") for place in text.places.get(name, ())):
        name, root = text.name(index + 1), index + 3
        if not name or text.mark(index + 2) != "=" or not (text.name(root) in DATES or text.name(root) in dates):
            continue
        end = ends_plain(text, root)
        if end > 0 and _ends_statement(text, end + 1):
            dates[name] = (root, end)
    return dates


def ends_plain(text: Text, index: int) -> int:
    """0 if a date's row of calls ends in a plain value, its last token if it ends in a date, -1 if uncertain."""
    answers, end = DATES.get(text.name(index), frozenset()), index
    if text.is_member(index):
        return -1
    if answers:
        if text.mark(index + 1) != "." or text.name(index + 2) not in answers or text.mark(index + 3) != "(":
            return -1
        end = text.pairs[index + 3]
    while text.mark(end + 1) in DOTS:
        member, is_called = text.name(end + 2), text.mark(end + 3) == "("
        if member in (DATE_ENDS if is_called else DATE_PARTS):
            return 0
        if not is_called or member not in DATE_STEPS:
            return -1
        end = text.pairs[end + 3]
    return -1 if text.mark(end + 1) in ("(", "[", "`") else end


def _ends_statement(text: Text, index: int) -> bool:
    """Whether a declaration ends before a token."""
    if text.mark(index) in (";", ",", "}") or not text.kind(index):
        return True
    return text.is_on_next_line(index) and bool(text.name(index)) and text.name(index) not in ("in", "instanceof", "of")
