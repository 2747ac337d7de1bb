"""What a builder typed about an import so far: one typed draft, kept with the preview on every change and never lost (I7).

A draft is one person's note and no governed row: it leaves no history and no ledger event (H7). What it becomes is written by
`registry.confirm_import` and `submit.submit`.
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

#: The longest justification, in characters: one sentence or two.
LONGEST_WHY = 300


def row_key(name: str) -> str:
    """A short key for a form's field names and a page's ids: 12 hex digits of a draft key, or of a connection's name."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def is_row(key: str) -> bool:
    """Whether a text has the form of a row's key, so that an address can hold it."""
    return re.fullmatch(r"[0-9a-f]{12}", key) is not None


def _is_number(text: str, digits: int) -> bool:
    """Whether a text is a whole number of at most so many digits."""
    return text.isascii() and text.isdecimal() and len(text) <= digits


def is_term(text: str) -> bool:
    """Whether a form's field says a term: nothing, which is the longest, or a number of days."""
    return not text or (_is_number(text, 4) and int(text) > 0)


def privilege_row(said: Privilege) -> str:
    """The key of the row that a privilege of a manifest stands in."""
    return row_key(privilege_key(said, ""))


def connections(manifest: Manifest) -> dict[str, str]:
    """The connections of a manifest: by the key of each row that uses one, `resolving.binding_name`."""
    return {
        privilege_row(one): resolution.binding_name(binding_key(one)) for one in manifest.privileges if one.instance
    }


@dataclass(frozen=True)
class Draft:
    """What was typed, as it was typed; whoever reads it checks it against the database.

    Args:
        team: id of the team that it is built for.
        automation: id of the automation that a source without an id of its own is a version of.
        sibling: id of the automation of another environment that a new one is said to be promoted from; 0 for none (I10).
        promotes: id of the version that it began as a promotion of.
        fields: `purpose`, `environment`, `escalation_contact` as text, `business_owner` and `technical_owner` as ids.
        why: justification by row key.
        terms: term in days by row key.
        chosen: id of the resource that a connection opens, by `resolving.binding_name`.
        by_hand: what the form for automations without an export was sent, to show it again.
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
        """The draft that is kept with a preview."""
        kept = item.draft
        return cls(**{name: kept[name] for name in cls.__dataclass_fields__ if kept.get(name) is not None})

    def to_dict(self) -> dict[str, Any]:
        """The draft as JSON-able values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def with_rows(self, posted: Mapping[str, str], manifest: Manifest) -> Draft:
        """The draft with what a form says about its rows.

        Args:
            posted: a form's ``why-KEY``, ``term-KEY`` and ``bind-KEY``; a row that it leaves out stays as it is.
            manifest: what the rows are of.
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
                # The longest, whatever the tier turns out to be, unless a number of days was chosen.
                terms.pop(key, None)
                terms |= {key: int(value)} if _is_number(value, 4) else {}
            elif kind == "bind" and key in names:
                chosen.pop(names[key], None)
                chosen |= {names[key]: int(value)} if _is_number(value, 18) else {}
        return replace(self, why=why, terms=terms, chosen=chosen)

    def choose(self, connection: str, resource: int) -> Draft:
        """The draft with one connection opening one resource."""
        return replace(self, chosen={**self.chosen, connection: resource})


def keep(item: ImportItem, draft: Draft, team: Team | None) -> None:
    """Keep a draft with its preview.

    Raises:
        OutOfTurn: the preview was confirmed or discarded already.
    """
    previews.save_draft(item, draft.to_dict(), team=team)


def described(manifest: Manifest, draft: Draft, *, by: Person, now: datetime, team: Team) -> ImportItem:
    """A preview of what a person described by hand; it goes on like any other.

    Args:
        manifest: see `registry.describe`.
        draft: with what the form was sent.
        by: who described it.
        now: business time.
        team: whom it is built for.
    """
    with transaction.atomic():
        batch = ImportBatch.objects.create(by=by, at=now)
        return ImportItem.objects.create(
            batch=batch,
            team=team,
            filename="",
            manifest=manifest.to_dict(),
            draft=draft.to_dict(),
            created_at=now,
        )


def describe_anew(item: ImportItem, manifest: Manifest, draft: Draft, team: Team) -> None:
    """Replace what a person described by hand, while it is a preview.

    Raises:
        OutOfTurn: it was confirmed or discarded already.
    """
    keep(item, draft, team)
    item.manifest = manifest.to_dict()
    item.save(update_fields=["manifest"])


def of_version(version: Version, *, by: Person, team: Team, now: datetime) -> ImportItem:
    """A preview of a version that is in the register: the person's own, if one is under way already; where it runs stays said.

    Args:
        version: with its automation.
        by: whose preview it is.
        team: whom it is built for.
        now: business time.
    """
    own = ImportItem.objects.filter(version=version, progress=ImportState.PREVIEW, batch__by=by)
    draft = Draft(fields={"environment": version.automation.environment})
    return own.order_by("-pk").first() or _like(version, draft, by=by, team=team, now=now, version=version)


def promoted(version: Version, draft: Draft, *, by: Person, team: Team, now: datetime) -> ImportItem:
    """A preview of what a version of a lower environment would be in another (I10).

    Args:
        version: of the lower environment.
        draft: says where to.
        by: whose preview it is.
        team: whom it is built for.
        now: business time.
    """
    return _like(version, draft, by=by, team=team, now=now)


def _like(said: Version, draft: Draft, *, by: Person, team: Team, now: datetime, **more: Any) -> ImportItem:
    """A preview of what a version says."""
    return ImportItem.objects.create(
        batch=ImportBatch.objects.create(by=by, at=now),
        team=team,
        manifest=said.manifest,
        secrets=said.secrets,
        draft=draft.to_dict(),
        created_at=now,
        **more,
    )


def later_of(item: ImportItem) -> ImportItem | None:
    """The preview in which a confirmed one goes on, or None."""
    later = ImportItem.objects.filter(batch=item.batch_id, version=item.version_id, progress=ImportState.PREVIEW)
    return later.filter(pk__gt=item.pk).order_by("-pk").first()


def going_on(item: ImportItem, now: datetime) -> ImportItem:
    """Where a preview goes on whose version is in the register and was not submitted: itself, or the one that follows it.

    A confirmed preview stays as it is; what is typed from then on stands in a new one of the same manifest.
    """
    if item.progress != ImportState.CONFIRMED:
        return item
    return later_of(item) or ImportItem.objects.create(
        batch=item.batch,
        team=item.team,
        filename=item.filename,
        manifest=item.manifest,
        secrets=item.secrets,
        draft=item.draft,
        version=item.version,
        created_at=now,
    )
