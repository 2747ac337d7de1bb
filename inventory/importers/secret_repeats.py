"""Removes known secrets wherever else they stand in a document, in one pass whatever their number."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from inventory.importers.secret_budget import Budget

REMOVED = "secret-removed"
"""Stands where a secret or its placeholder stood; the same for all, so that changing a secret changes no digest."""

_SHORTEST = 8
_PREFIX = 4


class Repeats:
    """The secrets of one document, indexed by their first characters."""

    def __init__(self, values: Iterable[str], budget: Budget) -> None:
        self._budget = budget
        self._by_prefix: dict[str, list[str]] = {}
        for value in sorted((each for each in values if len(each) >= _SHORTEST), key=len, reverse=True):
            self._by_prefix.setdefault(value[:_PREFIX], []).append(value)

    def __bool__(self) -> bool:
        return bool(self._by_prefix)

    def removed_from(self, value: Any) -> Any:
        """A copy of `value`, member names included, without the known secrets."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.removed_from(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.removed_from(each) for each in value]
        return value

    def text(self, text: str) -> str:
        """`text` without the known secrets; the longest one counts where several begin.

        Raises:
            OverBudget: the file costs too much work.
        """
        self._budget.read(len(text))
        parts: list[str] = []
        end = at = 0
        last = len(text) - _SHORTEST
        while at <= last:
            candidates = self._by_prefix.get(text[at : at + _PREFIX], ())
            known = next((each for each in candidates if text.startswith(each, at)), "")
            if known:
                parts += [text[end:at], REMOVED]
                at = end = at + len(known)
            else:
                at += 1
        return "".join([*parts, text[end:]]) if parts else text
