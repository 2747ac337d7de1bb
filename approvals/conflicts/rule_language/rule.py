"""Conflict rules: what a rule is, how it is read from a document, whom it catches, how it is said (S6). Pure.

A rule is a document, written by hand or imported. What is held is given as `Held`, whatever it was read from, so that one
thing proposed and a scan over everything are judged alike. Source: docs/decisions/0024-the-rule-language.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import rfc8785

from approvals.conflicts.rule_language.distinct_legs import are_distinct
from approvals.conflicts.rule_language.selectors import ENTRIES, KINDS, Held, Selector, literally
from inventory.importers.display import label, shown
from inventory.risk.tiers import CLASS_ORDER, ENVIRONMENT_ORDER, LEVEL_ORDER

__all__ = ["Caught", "Held", "Leg", "NotARule", "Problem", "Rule", "Selector", "are_distinct", "literally", "read"]

RATINGS = ("low", "medium", "high")
MODES = ("record", "approval", "enforce")
SCOPES = ("automation", "identity", "owner", "team", "chain")

#: The longest texts, in characters.
TEXTS = MappingProxyType({"code": 60, "title": 120, "process": 60, "reason": 600, "resolve": 600})
LEGS, SELECTORS, VALUES = 6, 50, 100
_PROBLEMS = 100
_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TAG = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
#: Who may not, and what they may not, by scope.
_NOBODY = MappingProxyType(
    {
        "automation": "No automation may hold",
        "identity": "No identity may hold",
        "owner": "Nobody may own automations that hold",
        "team": "No team may have automations that hold",
        "chain": "No chain of automations may hold",
    }
)


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a conflict.

    Args:
        name: in words.
        any: one of these is enough.
    """

    name: str
    any: tuple[Selector, ...]

    def matches(self, held: Held) -> bool:
        """Whether this one thing is what the leg means."""
        return any(selector.matches(held) for selector in self.any)

    def of(self, helds: Iterable[Held]) -> list[Held]:
        """What of all this the leg means, in the order given."""
        return [held for held in helds if self.matches(held)]

    def to_dict(self) -> dict[str, Any]:
        """The document of it."""
        return {"name": self.name, "any": [selector.to_dict() for selector in self.any]}

    def words(self, names: Mapping[int, str] = MappingProxyType({})) -> str:
        """What the leg means, in a sentence; `names` as for `Selector.words`."""
        return f"“{self.name}” means what is {'; or '.join(selector.words(names) for selector in self.any)}."


@dataclass(frozen=True, slots=True)
class Caught:
    """What makes a conflict.

    Args:
        legs: by leg, everything held that it means, last what the rule needs; one thing may stand in several.
        lacking: what is not held and would make it none ("A without B"); empty where the rule asks for nothing.
    """

    legs: tuple[tuple[Held, ...], ...]
    lacking: str = ""

    @property
    def keys(self) -> frozenset[str]:
        """Keys of all that takes part."""
        return frozenset(held.key for leg in self.legs for held in leg)


@dataclass(frozen=True, slots=True)
class Rule:
    """One conflict rule (S6).

    Args:
        code: by which it is told from others.
        title: what is in conflict, in a few words.
        process: the business process that it belongs to.
        rating: ``low``, ``medium`` or ``high``.
        mode: ``record``, ``approval`` (another signature) or ``enforce`` (refused).
        scope: what may not hold it: ``automation``, ``identity``, ``owner``, ``team`` or ``chain``.
        reason: why it matters, in a sentence or two.
        legs: what may not be held together.
        without: what has to be held beside them; None where they alone are the conflict.
        needs: what has to be held for the rule to fire at all, a model call for instance; it may be what fills a leg. None for nothing.
        resolve: what would resolve it; may be empty.
    """

    code: str
    title: str
    process: str
    rating: str
    mode: str
    scope: str
    reason: str
    legs: tuple[Leg, ...]
    without: Leg | None = None
    resolve: str = ""
    needs: Leg | None = None

    def caught(self, helds: Iterable[Held]) -> Caught | None:
        """What of all that one subject of the rule's scope holds is in conflict; None where nothing is.

        A conflict takes at least as many different things as the rule has legs: one thing that alone fills two legs
        counts for only one of them. What is the same thing twice (the same key) is one.

        Args:
            helds: everything that the automation, identity, owner, team or chain holds, its open triggers included.
        """
        everything = list(helds)
        legs = tuple(tuple(leg.of(everything)) for leg in self.legs)
        if not are_distinct([{held.key for held in leg} for leg in legs]):
            return None
        if self.needs is not None:
            legs = (*legs, tuple(self.needs.of(everything)))
            if not legs[-1]:
                return None
        if self.without is None:
            return Caught(legs)
        return None if self.without.of(everything) else Caught(legs, self.without.name)

    def to_dict(self) -> dict[str, Any]:
        """The document: what `documents.read` reads as this rule again."""
        document: dict[str, Any] = {
            name: getattr(self, name) for name in ("code", "title", "process", "rating", "mode", "scope", "reason")
        }
        if self.resolve:
            document["resolve"] = self.resolve
        document["legs"] = [leg.to_dict() for leg in self.legs]
        for name, leg in (("needs", self.needs), ("without", self.without)):
            if leg is not None:
                document[name] = leg.to_dict()
        return document

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON (RFC 8785) of the document: the order of values in a field changes nothing."""
        return hashlib.sha256(rfc8785.dumps(self.to_dict())).hexdigest()

    @property
    def sentence(self) -> str:
        """What it forbids: "No automation may hold “Create a vendor” and “Release a payment” together."."""
        named = [f"“{leg.name}”" for leg in self.legs]
        held = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]
        ending = " together" if self.without is None else f" without “{self.without.name}”"
        ending += f" if it holds “{self.needs.name}”" if self.needs is not None else ""
        return f"{_NOBODY[self.scope]} {held}{ending}."

    def words(self, names: Mapping[int, str] = MappingProxyType({})) -> list[str]:
        """What it forbids and what each leg means, a sentence each; `names` as for `Selector.words`."""
        return [self.sentence, *(leg.words(names) for leg in self.sides)]

    @property
    def sides(self) -> tuple[Leg, ...]:
        """Its legs, what it needs beside them, and what must not be lacking."""
        return (*self.legs, *filter(None, (self.needs, self.without)))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document.

    Args:
        where: by names and positions: ``legs 2, any 1, levels``.
        what: a clause without a full stop.
        what_to_do: a sentence.
    """

    where: str
    what: str
    what_to_do: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.what_to_do}"


class NotARule(Exception):
    """A document is no rule; `problems` are all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, problems)))


def read(document: object) -> Rule:
    """The rule that a document says, as YAML or JSON gave it.

    Raises:
        NotARule: with everything that is wrong, at once.
    """
    reader = _Reader()
    found = reader.rule(document)
    if reader.problems or found is None:
        raise NotARule(reader.problems[:_PROBLEMS])
    return found


class _Reader:
    """Walks a document and collects what is wrong with it; what it returns counts only where nothing is."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, where: str, what: str, what_to_do: str) -> None:
        self.problems.append(Problem(where or "the rule", what, what_to_do))

    def rule(self, document: object) -> Rule | None:
        known = (*TEXTS, "rating", "mode", "scope", "legs", "needs", "without")
        if (given := self.members("", document, known)) is None:
            return None
        texts = {
            name: self.text(name, given.get(name), longest)
            for name, longest in TEXTS.items()
            if name in given or name != "resolve"
        }
        if texts.get("code") and not _CODE.fullmatch(texts["code"]):
            self.wrong("code", "it is no code", "Write small letters, digits and single hyphens: vendor-and-payment.")
        words = {
            name: self.word(name, given.get(name), values)
            for name, values in (("rating", RATINGS), ("mode", MODES), ("scope", SCOPES))
        }
        without = self.leg("without", given["without"], is_surely=True) if "without" in given else None
        needs = self.leg("needs", given["needs"]) if "needs" in given else None
        legs = self.legs(given.get("legs"), has_without="without" in given)
        if self.problems:
            return None
        return Rule(**texts, **words, legs=legs, without=without, needs=needs)

    def members(self, where: str, value: object, known: Sequence[str]) -> dict[str, Any] | None:
        """The members of an object, or None for what is none; each that is not known is a problem."""
        if not isinstance(value, Mapping):
            self.wrong(where, "it is no object with names and values", f"Write these of it: {', '.join(known)}.")
            return None
        for name in list(value)[:VALUES]:
            if name not in known:
                alike = get_close_matches(name[:60], known, 1) if isinstance(name, str) else []
                hint = f"Did you mean {alike[0]}?" if alike else f"These are known: {', '.join(known)}."
                self.wrong(where, f"{_quoted(name)} is not known", hint)
        return {name: value[name] for name in known if name in value}

    def text(self, where: str, value: object, longest: int) -> str:
        if not isinstance(value, str):
            what = "it is missing" if value is None else "it is no text"
            self.wrong(where, what, "Write a text, in quotes where it looks like a number.")
            return ""
        one = label(value, len(value) + 1)
        if not one:
            self.wrong(where, "it is empty", "Write it.")
        elif len(one) > longest:
            self.wrong(where, f"it has {len(one):,} characters", f"Shorten it to {longest}.")
        return one

    def word(self, where: str, value: object, values: Sequence[str]) -> str:
        if isinstance(value, str) and value in values:
            return value
        what = "it is missing" if value is None else f"{_quoted(value)} is none of its values"
        self.wrong(where, what, f"Write one of {', '.join(values)}.")
        return ""

    def legs(self, value: object, *, has_without: bool) -> tuple[Leg, ...]:
        least = 1 if has_without else 2
        found = self.items("legs", value, LEGS)
        if found is not None and len(found) < least:
            say = (
                "Write at least one."
                if has_without
                else "Write at least two, or one and what must not be lacking (without)."
            )
            self.wrong("legs", f"there {'is 1' if found else 'are 0'}", say)
        return tuple(self.leg(f"legs {number}", one) for number, one in enumerate(found or (), 1))

    def leg(self, where: str, value: object, *, is_surely: bool = False) -> Leg:
        given = self.members(where, value, ("name", "any"))
        if given is None:
            return Leg("", ())
        name = self.text(f"{where}, name", given.get("name"), 120)
        found = self.items(f"{where}, any", given.get("any"), SELECTORS)
        if found == []:
            self.wrong(f"{where}, any", "it is empty", "Say what is meant, with tags or codes say.")
        selectors = (
            self.selector(f"{where}, any {number}", one, is_surely) for number, one in enumerate(found or (), 1)
        )
        return Leg(name, tuple(selectors))

    def selector(self, where: str, value: object, is_surely: bool) -> Selector:
        flags = ("outbound", "model_controlled", "opaque")
        lists: dict[str, Sequence[str] | None] = {
            "tags": None,
            "codes": None,
            "levels": LEVEL_ORDER,
            "kinds": KINDS,
            "resources": None,
            "data_classes": CLASS_ORDER,
            "environments": ENVIRONMENT_ORDER,
            "entry": ENTRIES,
        }
        given = self.members(where, value, (*lists, *flags))
        if given is None:
            return Selector()
        if not given and value == {}:
            self.wrong(
                where, "it says nothing, which would mean everything", "Say what is meant, with tags or codes say."
            )
        if "entry" in given and (more := sorted(set(given) - {"entry", "codes", "environments"})):
            self.wrong(
                where, f"a trigger has no {' and no '.join(more)}", "Write only codes and environments beside entry."
            )
        said: dict[str, Any] = {name: given[name] for name in flags if name in given}
        for name, value in said.items():
            if not isinstance(value, bool):
                self.wrong(f"{where}, {name}", f"{_quoted(value)} is neither true nor false", "Write true or false.")
        for name, known in lists.items():
            if name in given:
                said[name] = self.values(f"{where}, {name}", name, given[name], known)
        return Selector(**said, is_surely=is_surely)

    def values(self, where: str, name: str, value: object, known: Sequence[str] | None) -> frozenset[Any]:
        found = self.items(where, value, VALUES)
        if found == []:
            self.wrong(where, "it is empty", "Write a value, or leave it out.")
        return frozenset(one for one in found or () if self.is_value(where, name, one, known))

    def is_value(self, where: str, name: str, one: object, known: Sequence[str] | None) -> bool:
        if name == "resources":
            if type(one) is int and 0 < one < 2**53:
                return True
            self.wrong(where, f"{_quoted(one)} is no id of a resource", "Write the number that its address ends in.")
        elif not isinstance(one, str):
            self.wrong(where, f"{_quoted(one)} is no text", "Write a text, in quotes where it looks like a number.")
        elif name == "levels" and one == "unknown":
            self.wrong(where, "what is not known counts as write", "Write write.")
        elif known is not None:
            return bool(self.word(where, one, known))
        elif name == "tags" and not (_TAG.fullmatch(one) and len(one) <= 60):
            self.wrong(
                where, f"{_quoted(one)} is no tag", "Write small letters and digits with dots between: vendor.write."
            )
        elif not one or label(one, len(one) + 1) != one or len(one) > 400:
            self.wrong(where, f"{_quoted(one)} is no pattern of a code", "Write a code; * stands for anything in it.")
        else:
            return True
        return False

    def items(self, where: str, value: object, most: int) -> list[object] | None:
        """The items of a list; None for what is none, or too long, which is a problem already."""
        if not isinstance(value, list | tuple):
            what = "it is missing" if value is None else "it is no list"
            self.wrong(where, what, "Write a list, also of one.")
            return None
        if len(value) > most:
            self.wrong(where, f"it has {len(value):,} items", f"Write at most {most}.")
            return None
        return list(value)


def _quoted(value: object) -> str:
    """A value as a problem names it, short; what is no text, number or yes or no is not spelt out."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 2**53:
        return "a number of that size"
    return f"“{shown(value, 60)}”" if isinstance(value, str | int | float) else "a list or an object"
