"""Compare two policy documents: each change in words, whether it tightens or loosens, and the changed lines (S8).

A change that is not clearly tighter counts as loosening: then a second person reads it before it takes effect.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.policies.checks import TIERS
from approvals.policies.yaml_document import Path

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
class _Sort:
    """How a kind of value reads, and which of two values is stricter."""

    label: str
    unit: str
    is_stricter: Stricter


def _less(before: Any, after: Any) -> bool:
    return before is None or (after is not None and after < before)


def _more(before: Any, after: Any) -> bool:
    return bool(after > before)


def _wider(before: Sequence[str], after: Sequence[str]) -> bool:
    return set(before) < set(after)


def _asks_more(before: Sequence[str], after: Sequence[str]) -> bool:
    """Return whether seats were added and the others kept their order."""
    return _wider(before, after) and not is_reordered(before, after)


def is_reordered(before: Sequence[str], after: Sequence[str]) -> bool:
    """Return whether common seats changed their order.

    Order matters: a person who may fill two seats fills the first, and the first is asked first (A8).
    """
    return [label for label in before if label in after] != [label for label in after if label in before]


def _narrower(before: Sequence[str], after: Sequence[str]) -> bool:
    return set(after) < set(before)


def _switched_on(before: bool, after: bool) -> bool:
    return after and not before


def _higher(before: str | None, after: str | None) -> bool:
    return TIERS.index(after or "low") > TIERS.index(before or "low")


def _neither(before: Any, after: Any) -> bool:
    """Return False: neither direction only tightens.

    A longer time delays a removal, and a shorter one ends needed access before anybody has looked. So one person
    alone can start neither.
    """
    return False


#: The part whose lists are ordered; other lists are sets.
SEATS = "seats"

#: Settings by path; ``*`` matches any name, and that name replaces ``{}``.
SORTS: Mapping[str, _Sort] = {
    "tiers.high.levels": _Sort("Access levels that are high on anything", "", _wider),
    "tiers.high.data_classes": _Sort("Data classes on which everything is high", "", _wider),
    "tiers.high.non_read_on": _Sort("Data classes on which all but reading is high", "", _wider),
    "tiers.high.non_read_chosen_by_model": _Sort("More than reading, chosen by a model, is high", "", _switched_on),
    "tiers.high.non_read_chosen_by_model_if": _Sort(
        "More than reading, chosen by a model, is high if it is", "", _wider
    ),
    "tiers.high.opaque_code_in": _Sort("Environments in which unreadable code is high", "", _wider),
    "tiers.high.open_entry_with_non_read": _Sort("More than reading, started by anybody, is high", "", _switched_on),
    "tiers.low.levels": _Sort("Access levels that may be low", "", _narrower),
    "tiers.low.data_classes": _Sort("Data classes that may be low", "", _narrower),
    "tiers.at_least.*": _Sort("What is of the kind {} is at least", "", _higher),
    "seats.app.*": _Sort("Signatures on a {}-risk app", "", _asks_more),
    "seats.privilege.*": _Sort("Signatures on a {}-risk privilege", "", _asks_more),
    "seats.credential.*": _Sort("Signatures on a {}-risk credential", "", _asks_more),
    "longest_term.*": _Sort("Longest term of a {}-risk grant", "days", _less),
    "review_after.*": _Sort("Review of what is held at {} risk after", "days", _less),
    "due_working_days.*": _Sort("A {}-risk record is due after", "working days", _less),
    "expires_working_days.*": _Sort("A {}-risk record expires after", "working days", _less),
    "builder_working_days": _Sort("A builder has to answer within", "working days", _less),
    "resubmission_days": _Sort("An earlier refusal counts for", "days", _more),
    "light_path.grants": _Sort("Grants that policy approves for one builder", "", _less),
    "light_path.days": _Sort("Days over which those are counted", "days", _more),
    "sampling.one_in": _Sort("Of what nobody was asked about is looked at one in", "", _less),
    "sampling.working_days": _Sort("It is looked at within", "working days", _less),
    "signals.mutual": _Sort("Two may approve for each other before it is a signal in", "submissions", _less),
    "signals.share": _Sort("One may give of a builder's approvals before it is a signal", "percent", _less),
    "signals.days": _Sort("Signals are looked for over", "days", _more),
    "two_owners": _Sort("Tiers that need two different owners", "", _wider),
    "fresh_sign_in_minutes.*": _Sort("A {}-risk decision needs a sign-in no older than", "minutes", _less),
    "proposals.at_once_hours": _Sort("What one person tightened stands without a second signature for", "hours", _less),
    "proposals.open_days": _Sort("A proposal that nobody answers lapses after", "days", _less),
    "conflicts.*": _Sort("What is held in a conflict rated {} is resolved within", "days", _neither),
    "waivers.days": _Sort("A waiver lasts at most", "days", _less),
    "waivers.in_a_row": _Sort("Waivers that may follow each other", "", _less),
    "events.unused_days": _Sort("What nobody uses is reviewed after", "days", _less),
    "events.quiet_days": _Sort("What was reviewed is left alone for", "days", _less),
    "correction_days": _Sort("What a review suspended ends for good after", "days", _neither),
    "revocation_hours": _Sort("What ended is taken away elsewhere within", "hours", _less),
    "brake.share": _Sort("Held is what ends more of all live grants within an hour than", "percent", _neither),
    "brake.grants": _Sort("Held is what ends within an hour as many as", "grants", _neither),
    "brake.hours": _Sort("What is held is answered within", "hours", _neither),
}


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return the changes in the order of the document."""
    old, new = dict(leaves(before)), dict(leaves(after))
    paths = dict.fromkeys([*old, *new])
    return tuple(
        _change(path, old.get(path), new.get(path)) for path in paths if _differ(path, old.get(path), new.get(path))
    )


def _differ(path: Path, before: object, after: object) -> bool:
    if path[0] == SEATS:
        return before != after
    if isinstance(before, list) and isinstance(after, list):
        return set(before) != set(after)
    return before != after


def leaves(part: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the settings of a document, each with its path."""
    if not isinstance(part, Mapping):
        yield path, part
        return
    for name, value in part.items():
        yield from leaves(value, (*path, name))


def _sort_of(path: Path) -> _Sort:
    return SORTS.get(".".join(map(str, path))) or SORTS[".".join(map(str, (*path[:-1], "*")))]


def label_of(path: Path, *, with_unit: bool = False) -> str:
    """Return the name of a setting, as on pages; in forms with its unit."""
    sort = _sort_of(path)
    unit = f" ({sort.unit})" if with_unit and sort.unit else ""
    return sort.label.format(str(path[-1]).replace("_", " ")) + unit


def words_of(path: Path, value: object) -> str:
    """Return a value of a setting in words, with its unit."""
    return _words(value, _sort_of(path).unit)


def _change(path: Path, before: Any, after: Any) -> Change:
    label, was, would_be, sort = label_of(path), words_of(path, before), words_of(path, after), _sort_of(path)
    if path[0] == SEATS and is_reordered(before, after):
        label, was, would_be = f"{label}, in this order", ", then ".join(before), ", then ".join(after)
    where, is_either = ".".join(map(str, path)), sort.is_stricter is _neither
    return Change(where, label, was, would_be, sort.is_stricter(before, after), is_either)


def _words(value: object, unit: str) -> str:
    if value is None:
        return "any"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if unit and value == 1 and unit.endswith("s"):
        unit = unit[:-1]
    return f"{value} {unit}".strip()


def tightens(found_changes: Sequence[Change]) -> bool:
    """Return whether there are changes and all of them tighten."""
    return bool(found_changes) and all(change.tightens for change in found_changes)


@dataclass(frozen=True)
class Line:
    """One line of a diff: ``sign`` is ``+``, ``-``, or a space for context."""

    sign: str
    text: str


def lines(before: str, after: str) -> list[Line]:
    """Return the line diff of two texts with two lines of context; ``…`` marks omitted lines."""
    diff_lines = []
    for line in list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2))[2:]:
        diff_lines.append(Line(" ", "…") if line.startswith("@@") else Line(line[0], line[1:]))
    return diff_lines
