"""Differences between two versions: of one automation (I7), or of two environments (I10).

Across environments, the same operation is often on another resource with another credential. This is one change, not a
loss and a gain.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, NamedTuple

from django.db.models import QuerySet

from governance.core.database.grouping import grouped
from inventory.models import Credential, Privilege, Trigger, Version, VersionCredential

#: Facts of a privilege that may differ under the same key: attribute by label.
COMPARED = {
    "Level": "level",
    "Switched on": "active",
    "Chosen by a model": "model_controlled",
    "Can't be judged from its source": "opaque",
    "Recognised": "recognised",
}
#: Facts that may differ across environments.
COMPARED_ACROSS = {
    "Resource": "entitlement.resource.name",
    "Data class": "entitlement.counted_class",
    "Connector": "connector",
    "Connection": "instance",
    "Credential": "credential",
    "Level": "level",
    "Target": "target",
    "Scope": "scope",
    "Switched on": "active",
    "Chosen by a model": "model_controlled",
}

#: Keys of a row; two rows with a common key are a pair.
Keys = Callable[[Any], Iterable[Any]]


class Field(NamedTuple):
    """One fact of a privilege that differs."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """Changed privilege, with the facts that differ."""

    before: Privilege
    after: Privilege
    rows: tuple[Field, ...]


@dataclass(frozen=True)
class VersionDiff:
    """Differences between two versions (I7). Renaming or moving a node makes no difference."""

    added: Sequence[Privilege]
    removed: Sequence[Privilege]
    changed: Sequence[Change]
    triggers_added: Sequence[Trigger] = ()
    triggers_removed: Sequence[Trigger] = ()
    credentials_added: Sequence[Credential] = ()
    credentials_removed: Sequence[Credential] = ()
    source_changed: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether both versions hold the same access."""
        return not (self.added or self.removed or self.changed)

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of added, removed and changed privileges."""
        return {"added": len(self.added), "removed": len(self.removed), "changed": len(self.changed)}


def diff_versions(old: Version, new: Version) -> VersionDiff:
    """Compare privileges, triggers and credentials of two versions. Reads only: three queries for both."""
    starts = _rows_of_both(Trigger.objects.order_by("pk"), old, new)
    _, triggers_removed, triggers_added = pair_rows(
        *starts, lambda trigger: [(trigger.type, trigger.detail, trigger.authenticated, trigger.active)]
    )
    uses = _rows_of_both(VersionCredential.objects.select_related("credential").order_by("pk"), old, new)
    old_uses, new_uses = ([row.credential for row in rows] for rows in uses)
    _, credentials_removed, credentials_added = pair_rows(old_uses, new_uses, lambda credential: [credential.pk])
    held = Privilege.objects.select_related("entitlement__resource", "credential").order_by("pk")
    return replace(
        diff_privileges(*_rows_of_both(held, old, new)),
        triggers_added=triggers_added,
        triggers_removed=triggers_removed,
        credentials_added=credentials_added,
        credentials_removed=credentials_removed,
        source_changed=old.source_digest != new.source_digest,
    )


def diff_privileges(old: Iterable[Privilege], new: Iterable[Privilege], *, across: bool = False) -> VersionDiff:
    """Compare two lists of privileges; the new rows may be unsaved, as in a preview.

    Args:
        old, new: the privileges.
        across: whether they are of two environments; see `pair_across`.
    """
    both, removed, added = pair_across(old, new) if across else pair_rows(old, new, _key)
    compared = COMPARED_ACROSS if across else COMPARED
    changed = [Change(was, now, rows) for was, now in both if (rows := _fields(was, now, compared))]
    return VersionDiff(added, removed, changed)


def differs(was: Privilege, now: Privilege) -> bool:
    """Whether two privileges with the same key differ."""
    return bool(_fields(was, now, COMPARED))


def altered(was: Privilege, now: Privilege) -> tuple[Field, ...]:
    """Facts that differ between two privileges with the same operation and other keys."""
    return _fields(was, now, COMPARED | {"Data class": "entitlement.counted_class", "Credential": "credential"})


def _fields(was: Privilege, now: Privilege, compared: Mapping[str, str]) -> tuple[Field, ...]:
    rows = (Field(label, *(_text(attrgetter(path)(row)) for row in (was, now))) for label, path in compared.items())
    return tuple(row for row in rows if row.before != row.after)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value or "none")


def pair_across(
    old: Iterable[Privilege], new: Iterable[Privilege]
) -> tuple[list[tuple[Privilege, Privilege]], list[Privilege], list[Privilege]]:
    """Pair the privileges of two environments: by key, else by operation and place in the source, else by operation."""
    return pair_rows(old, new, _key, _places, _operation)


def pair_rows(
    old: Iterable[Any], new: Iterable[Any], *keys: Keys
) -> tuple[list[tuple[Any, Any]], list[Any], list[Any]]:
    """Pairs of rows with a common key, the old row first, and the rest of both lists; earlier keys pair first."""
    both: list[tuple[Any, Any]] = []
    left, free = list(old), list(new)
    for keys_of in keys:
        waiting: dict[Any, list[Any]] = defaultdict(list)
        for was in left:
            for key in keys_of(was):
                waiting[key].append(was)
        paired_ids = set[int]()
        for now in free:
            was = next((row for key in keys_of(now) for row in waiting[key] if id(row) not in paired_ids), None)
            if was is not None:
                paired_ids |= {id(was), id(now)}
                both.append((was, now))
        left, free = ([row for row in rows if id(row) not in paired_ids] for rows in (left, free))
    return both, left, free


def _key(privilege: Privilege) -> list[Any]:
    return [privilege.key]


def _places(privilege: Privilege) -> list[Any]:
    return [(privilege.connector, privilege.entitlement.code, place) for place in privilege.at]


def _operation(privilege: Privilege) -> list[Any]:
    return [(privilege.connector, privilege.entitlement.code)]


def _rows_of_both(rows: QuerySet[Any], old: Version, new: Version) -> tuple[list[Any], list[Any]]:
    """Rows of two versions, loaded together."""
    rows_by_version = grouped((row.version_id, row) for row in rows.filter(version__in=[old.pk, new.pk]))
    return rows_by_version.get(old.pk, []), rows_by_version.get(new.pk, [])
