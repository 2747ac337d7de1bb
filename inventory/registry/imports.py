"""Imports under way: read, previewed, drafted, discarded. The raw file is parsed in memory and never kept (I7, H7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction

from governance.controls import keys
from governance.controls.actors import Actor
from governance.controls.models import Team
from governance.controls.refusals import Refusal, refuse
from inventory import importers
from inventory.importers import ImportProblem
from inventory.models import ImportBatch, ImportItem, ImportState


def preview(files: Iterable[tuple[str, bytes]], *, actor: Actor, now: datetime) -> ImportBatch:
    """Read files and keep what was found as previews; a file that can't be read becomes a refused item with its reason.

    A preview is a draft of one person and no governed row: it leaves no ledger event (H7).

    Args:
        files: name and content of each.
        actor: who brings them in.
        now: business time.
    """
    if actor.person is None:
        raise refuse(Refusal("I7", "permission", "Files are brought in by a person."))
    with transaction.atomic():
        batch = ImportBatch.objects.create(by=actor.person, at=now)
        ImportItem.objects.bulk_create(_read(batch, files, now))
    return batch


def _read(batch: ImportBatch, files: Iterable[tuple[str, bytes]], now: datetime) -> list[ImportItem]:
    """An item for each automation, and one for each file that can't be read; credentials that several use are found (I5)."""
    refused, named, results = [], [], []
    for name, data in files:
        try:
            found = importers.read(name, data, fingerprint_key=keys.digest_key())
        except ImportProblem as problem:
            made = ImportItem(batch=batch, filename=problem.file[:255], created_at=now, reason=str(problem)[:400])
            made.progress = ImportState.REFUSED
            refused.append(made)
            continue
        named += [importers.file_shown(name)] * len(found)
        results += found
    read = [
        ImportItem(
            batch=batch,
            filename=name[:255],
            manifest=result.manifest.to_dict(),
            secrets=[asdict(secret) for secret in result.secrets],
            created_at=now,
        )
        for name, result in zip(named, importers.with_shared(results), strict=True)
    ]
    return [*read, *refused]


def save_draft(item: ImportItem, draft: Mapping[str, Any], *, team: Team | None) -> None:
    """Keep what the builder typed so far; nothing typed is ever lost."""
    _still_open(item)
    item.draft, item.team = dict(draft), team
    item.save(update_fields=["draft", "team"])


def discard(item: ImportItem) -> None:
    """The builder drops a preview; what was read and typed goes with it."""
    _still_open(item)
    item.progress, item.manifest, item.secrets, item.draft = ImportState.DISCARDED, {}, [], {}
    item.save()


def _still_open(item: ImportItem) -> None:
    if item.progress != ImportState.PREVIEW:
        raise refuse(Refusal("I7", "state", "This preview was confirmed or discarded already."))
