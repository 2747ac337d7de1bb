"""What differs between a version and the one of another environment that it is promoted from (I10). Reads only.

The two do the same, often on another resource by another credential. That is one change, shown as that, and neither a loss nor a gain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from inventory.models import Privilege
from inventory.versions.diff import Change, Drift

#: What may differ in a privilege that does the same: how it is called, and what is said of it.
COMPARED: tuple[tuple[str, Callable[[Privilege], str]], ...] = (
    ("Resource", lambda privilege: privilege.entitlement.resource.name),
    ("Data class", lambda privilege: privilege.entitlement.counted_class),
    ("Connection", lambda privilege: f"{privilege.connector} {privilege.instance}".strip()),
    ("Credential", lambda privilege: str(privilege.credential or "none")),
    ("Level", lambda privilege: privilege.level),
    ("Target", lambda privilege: privilege.target),
    ("Scope", lambda privilege: ", ".join(privilege.scope)),
    ("Switched on", lambda privilege: "yes" if privilege.active else "no"),
    ("Chosen by a model", lambda privilege: "yes" if privilege.model_controlled else "no"),
)


def across(old: Iterable[Privilege], new: Iterable[Privilege]) -> Drift:
    """Compare what a version of another environment holds with what this one would; the new rows may be unsaved."""
    both, removed, added = together(list(old), list(new))
    changed = [Change(was, now, rows) for was, now in both if (rows := _rows(was, now))]
    return Drift(tuple(added), tuple(removed), tuple(changed))


Both = list[tuple[Privilege, Privilege]]


def together(old: Sequence[Privilege], new: Sequence[Privilege]) -> tuple[Both, list[Privilege], list[Privilege]]:
    """The privileges that do the same in both, the old one first, and what is left of either.

    The same are the very same ones, else those of one operation at one place in the source, else those of one operation.
    """
    both: Both = []
    left, free = list(old), list(new)
    for keys in (_key_of, _places_of, _operation_of):
        pairs = _pair_up(left, free, keys)
        paired = {id(privilege) for pair in pairs for privilege in pair}
        left, free = ([privilege for privilege in rows if id(privilege) not in paired] for rows in (left, free))
        both += pairs
    return both, left, free


def _pair_up(left: Iterable[Privilege], free: Iterable[Privilege], keys: Callable[[Privilege], list[Any]]) -> Both:
    """Of each, at most one pair that has a key in common."""
    waiting: dict[Any, list[Privilege]] = defaultdict(list)
    for was in left:
        for key in keys(was):
            waiting[key].append(was)
    pairs, paired_ids = [], set[int]()
    for now in free:
        rows = [was for key in keys(now) for was in waiting[key] if id(was) not in paired_ids][:1]
        for was in rows:
            paired_ids.add(id(was))
            pairs.append((was, now))
    return pairs


def _key_of(privilege: Privilege) -> list[Any]:
    return [privilege.key]


def _places_of(privilege: Privilege) -> list[Any]:
    return [(privilege.connector, privilege.entitlement.code, place) for place in privilege.at]


def _operation_of(privilege: Privilege) -> list[Any]:
    return [(privilege.connector, privilege.entitlement.code)]


def _rows(was: Privilege, now: Privilege) -> tuple[tuple[str, str, str], ...]:
    cells = ((label, read(was), read(now)) for label, read in COMPARED)
    return tuple((label, before, after) for label, before, after in cells if before != after)
