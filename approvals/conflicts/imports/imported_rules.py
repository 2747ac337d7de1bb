"""What importers of conflict rules share: what they give, and how the name of a role becomes one side of a rule (S6). Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from approvals.conflicts.rule_language.rule import LEGS, MODES, RATINGS, TEXTS, NotARule, Problem, literally, read
from inventory.importers.capabilities import PROTECTIVE, tags_of
from inventory.importers.display import label, shown

#: How many rules one import may give.
RULES = 2_000
#: How many problems it lists before it only counts.
_PROBLEMS = 500
_NO_REASON = "Where it was imported from, one excludes the other."
_CHANGES = ("write", "execute", "admin")
_WORDS = MappingProxyType(
    {
        "high": "high critical severe veryhigh extreme h hi 1high kritisch hoch sehrhoch haute elevee alta alto",
        "medium": "medium moderate med m mid mittel moyen moyenne media medio",
        "low": "low minor l lo niedrig gering faible baja bajo info informational",
    }
)
_RATING_OF = MappingProxyType({word: rating for rating, words in _WORDS.items() for word in words.split()})


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Args:
        documents: of rules, each of which `rule.read` reads.
        problems: what could not become one, by file and line; nothing is left out without one.
    """

    documents: tuple[dict[str, Any], ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """A role, a function or whatever else a matrix puts against another.

    Args:
        name: as people read it.
        codes: by which it is known: its name, a technical name, an id.
    """

    name: str
    codes: tuple[str, ...]


class Collected:
    """Rules and problems while a file is read. The same sides twice are one rule, whatever their order: it is symmetric."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._uncounted = 0
        self._found: dict[frozenset[str], tuple[str, dict[str, Any]]] = {}
        self._codes: set[str] = set()

    def wrong(self, where: str, what: str, what_to_do: str) -> None:
        """Note a problem."""
        if len(self.problems) < _PROBLEMS:
            self.problems.append(Problem(where, what, what_to_do))
        else:
            self._uncounted += 1

    def add(self, where: str, sides: Sequence[Side], said: Mapping[str, str]) -> None:
        """Make a rule of some sides.

        Args:
            where: file and line.
            sides: what may not be held together.
            said: texts of the rule: ``code`` (what it is called there), ``title``, ``process``, ``rating``, ``mode``,
                ``reason``, ``resolve``; what is empty is filled in.
        """
        key = frozenset(side.name.casefold() for side in sides)
        if len(key) < len(sides):
            self.wrong(where, "it puts something against itself", "Name different ones.")
            return
        if key in self._found:
            self._again(where, key, said)
            return
        if len(self._found) >= RULES:
            self.wrong(where, f"it is more than {RULES:,} rules", "Bring in fewer at a time.")
            return
        document = self._document(sides, said)
        try:
            read(document)
        except NotARule as refused:
            for problem in refused.problems:
                self.wrong(f"{where}, {problem.where}", problem.what, problem.what_to_do)
            return
        self._codes.add(document["code"])
        self._found[key] = where, document

    def _again(self, where: str, key: frozenset[str], said: Mapping[str, str]) -> None:
        """The same sides once more: whatever is stricter counts, and what is said otherwise is not dropped unseen."""
        before, document = self._found[key]
        for name, order in (("rating", RATINGS), ("mode", MODES)):
            if said.get(name) and order.index(said[name]) > order.index(document[name]):
                document[name] = said[name]
        reason = _cut(said.get("reason", ""), TEXTS["reason"])
        if reason and document["reason"] == _NO_REASON:
            document["reason"] = reason
        elif reason and reason != document["reason"]:
            self.wrong(
                where, f"the same is said in {before}, with other words", "The first is kept; mend it if need be."
            )

    def _document(self, sides: Sequence[Side], said: Mapping[str, str]) -> dict[str, Any]:
        names = [side.name for side in sides]
        title = said.get("title") or f"{', '.join(names[:-1])} with {names[-1]}"
        document: dict[str, Any] = {
            "code": self._code(said.get("code") or "-".join(names)),
            "title": _cut(title, TEXTS["title"]),
            "process": _cut(said.get("process") or "Imported", TEXTS["process"]),
            "rating": said.get("rating") or "medium",
            "mode": said.get("mode") or "record",
            "scope": "automation",
            "reason": _cut(said.get("reason") or _NO_REASON, TEXTS["reason"]),
            "legs": legs_of(sides),
        }
        if said.get("resolve"):
            document["resolve"] = _cut(said["resolve"], TEXTS["resolve"])
        return document

    def _code(self, text: str) -> str:
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: TEXTS["code"] - 6].strip("-") or "imported"
        code, number = slug, 1
        while code in self._codes:
            number += 1
            code = f"{slug}-{number}"
        return code

    def result(self) -> Imported:
        """What came of it."""
        problems = list(self.problems)
        if self._uncounted:
            problems.append(Problem("further on", f"there are {self._uncounted:,} more problems", "Mend these first."))
        return Imported(tuple(document for _, document in self._found.values()), tuple(problems))


def legs_of(sides: Sequence[Side]) -> list[dict[str, Any]]:
    """One leg a side: what is called so, and what does what its name says, unless another side's says the same."""
    tags = [_tags(side) for side in sides]
    return [
        _leg(side, [tag for tag in own if not any(tag in others for others in _without(tags, number))])
        for number, (side, own) in enumerate(zip(sides, tags, strict=True))
    ]


def _leg(side: Side, tags: Sequence[str]) -> dict[str, Any]:
    chosen: list[dict[str, Any]] = [{"codes": [literally(code) for code in side.codes]}]
    if tags:
        chosen.append({"tags": list(tags), "levels": list(_CHANGES)})
    return {"name": side.name, "any": chosen}


def _tags(side: Side) -> list[str]:
    found = dict.fromkeys(tag for code in side.codes for tag in tags_of("", code, "write"))
    return [tag for tag in found if tag not in PROTECTIVE]


def _without(tags: Iterable[list[str]], number: int) -> list[list[str]]:
    return [one for place, one in enumerate(tags) if place != number]


def rating_of(text: str) -> str:
    """``low``, ``medium`` or ``high`` for the usual words, in some languages; empty for what is none."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _RATING_OF.get(re.sub(r"[^a-z0-9]", "", plain.lower()), "")


def file_shown(file: str) -> str:
    """A file's name, fit for a problem."""
    return shown(file, 120) or "the file"


def _cut(text: str, longest: int) -> str:
    one = label(text, len(text) + 1)
    return one if len(one) <= longest else f"{one[: longest - 1].rstrip()}…"


__all__ = ["LEGS", "RULES", "Collected", "Imported", "Side", "file_shown", "legs_of", "rating_of"]
