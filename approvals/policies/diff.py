"""Compare two policy documents: each change in words, whether it tightens or loosens, and the changed lines (S8).

A change that is not clearly tighter counts as loosening: then a second person reads it before it takes effect.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from approvals.policies.schema import TIERS
from approvals.policies.yaml_document import Path as YamlPath
from governance.core.texts.csv_tables import read_rows

#: Whether the second of two values is stricter than the first.
Stricter = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class Change:
    """One change between two documents.

    Args:
        where: the path in the document, with dots.
        label: the setting in words.
        before: the old value in words.
        after: the new value in words.
        tightens: whether it only tightens; else it counts as loosening.
        is_either: whether neither direction only tightens, so that a change always needs two people.
    """

    where: str
    label: str
    before: str
    after: str
    tightens: bool
    is_either: bool = False


@dataclass(frozen=True)
class Setting:
    """One setting, as a row of ``settings.csv``: its heading in the form, its words, and which of two values is stricter.

    ``*`` in its path matches any name, which replaces ``{}`` in the label.
    """

    group: str
    label: str
    unit: str
    is_stricter: Stricter
    help: str


def is_reordered(before: Sequence[str], after: Sequence[str]) -> bool:
    """Return whether common seats changed their order.

    Order matters: a person who may fill two seats fills the first, and the first is asked first (A8).
    """
    return [label for label in before if label in after] != [label for label in after if label in before]


def _neither(before: Any, after: Any) -> bool:
    """Return False: neither direction only tightens.

    A longer time delays a removal, and a shorter one ends needed access before anybody has looked. So one person
    alone can start neither.
    """
    return False


#: The part whose lists are ordered; other lists are sets.
SEATS = "seats"

#: By the name in ``settings.csv``.
STRICTER: Mapping[str, Stricter] = {
    "less": lambda before, after: before is None or (after is not None and after < before),
    "more": lambda before, after: bool(after > before),
    "wider": lambda before, after: set(before) < set(after),
    "narrower": lambda before, after: set(after) < set(before),
    # Seats were added and the others kept their order.
    "asks_more": lambda before, after: set(before) < set(after) and not is_reordered(before, after),
    "switched_on": lambda before, after: bool(after and not before),
    "higher": lambda before, after: TIERS.index(after or "low") > TIERS.index(before or "low"),
    "neither": _neither,
}


@cache
def settings() -> Mapping[str, Setting]:
    """The settings by path, in the order of the form."""
    return {
        row["path"]: Setting(row["group"], row["label"], row["unit"], STRICTER[row["stricter"]], row["help"])
        for row in read_rows(__file__, "settings.csv")
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the changes in the order of the document."""
    old, new = dict(leaves(before)), dict(leaves(after))
    values = [(path, old.get(path), new.get(path)) for path in dict.fromkeys([*old, *new])]
    return tuple(_change(*each) for each in values if _differ(*each))


def _differ(path: YamlPath, before: object, after: object) -> bool:
    if path[0] != SEATS and isinstance(before, list) and isinstance(after, list):
        return set(before) != set(after)
    return before != after


def leaves(part: Any, path: YamlPath = ()) -> Iterator[tuple[YamlPath, Any]]:
    """Yield the settings of a document, each with its path."""
    if not isinstance(part, Mapping):
        yield path, part
        return
    for name, value in part.items():
        yield from leaves(value, (*path, name))


def setting_at(path: YamlPath) -> Setting:
    """Return the setting at a path of the document."""
    return settings().get(".".join(map(str, path))) or settings()[".".join(map(str, (*path[:-1], "*")))]


def label_of(path: YamlPath, *, with_unit: bool = False) -> str:
    """Return the name of a setting, as on pages; in forms with its unit."""
    setting = setting_at(path)
    unit = f" ({setting.unit})" if with_unit and setting.unit else ""
    return setting.label.format(str(path[-1]).replace("_", " ")) + unit


def words_of(path: YamlPath, value: object) -> str:
    """Return a value of a setting in words, with its unit."""
    unit = setting_at(path).unit
    if value is None:
        return "any"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if unit and value == 1 and unit.endswith("s"):
        unit = unit[:-1]
    return f"{value} {unit}".strip()


def _change(path: YamlPath, before: Any, after: Any) -> Change:
    label, was, would_be = label_of(path), words_of(path, before), words_of(path, after)
    if path[0] == SEATS and is_reordered(before, after):
        label, was, would_be = f"{label}, in this order", ", then ".join(before), ", then ".join(after)
    is_stricter = setting_at(path).is_stricter
    where, is_either = ".".join(map(str, path)), is_stricter is _neither
    return Change(where, label, was, would_be, is_stricter(before, after), is_either)


def tightens(found_changes: Sequence[Change]) -> bool:
    """Return whether there are changes and all of them tighten."""
    return bool(found_changes) and all(change.tightens for change in found_changes)


def lines(before: str, after: str) -> list[tuple[str, str]]:
    """Return the line diff of two texts with two lines of context; ``…`` marks omitted lines.

    Each line has a sign (``+``, ``-``, or a space for context) and its text.
    """
    changed = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]
    return [(" ", "…") if line.startswith("@@") else (line[0], line[1:]) for line in changed]
