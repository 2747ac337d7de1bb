"""Removes known secrets wherever else they stand in a document, in one pass whatever their number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from inventory.importers.secret_budget import Budget
from inventory.importers.secret_words import looks_like_token

REMOVED = "secret-removed"
"""Stands where a secret or its placeholder stood; the same for all, so that changing a secret changes no digest."""

_SHORTEST = 5
_PREFIX = 4
#: Members that say what something is. A password that is an ordinary word never changes them.
_STRUCTURE = frozenset(
    {"type", "nodeCredentialType", "genericAuthType", "authentication", "resource", "operation", "credentials"}
)


class Repeats:
    """The secrets of one document, indexed by their first characters.

    A secret that a machine made is removed wherever it stands. A password of letters with digits or symbols is removed
    where it stands as a word of its own, but not from the members that say what something is. A password that is an
    ordinary word is removed from its own slot only.
    """

    def __init__(self, values: Iterable[str], budget: Budget) -> None:
        self._budget = budget
        self._by_prefix: dict[str, list[tuple[str, bool]]] = {}
        for value in sorted({form for each in values for form in (each, quote(each, safe=""))}, key=len, reverse=True):
            is_made = looks_like_token(value)
            if len(value) >= _SHORTEST and (is_made or _is_distinct(value)):
                self._by_prefix.setdefault(value[:_PREFIX], []).append((value, is_made))

    def __bool__(self) -> bool:
        return bool(self._by_prefix)

    def removed_from(self, value: Any, member: str = "") -> Any:
        """A copy of `value`, member names included, without the known secrets.

        Args:
            value: JSON-able.
            member: the name under which it stands.
        """
        is_structure = member in _STRUCTURE
        if isinstance(value, str):
            return self.text(value, is_structure=is_structure)
        if isinstance(value, dict):
            return {
                self.text(key, is_structure=is_structure): self.removed_from(each, key) for key, each in value.items()
            }
        if isinstance(value, list):
            return [self.removed_from(each, member) for each in value]
        return value

    def text(self, text: str, *, is_structure: bool = False) -> str:
        """`text` without the known secrets; the longest one counts where several begin.

        Raises:
            OverBudget: the file costs too much work.
        """
        self._budget.read(len(text))
        parts: list[str] = []
        end = at = 0
        last = len(text) - _SHORTEST
        while at <= last:
            known = self._at(text, at, is_structure=is_structure)
            if known:
                parts += [text[end:at], REMOVED]
                at = end = at + len(known)
            else:
                at += 1
        return "".join([*parts, text[end:]]) if parts else text

    def _at(self, text: str, at: int, *, is_structure: bool) -> str:
        for value, is_made in self._by_prefix.get(text[at : at + _PREFIX], ()):
            if text.startswith(value, at) and (is_made or (not is_structure and _is_word(text, at, at + len(value)))):
                return value
        return ""


def _is_distinct(value: str) -> bool:
    """Whether a password differs from ordinary words: it has digits or symbols, or several words."""
    letters = sum(c.isalpha() for c in value)
    return letters < len(value.replace(" ", "")) or (" " in value and len(value) >= 12)


def _is_word(text: str, begin: int, end: int) -> bool:
    """Whether a part of a text has no letter or digit beside it."""
    return not text[max(0, begin - 1) : begin].isalnum() and not text[end : end + 1].isalnum()
