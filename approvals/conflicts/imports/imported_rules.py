"""Shared code of importers of conflict rules: their result, and legs from names of roles (S6). Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from approvals.conflicts.rule_language.rule import MODES, RATINGS, TEXTS, InvalidRule, Problem, parse_rule
from approvals.conflicts.rule_language.selectors import literal_pattern
from inventory.importers.capabilities import PROTECTIVE, tags_of
from inventory.importers.display import display_label, displayed

#: Limit of rules in one import.
RULES = 2_000
#: Limit of errors that are listed; more are only counted.
_PROBLEMS = 500
_NO_REASON = "Where it was imported from, one excludes the other."
_CHANGING_LEVELS = ("write", "execute", "admin")
#: The words of matrices, by kind.
WORDS: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("words.yaml").read_text(encoding="utf-8"))


def by_word(kind: str) -> Mapping[str, str]:
    """Return the meaning of each word of a kind: of ``columns``, ``modes`` or ``ratings``."""
    return {word: name for name, words in WORDS[kind].items() for word in words.split()}


_RATING_OF = by_word("ratings")


@dataclass(frozen=True, slots=True)
class ImportedRules:
    """The result of an import.

    Args:
        documents: documents of rules; `parse_rule` parses each.
        problems: everything that did not become a rule, by file and line.
    """

    documents: tuple[dict[str, Any], ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """A role, function or other entry of a matrix that conflicts with another.

    Args:
        name: as people read it.
        codes: its name, technical name or id.
    """

    name: str
    codes: tuple[str, ...]


class RuleCollector:
    """Collects rules and errors while a file is read. The same sides make one rule, in any order."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._uncounted = 0
        self._found: dict[frozenset[str], tuple[str, dict[str, Any]]] = {}
        self._codes: set[str] = set()

    def wrong(self, where: str, message: str, what_to_do: str) -> None:
        """Record an error."""
        if len(self.problems) < _PROBLEMS:
            self.problems.append(Problem(where, message, what_to_do))
        else:
            self._uncounted += 1

    def add(self, where: str, sides: Sequence[Side], texts: Mapping[str, str]) -> None:
        """Create a rule from some sides.

        Args:
            where: file and line.
            sides: access that may not be held together.
            texts: texts of the rule: ``code`` (its name in the file), ``title``, ``process``, ``rating``, ``mode``, ``reason``, ``resolve``.
                Empty ones get a default.
        """
        key = frozenset(side.name.casefold() for side in sides)
        if len(key) < len(sides):
            self.wrong(where, "it puts something against itself", "Name different ones.")
            return
        if key in self._found:
            self._again(where, key, texts)
            return
        if len(self._found) >= RULES:
            self.wrong(where, f"it is more than {RULES:,} rules", "Import fewer at a time.")
            return
        document = self._document(sides, texts)
        try:
            parse_rule(document)
        except InvalidRule as refused:
            for problem in refused.problems:
                self.wrong(f"{where}, {problem.where}", problem.what, problem.what_to_do)
            return
        self._codes.add(document["code"])
        self._found[key] = where, document

    def _again(self, where: str, key: frozenset[str], texts: Mapping[str, str]) -> None:
        """Merge a rule with the same sides: the stricter rating and mode count, and a different reason is reported."""
        before, document = self._found[key]
        for name, order in (("rating", RATINGS), ("mode", MODES)):
            if texts.get(name) and order.index(texts[name]) > order.index(document[name]):
                document[name] = texts[name]
        reason = _shorten(texts.get("reason", ""), TEXTS["reason"])
        if reason and document["reason"] == _NO_REASON:
            document["reason"] = reason
        elif reason and reason != document["reason"]:
            self.wrong(
                where, f"the same is said in {before}, with other words", "The first is kept; mend it if need be."
            )

    def _document(self, sides: Sequence[Side], texts: Mapping[str, str]) -> dict[str, Any]:
        names = [side.name for side in sides]
        title = texts.get("title") or f"{', '.join(names[:-1])} with {names[-1]}"
        document: dict[str, Any] = {
            "code": self._code(texts.get("code") or "-".join(names)),
            "title": _shorten(title, TEXTS["title"]),
            "process": _shorten(texts.get("process") or "Imported", TEXTS["process"]),
            "rating": texts.get("rating") or "medium",
            "mode": texts.get("mode") or "record",
            "scope": "automation",
            "reason": _shorten(texts.get("reason") or _NO_REASON, TEXTS["reason"]),
            "legs": legs_of(sides),
        }
        if texts.get("resolve"):
            document["resolve"] = _shorten(texts["resolve"], TEXTS["resolve"])
        return document

    def _code(self, text: str) -> str:
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: TEXTS["code"] - 6].strip("-") or "imported"
        code, number = slug, 1
        while code in self._codes:
            number += 1
            code = f"{slug}-{number}"
        return code

    @property
    def is_empty(self) -> bool:
        """Whether the file gave neither a rule nor an error."""
        return not self._found and not self.problems

    def result(self) -> ImportedRules:
        """Return the result of the import."""
        problems = list(self.problems)
        if self._uncounted:
            problems.append(Problem("further on", f"there are {self._uncounted:,} more problems", "Mend these first."))
        return ImportedRules(tuple(document for _, document in self._found.values()), tuple(problems))


def legs_of(sides: Sequence[Side]) -> list[dict[str, Any]]:
    """Return one leg for each side: access with its name, and access with the tags of its name that no other side
    has.
    """
    tags = [_tags_of_side(side) for side in sides]
    counts = Counter(tag for side_tags in tags for tag in side_tags)
    return [
        _leg_document(side, [tag for tag in side_tags if counts[tag] == 1])
        for side, side_tags in zip(sides, tags, strict=True)
    ]


def _leg_document(side: Side, tags: Sequence[str]) -> dict[str, Any]:
    chosen: list[dict[str, Any]] = [{"codes": [literal_pattern(code) for code in side.codes]}]
    if tags:
        chosen.append({"tags": list(tags), "levels": list(_CHANGING_LEVELS)})
    return {"name": side.name, "any": chosen}


def _tags_of_side(side: Side) -> list[str]:
    tags = dict.fromkeys(tag for code in side.codes for tag in tags_of("", code, "write"))
    return [tag for tag in tags if tag not in PROTECTIVE]


def plain_word(text: str) -> str:
    """Return a heading, rating or mark without case, accents and separators; a single sign stays."""
    plain = text.strip().casefold()
    if len(plain) == 1 or plain == "n/a":
        return plain
    letters = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", letters)


def rating_of(text: str) -> str:
    """Return ``low``, ``medium`` or ``high`` for the usual words, in several languages; empty for other words."""
    return _RATING_OF.get(plain_word(text), "")


def file_shown(file: str) -> str:
    """Return a file's name in a form for errors."""
    return displayed(file, 120) or "the file"


def _shorten(text: str, longest: int) -> str:
    line = display_label(text, len(text) + 1)
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"
