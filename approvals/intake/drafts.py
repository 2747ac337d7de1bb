"""Drafts: a builder's answers about an import, saved with its preview on every change (I7).

A draft is a person's note and not a governed row: it has no history and no ledger event (H7). `confirmation.confirm_import` and
`submit.submit` write its content.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import transaction

from governance.core.models import Person, Team
from inventory.importers.manifest import Manifest, Privilege, binding_key, privilege_key
from inventory.imports import resolution
from inventory.imports.transitions import previews
from inventory.models import ImportBatch, ImportItem, ImportState, Version

#: Maximum length of a justification, in characters.
LONGEST_WHY = 300


def row_key(name: str) -> str:
    """Short key for form fields and element ids: 12 hex digits of a draft key, or of a connection's name."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def is_row(key: str) -> bool:
    """Whether a text has the form of a row key, so that a URL can hold it."""
    return re.fullmatch(r"[0-9a-f]{12}", key) is not None


def _is_number(text: str, digits: int) -> bool:
    """Whether a text is a whole number of at most so many digits."""
    return text.isascii() and text.isdecimal() and len(text) <= digits


def is_term(text: str) -> bool:
    """Whether a form value is a valid term: empty for the maximum, or a number of days."""
    return not text or (_is_number(text, 4) and int(text) > 0)


def privilege_row(privilege: Privilege) -> str:
    """Row key of a privilege of a manifest."""
    return row_key(privilege_key(privilege, ""))


def connections(manifest: Manifest) -> dict[str, str]:
    """Connections of a manifest: names as in `resolution.binding_name`, by the key of each row that uses one."""
    return {
        privilege_row(privilege): resolution.binding_name(binding_key(privilege))
        for privilege in manifest.privileges
        if privilege.instance
    }


@dataclass(frozen=True)
class Draft:
    """The builder's answers as typed. Readers check them against the database.

    Args:
        team: id of the team that owns the automation.
        automation: id of the automation that a source without an id of its own updates.
        sibling: id of the automation in another environment that a new one is promoted from; 0 for none (I10).
        promotes: id of the version whose promotion started the draft.
        fields: `purpose`, `environment`, `escalation_contact` as text, `business_owner` and `technical_owner` as ids.
        why: justification by row key.
        terms: term in days by row key.
        chosen: id of the resource that a connection opens, by `resolution.binding_name`.
        by_hand: posted data of the form for a manual description, to show it again.
    """

    team: int | None = None
    automation: int | None = None
    sibling: int | None = None
    promotes: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)
    terms: Mapping[str, int] = field(default_factory=dict)
    chosen: Mapping[str, int] = field(default_factory=dict)
    by_hand: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, item: ImportItem) -> Draft:
        """Load the draft of a preview."""
        kept = item.draft
        return cls(**{name: kept[name] for name in cls.__dataclass_fields__ if kept.get(name) is not None})

    def to_dict(self) -> dict[str, Any]:
        """Return the draft as JSON-able values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def with_rows(self, posted: Mapping[str, str], manifest: Manifest) -> Draft:
        """Return the draft with a form's answers about rows.

        Args:
            posted: form data ``why-KEY``, ``term-KEY`` and ``bind-KEY``; missing rows stay unchanged.
            manifest: the manifest that has the rows.
        """
        why, terms, chosen = dict(self.why), dict(self.terms), dict(self.chosen)
        names = connections(manifest)
        for name, value in posted.items():
            kind, _, key = name.partition("-")
            if len(key) != 12:
                continue
            if kind == "why":
                why[key] = value[:LONGEST_WHY]
            elif kind == "term":
                # Without a number of days the term is the maximum of the tier.
                terms.pop(key, None)
                terms |= {key: int(value)} if _is_number(value, 4) else {}
            elif kind == "bind" and key in names:
                chosen.pop(names[key], None)
                chosen |= {names[key]: int(value)} if _is_number(value, 18) else {}
        return replace(self, why=why, terms=terms, chosen=chosen)

    def choose(self, connection: str, resource: int) -> Draft:
        """Return the draft with a resource chosen for a connection."""
        return replace(self, chosen={**self.chosen, connection: resource})


def keep(item: ImportItem, draft: Draft, team: Team | None) -> None:
    """Save a draft with its preview.

    Raises:
        OutOfTurn: the preview is confirmed or discarded.
    """
    previews.save_draft(item, draft.to_dict(), team=team)


def create_preview(
    manifest: Mapping[str, Any], draft: Draft, *, by: Person, team: Team, now: datetime, **more: Any
) -> ImportItem:
    """Create a preview without a file: of a manual description, or of a registered version.

    Args:
        manifest: in the form of `Manifest.to_dict`.
        draft: the first answers.
        by: the person who owns the preview.
        team: the team that owns the automation.
        now: business time.
        more: further fields of the preview.
    """
    with transaction.atomic():
        batch = ImportBatch.objects.create(by=by, at=now)
        return ImportItem.objects.create(
            batch=batch, team=team, manifest=manifest, draft=draft.to_dict(), created_at=now, **more
        )


def replace_description(item: ImportItem, manifest: Manifest, draft: Draft, team: Team) -> None:
    """Replace a manual description that is still a preview.

    Raises:
        OutOfTurn: it is confirmed or discarded.
    """
    keep(item, draft, team)
    item.manifest = manifest.to_dict()
    item.save(update_fields=["manifest"])


def preview_of_version(version: Version, *, by: Person, team: Team, now: datetime) -> ImportItem:
    """Return the person's open preview of a registered version, or create one in the version's environment.

    Args:
        version: with its automation.
        by: the person who owns the preview.
        team: the team that owns the automation.
        now: business time.
    """
    open_previews = ImportItem.objects.filter(version=version, progress=ImportState.PREVIEW, batch__by=by)
    draft = Draft(fields={"environment": version.automation.environment})
    return open_previews.order_by("-pk").first() or create_preview(
        version.manifest, draft, by=by, team=team, now=now, secrets=version.secrets, version=version
    )


def following_preview(item: ImportItem) -> ImportItem | None:
    """Return the preview that continues a confirmed one, or None."""
    later = ImportItem.objects.filter(batch=item.batch_id, version=item.version_id, progress=ImportState.PREVIEW)
    return later.filter(pk__gt=item.pk).order_by("-pk").first()


def preview_to_continue(item: ImportItem, now: datetime) -> ImportItem:
    """Return the preview to continue: itself, or the one that follows a confirmed one.

    A confirmed preview does not change. Later answers go to a new preview of the same manifest.
    """
    if item.progress != ImportState.CONFIRMED:
        return item
    return following_preview(item) or ImportItem.objects.create(
        batch=item.batch,
        team=item.team,
        filename=item.filename,
        manifest=item.manifest,
        secrets=item.secrets,
        draft=item.draft,
        version=item.version,
        created_at=now,
    )
