"""Passwords in a manifest's other texts: paths, tables, channels, topics, packages and tools (I6).

In a document such a text is no name, because a path or an id may stand anywhere. In a manifest each has its field.
"""

from __future__ import annotations

from dataclasses import replace

from inventory.importers.manifest import Manifest, Privilege
from inventory.importers.secrets.names import may_say_password, passwords_in_path
from inventory.importers.secrets.scrubber import replace_spans


def without_passwords(manifest: Manifest) -> Manifest:
    """Manifest without passwords in targets, instances and operations of privileges, triggers and error workflows."""
    return replace(
        manifest,
        triggers=tuple(replace(each, detail=_clean(each.detail)) for each in manifest.triggers),
        privileges=tuple(map(_privilege, manifest.privileges)),
        on_error=_clean(manifest.on_error),
    )


def _privilege(privilege: Privilege) -> Privilege:
    """A privilege without passwords; the place of a tool ends in the tool's name."""
    at, operation = privilege.at, _clean(privilege.operation)
    if operation != privilege.operation and at.endswith(privilege.operation):
        at = at.removesuffix(privilege.operation) + operation
    return replace(
        privilege,
        at=at,
        operation=operation,
        scope=_clean(privilege.scope),
        target=_clean(privilege.target),
        origin=_clean(privilege.origin),
    )


def _clean(text: str) -> str:
    return replace_spans(text, passwords_in_path(text)) if may_say_password(text) else text
