"""The language of conflict rules: the rule, its document and text, its match and its wording (S6). Pure.

A rule is a document, written by hand or imported. It judges access as `Held`, whatever the source, so a check of one
proposal and a scan of everything agree. Source: docs/decisions/0024-the-rule-language.md.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any

import rfc8785
import yaml

from approvals.conflicts.rule_language.selectors import FLAGS, LISTS, Held, Selector
from approvals.policies import yaml_document
from approvals.policies.yaml_document import InvalidDocument, Problem
from inventory.importers.display import display_label, displayed

#: The leg number of access that must be missing ("A without B"), and of a rule's needs; others are numbered from 1 to 6.
WITHOUT, NEEDS = 0, 7
RATINGS = ("low", "medium", "high")
MODES = ("record", "approval", "enforce")
SCOPES = ("automation", "identity", "owner", "team", "chain")

#: An example of the syntax.
EXAMPLE = Path(__file__).with_name("example.yaml")
#: The longest texts, in characters.
TEXTS = MappingProxyType({"code": 60, "title": 120, "process": 60, "reason": 600, "resolve": 600})
LEGS, SELECTORS, VALUES = 6, 50, 100
_PROBLEMS = 100
_CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_TAG = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
#: Start of a rule's sentence, by scope.
_SENTENCE_STARTS = MappingProxyType(
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
        any: the selectors; one match is enough.
    """

    name: str
    any: tuple[Selector, ...]

    def matches(self, held: Held) -> bool:
        """Return whether the leg matches this access."""
        return any(selector.matches(held) for selector in self.any)

    @property
    def meaning(self) -> str:
        """The access that it matches, without its name and the order of its selectors."""
        return json.dumps(sorted(json.dumps(selector.to_dict(), sort_keys=True) for selector in self.any))

    def to_dict(self) -> dict[str, Any]:
        """Return the document of the leg."""
        return {"name": self.name, "any": [selector.to_dict() for selector in self.any]}


@dataclass(frozen=True, slots=True)
class Rule:
    """One conflict rule (S6).

    Args:
        code: identifies the rule.
        title: the conflict in a few words.
        process: the business process that it belongs to.
        rating: ``low``, ``medium`` or ``high``.
        mode: ``record``, ``approval`` (an extra approval) or ``enforce`` (refused).
        scope: the kind of subject: ``automation``, ``identity``, ``owner``, ``team`` or ``chain``.
        reason: the risk, in one or two sentences.
        legs: access that may not be held together.
        without: access that prevents the conflict; None if nothing does.
        needs: access that must be held for the rule to fire, for example a model call. It may also fill a leg. None for nothing.
        resolve: how to resolve the conflict; may be empty.
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

    @property
    def sides(self) -> tuple[Leg, ...]:
        """All legs: the legs themselves, `needs` and `without`."""
        return tuple(leg for _, leg in legs_of(self))

    def is_conflict(self, keys_by_leg: Mapping[int, Collection[str]]) -> bool:
        """Return whether some access of one subject is a conflict.

        Every leg is filled, `needs` too, and `without` is not. A conflict needs at least as many different items as the
        rule has legs: an item that fills two legs counts for only one of them.

        Args:
            keys_by_leg: keys of the access that fills a leg, by number of the leg (`legs_of`); empty legs are left out.
        """
        if any((number in keys_by_leg) == (number == WITHOUT) for number, _ in legs_of(self)):
            return False
        return are_distinct([keys for number, keys in keys_by_leg.items() if number not in (WITHOUT, NEEDS)])

    def to_dict(self) -> dict[str, Any]:
        """Return the document; `parse_rule` parses it to an equal rule."""
        texts = ("code", "title", "process", "rating", "mode", "scope", "reason")
        document: dict[str, Any] = {name: getattr(self, name) for name in texts}
        if self.resolve:
            document["resolve"] = self.resolve
        document["legs"] = [leg.to_dict() for leg in self.legs]
        for name, leg in (("needs", self.needs), ("without", self.without)):
            if leg is not None:
                document[name] = leg.to_dict()
        return document

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON (RFC 8785) of the document.

        The order of values in a field does not matter.
        """
        return hashlib.sha256(rfc8785.dumps(self.to_dict())).hexdigest()

    @property
    def meaning(self) -> tuple[str, frozenset[str], str, str]:
        """The meaning without name and rating, independent of the order of its legs."""
        without, needs = (leg.meaning if leg is not None else "" for leg in (self.without, self.needs))
        return self.scope, frozenset(leg.meaning for leg in self.legs), without, needs

    @property
    def sentence(self) -> str:
        """The rule as a sentence.

        Example: "No automation may hold “Create a vendor” and “Release a payment” together".
        """
        named = [f"“{leg.name}”" for leg in self.legs]
        held = f"{', '.join(named[:-1])} and {named[-1]}" if len(named) > 1 else named[0]
        ending = " together" if self.without is None else f" without “{self.without.name}”"
        ending += f" if it holds “{self.needs.name}”" if self.needs is not None else ""
        return f"{_SENTENCE_STARTS[self.scope]} {held}{ending}."

    @property
    def way_out(self) -> str:
        """How to resolve a conflict, if by a waiver: the rule's own text, or a general one."""
        if self.resolve:
            return f"{self.resolve} Or ask for a waiver."
        if self.without is not None:
            return f"Add “{self.without.name}”, do without the rest, or ask for a waiver."
        return "Do without one of them, split it into two automations, or ask for a waiver."


def legs_of(rule: Rule) -> Iterator[tuple[int, Leg]]:
    """Yield the legs of a rule by number, `needs` as `NEEDS` and `without` as `WITHOUT`."""
    yield from enumerate(rule.legs, 1)
    if rule.needs is not None:
        yield NEEDS, rule.needs
    if rule.without is not None:
        yield WITHOUT, rule.without


def are_distinct(by_leg: Sequence[Collection[str]]) -> bool:
    """Return whether each leg of a conflict can get a different item: any N legs share at least N keys (Hall 1935).

    Args:
        by_leg: the keys that fill each leg.
    """
    return all(
        len(set[str]().union(*legs)) >= count
        for count in range(1, len(by_leg) + 1)
        for legs in combinations(by_leg, count)
    )


def parse_text(text: str) -> Rule:
    """Parse the rule in a text, YAML or JSON. The reader refuses endless texts and duplicate keys.

    Raises:
        InvalidDocument: with all errors at once.
    """
    parsed = yaml_document.parse(text)
    try:
        return parse_rule(parsed.data)
    except InvalidDocument as error:
        raise InvalidDocument(
            *(replace(problem, line=parsed.line(_path(problem.where))) for problem in error.problems)
        ) from None


def _path(where: str) -> yaml_document.Path:
    """Return the path of a problem: ``legs 2, any 1, levels`` is ("legs", 1, "any", 0, "levels")."""
    words = where.replace(",", "").split()
    return tuple(int(word) - 1 if word.isdecimal() else word for word in words)


def write_text(document: object) -> str:
    """Return a rule as YAML: its parts in a fixed order, short lists on one line."""
    return draft_text(parse_rule(document).to_dict())


def draft_text(document: Mapping[str, Any]) -> str:
    """Return a document as YAML, also if it is no valid rule yet."""
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None)
    return text


def parse_rule(document: object) -> Rule:
    """Parse the document of a rule, as YAML or JSON gave it.

    Raises:
        InvalidDocument: with all errors at once.
    """
    reader = _Reader()
    rule = reader.rule(document)
    if reader.problems or rule is None:
        raise InvalidDocument(*reader.problems[:_PROBLEMS])
    return rule


class _Reader:
    """Parses a document and collects its errors. Results count only if there are no errors."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, where: str, message: str, to_do: str) -> None:
        self.problems.append(Problem(0, where or "the rule", f"{message}.", to_do))

    def rule(self, document: object) -> Rule | None:
        allowed = (*TEXTS, "rating", "mode", "scope", "legs", "needs", "without")
        if (members := self.members("", document, allowed)) is None:
            return None
        texts = {
            name: self.text(name, members.get(name), longest)
            for name, longest in TEXTS.items()
            if name in members or name != "resolve"
        }
        if texts.get("code") and not _CODE.fullmatch(texts["code"]):
            self.wrong("code", "it is no code", "Write small letters, digits and single hyphens: vendor-and-payment.")
        choices = {"rating": RATINGS, "mode": MODES, "scope": SCOPES}
        words = {name: self.word(name, members.get(name), values) for name, values in choices.items()}
        without = self.leg("without", members["without"], is_surely=True) if "without" in members else None
        needs = self.leg("needs", members["needs"]) if "needs" in members else None
        legs = self.legs(members.get("legs"), has_without="without" in members)
        if self.problems:
            return None
        return Rule(**texts, **words, legs=legs, without=without, needs=needs)

    def members(self, where: str, value: object, allowed: Sequence[str]) -> dict[str, Any] | None:
        """Return the members of an object, or None if it is not an object. Unknown names are errors."""
        if not isinstance(value, Mapping):
            self.wrong(where, "it is no object with names and values", f"Write these of it: {', '.join(allowed)}.")
            return None
        for name in list(value)[:VALUES]:
            if name not in allowed:
                alike = get_close_matches(name[:60], allowed, 1) if isinstance(name, str) else []
                hint = f"Did you mean {alike[0]}?" if alike else f"These are known: {', '.join(allowed)}."
                self.wrong(where, f"{_quoted(name)} is not known", hint)
        return {name: value[name] for name in allowed if name in value}

    def text(self, where: str, value: object, longest: int) -> str:
        if not isinstance(value, str):
            problem = "it is missing" if value is None else "it is no text"
            self.wrong(where, problem, "Write a text, in quotes where it looks like a number.")
            return ""
        text = display_label(value, len(value) + 1)
        if not text:
            self.wrong(where, "this field is required", "Write it.")
        elif len(text) > longest:
            self.wrong(where, f"it has {len(text):,} characters", f"Shorten it to {longest}.")
        return text

    def word(self, where: str, value: object, values: Sequence[str]) -> str:
        if isinstance(value, str) and value in values:
            return value
        problem = "it is missing" if value is None else f"{_quoted(value)} is none of its values"
        self.wrong(where, problem, f"Write one of {', '.join(values)}.")
        return ""

    def legs(self, value: object, *, has_without: bool) -> tuple[Leg, ...]:
        least = 1 if has_without else 2
        documents = self.items("legs", value, LEGS)
        if documents is not None and len(documents) < least:
            two = "Write at least two, or one and what must not be lacking (without)."
            to_do = "Write at least one." if has_without else two
            self.wrong("legs", f"there {'is 1' if documents else 'are 0'}", to_do)
        return tuple(self.leg(f"legs {number}", document) for number, document in enumerate(documents or (), 1))

    def leg(self, where: str, value: object, *, is_surely: bool = False) -> Leg:
        members = self.members(where, value, ("name", "any"))
        if members is None:
            return Leg("", ())
        name = self.text(f"{where}, name", members.get("name"), 120)
        documents = self.items(f"{where}, any", members.get("any"), SELECTORS)
        if documents == []:
            self.wrong(f"{where}, any", "it is empty", "Choose tags, codes or another condition.")
        numbered = enumerate(documents or (), 1)
        return Leg(name, tuple(self.selector(f"{where}, any {n}", document, is_surely) for n, document in numbered))

    def selector(self, where: str, value: object, is_surely: bool) -> Selector:
        members = self.members(where, value, (*LISTS, *FLAGS))
        if members is None:
            return Selector()
        if not members and value == {}:
            problem = "it is empty, which would match everything"
            self.wrong(where, problem, "Choose tags, codes or another condition.")
        if "entry" in members and (more := sorted(set(members) - {"entry", "codes", "environments"})):
            problem = f"a trigger has no {' and no '.join(more)}"
            self.wrong(where, problem, "Write only codes and environments beside entry.")
        fields: dict[str, Any] = {name: members[name] for name in FLAGS if name in members}
        for name, value in fields.items():
            if not isinstance(value, bool):
                self.wrong(f"{where}, {name}", f"{_quoted(value)} is neither true nor false", "Write true or false.")
        for name, allowed in LISTS.items():
            if name in members:
                fields[name] = self.values(f"{where}, {name}", name, members[name], allowed)
        return Selector(**fields, is_surely=is_surely)

    def values(self, where: str, name: str, value: object, allowed: Sequence[str] | None) -> frozenset[Any]:
        values = self.items(where, value, VALUES)
        if values == []:
            self.wrong(where, "it is empty", "Write a value, or leave it out.")
        return frozenset(item for item in values or () if self.is_value(where, name, item, allowed))

    def is_value(self, where: str, name: str, item: object, allowed: Sequence[str] | None) -> bool:
        if name == "resources":
            if type(item) is int and 0 < item < 2**53:
                return True
            self.wrong(where, f"{_quoted(item)} is no id of a resource", "Write the number that its address ends in.")
        elif not isinstance(item, str):
            self.wrong(where, f"{_quoted(item)} is no text", "Write a text, in quotes where it looks like a number.")
        elif name == "levels" and item == "unknown":
            self.wrong(where, "what is not known counts as write", "Write write.")
        elif allowed is not None:
            return bool(self.word(where, item, allowed))
        elif name == "tags" and not (_TAG.fullmatch(item) and len(item) <= 60):
            to_do = "Write small letters and digits with dots between: vendor.write."
            self.wrong(where, f"{_quoted(item)} is no tag", to_do)
        elif not item or display_label(item, len(item) + 1) != item or len(item) > 400:
            self.wrong(where, f"{_quoted(item)} is no pattern of a code", "Write a code; * stands for anything in it.")
        else:
            return True
        return False

    def items(self, where: str, value: object, most: int) -> list[object] | None:
        """Return the items of a list. None if it is not a list or too long, which is already an error."""
        if not isinstance(value, list | tuple):
            problem = "it is missing" if value is None else "it is no list"
            self.wrong(where, problem, "Write a list, also of one.")
            return None
        if len(value) > most:
            self.wrong(where, f"it has {len(value):,} items", f"Write at most {most}.")
            return None
        return list(value)


def _quoted(value: object) -> str:
    """Return a short form of a value for an error. Lists and objects are not quoted."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) >= 2**53:
        return "a number of that size"
    return f"“{displayed(value, 60)}”" if isinstance(value, str | int | float) else "a list or an object"
