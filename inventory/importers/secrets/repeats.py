"""Remove known secrets from all other places of a document, in one pass for any number of them."""

from collections.abc import Container, Iterable, Mapping
from typing import Any
from urllib.parse import quote

from inventory.importers.secrets.slots import is_machine_made
from inventory.importers.work_budget import Budget

#: Stands where a secret or its placeholder stood; the same for all, so that changing a secret changes no digest.
REMOVED = "secret-removed"

_PREFIX = 4


def placeholders_of(values: Iterable[str]) -> dict[str, str]:
    """Placeholder of each machine-generated secret, in plain and in address form.

    Passwords made by people are left out: the same characters may be a package, a tool or a name elsewhere.
    Placeholders are numbered, so that two names with a token each stay different.
    """
    shown: dict[str, str] = {}
    for number, value in enumerate(dict.fromkeys(each for each in values if is_machine_made(each)), 1):
        for form in (value, quote(value, safe="")):
            shown[form] = REMOVED if number == 1 else f"{REMOVED}-{number}"
    return shown


class Repeats:
    """Texts to replace in one document, indexed by their first characters.

    Args:
        shown: placeholder of each text.
        budget: of the file.
    """

    def __init__(self, shown: Mapping[str, str], budget: Budget) -> None:
        self._budget = budget
        self._by_prefix: dict[str, list[str]] = {}
        self._shown = shown
        for form in sorted(shown, key=len, reverse=True):
            self._by_prefix.setdefault(form[:_PREFIX], []).append(form)

    def __bool__(self) -> bool:
        return bool(self._by_prefix)

    def removed_from(self, value: Any) -> Any:
        """Copy of `value` without the known secrets, member names included.

        Args:
            value: JSON-able.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            clean: dict[str, Any] = {}
            for key, each in value.items():
                clean[free_name(self.text(key), clean)] = self.removed_from(each)
            return clean
        if isinstance(value, list):
            return [self.removed_from(each) for each in value]
        return value

    def text(self, text: str) -> str:
        """`text` without the known secrets; the longest one counts if several begin at a position.

        Raises:
            OverBudget: the file costs too much work.
        """
        self._budget.spend_characters(len(text))
        parts: list[str] = []
        end = at = 0
        while at < len(text):
            replacement = self._at(text, at)
            if replacement:
                parts += [text[end:at], self._shown[replacement]]
                at = end = at + len(replacement)
            else:
                at += 1
        return "".join([*parts, text[end:]]) if parts else text

    def _at(self, text: str, at: int) -> str:
        for value in self._by_prefix.get(text[at : at + _PREFIX], ()):
            if text.startswith(value, at):
                return value
        return ""


def free_name(name: str, names: Container[str]) -> str:
    """Member name with a number if it is already used, so that no member replaces another."""
    number, free = 1, name
    while free in names:
        number += 1
        free = f"{name}-{number}"
    return free
