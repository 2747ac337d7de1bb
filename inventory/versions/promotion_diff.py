"""Differences between a version and the version of another environment that it is promoted from (I10). Reads only.

Both do the same, often on another resource with another credential. This is one change, not a loss and a gain.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from inventory.models import Privilege
from inventory.versions.diff import Change, Field, VersionDiff

#: Facts that may differ between equal privileges: label and reader.
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


def diff_across_environments(old: Iterable[Privilege], new: Iterable[Privilege]) -> VersionDiff:
    """Compare the privileges of another environment's version with this one's; the new rows may be unsaved."""
    both, removed, added = pair_privileges(list(old), list(new))
    changed = [Change(was, now, rows) for was, now in both if (rows := _rows(was, now))]
    return VersionDiff(tuple(added), tuple(removed), tuple(changed))


Both = list[tuple[Privilege, Privilege]]


def pair_privileges(
    old: Sequence[Privilege], new: Sequence[Privilege]
) -> tuple[Both, list[Privilege], list[Privilege]]:
    """Pairs of equal privileges, the old one first, and the rest of both lists.

    Pairs have the same key, otherwise the same operation and place in the source, otherwise the same operation.
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
    """At most one pair with a common key for each privilege."""
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


def _rows(was: Privilege, now: Privilege) -> tuple[Field, ...]:
    fields = (Field(label, read(was), read(now)) for label, read in COMPARED)
    return tuple(field for field in fields if field.before != field.after)
