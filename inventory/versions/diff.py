"""Differences between two versions of an automation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from django.db.models import QuerySet

from inventory.models import Credential, Privilege, Trigger, Version, VersionCredential

#: Fields of a privilege that may differ under the same key, with labels.
COMPARED = (
    ("level", "Level"),
    ("active", "Switched on"),
    ("model_controlled", "Chosen by a model"),
    ("opaque", "Can't be judged from its source"),
    ("recognised", "Recognised"),
)


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

    added: tuple[Privilege, ...]
    removed: tuple[Privilege, ...]
    changed: tuple[Change, ...]
    triggers_added: tuple[Trigger, ...] = ()
    triggers_removed: tuple[Trigger, ...] = ()
    credentials_added: tuple[Credential, ...] = ()
    credentials_removed: tuple[Credential, ...] = ()
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
    triggers = tuple(_by_key(rows, _trigger_key) for rows in starts)
    uses = _rows_of_both(VersionCredential.objects.select_related("credential").order_by("pk"), old, new)
    used = tuple(_by_key((row.credential for row in rows), lambda credential: credential.pk) for rows in uses)
    held = Privilege.objects.select_related("entitlement__resource", "credential").order_by("pk")
    triggers_added, triggers_removed = _added_and_removed(*triggers)
    credentials_added, credentials_removed = _added_and_removed(*used)
    return replace(
        diff_privileges(*_rows_of_both(held, old, new)),
        triggers_added=triggers_added,
        triggers_removed=triggers_removed,
        credentials_added=credentials_added,
        credentials_removed=credentials_removed,
        source_changed=old.source_digest != new.source_digest,
    )


def diff_privileges(old: Iterable[Privilege], new: Iterable[Privilege]) -> VersionDiff:
    """Compare two lists of privileges by key; the rows may be unsaved, as in a preview."""
    before, after = _by_key(old, lambda privilege: privilege.key), _by_key(new, lambda privilege: privilege.key)
    added, removed = _added_and_removed(before, after)
    both = [(before[key], privilege) for key, privilege in after.items() if key in before]
    changed = [Change(was, now, rows) for was, now in both if (rows := _rows(was, now))]
    return VersionDiff(added, removed, tuple(changed))


def differs(was: Privilege, now: Privilege) -> bool:
    """Whether two privileges with the same key differ."""
    return bool(_rows(was, now))


def _rows(was: Privilege, now: Privilege) -> tuple[Field, ...]:
    differing = ((label, getattr(was, name), getattr(now, name)) for name, label in COMPARED)
    return tuple(Field(label, _text(before), _text(after)) for label, before, after in differing if before != after)


def _text(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _by_key(rows: Iterable[Any], key: Any) -> dict[Any, Any]:
    return {key(row): row for row in rows}


def _added_and_removed(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    added = tuple(item for key, item in after.items() if key not in before)
    return added, tuple(item for key, item in before.items() if key not in after)


def _trigger_key(trigger: Trigger) -> tuple[Any, ...]:
    return trigger.type, trigger.detail, trigger.authenticated, trigger.active


def _rows_of_both(rows: QuerySet[Any], old: Version, new: Version) -> tuple[list[Any], list[Any]]:
    """Rows of two versions, loaded together."""
    rows_by_version: dict[int, list[Any]] = {old.pk: [], new.pk: []}
    for row in rows.filter(version__in=rows_by_version):
        rows_by_version[row.version_id].append(row)
    return rows_by_version[old.pk], rows_by_version[new.pk]
