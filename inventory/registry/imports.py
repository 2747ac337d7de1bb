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
from inventory.importers import ImportProblem, ReadResult, privilege_key
from inventory.models import ImportBatch, ImportItem, ImportState

MOST_ROWS = 600
"""As many privileges and credentials one automation may ask for: each is three fields of a form, and a form has at most 2,000."""


def preview(
    files: Iterable[tuple[str, bytes]],
    *,
    actor: Actor,
    now: datetime,
    team: Team | None = None,
    draft: Mapping[str, Any] | None = None,
) -> ImportBatch:
    """Read files and keep what was found as previews; a file that can't be read becomes a refused item with its reason.

    A preview is a draft of one person and no governed row: it leaves no ledger event (H7).

    Args:
        files: name and content of each.
        actor: who brings them in.
        now: business time.
        team: whom they are built for, where that is known already.
        draft: what each preview begins with.
    """
    if actor.person is None:
        raise refuse(Refusal("I7", "permission", "Files are brought in by a person."))
    with transaction.atomic():
        batch = ImportBatch.objects.create(by=actor.person, at=now)
        items = _read(batch, files, now)
        for item in items:
            if item.progress == ImportState.PREVIEW:
                item.team, item.draft = team, dict(draft or {})
        ImportItem.objects.bulk_create(items)
    return batch


def _read(batch: ImportBatch, files: Iterable[tuple[str, bytes]], now: datetime) -> list[ImportItem]:
    """An item for each automation, and one for each that can't be read; credentials that several use are found (I5)."""
    problems: list[ImportProblem] = []
    named, results = [], []
    for name, data in files:
        try:
            found = importers.read(name, data, fingerprint_key=keys.digest_key())
        except ImportProblem as problem:
            problems.append(problem)
            continue
        too_long = [_too_long(name, one, is_alone=len(found) == 1) for one in found]
        problems += [problem for problem in too_long if problem is not None]
        fitting = [one for one, problem in zip(found, too_long, strict=True) if problem is None]
        named += [importers.file_shown(name)] * len(fitting)
        results += fitting
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
    return [*read, *(_refused(batch, problem, now) for problem in problems)]


def _refused(batch: ImportBatch, problem: ImportProblem, now: datetime) -> ImportItem:
    said = {"filename": problem.file[:255], "reason": str(problem)[:400]}
    return ImportItem(batch=batch, created_at=now, progress=ImportState.REFUSED, **said)


def _too_long(name: str, result: ReadResult, *, is_alone: bool) -> ImportProblem | None:
    """Why an automation is no preview: more rows than one form can be sent with, and than anybody reads."""
    manifest = result.manifest
    rows = len({privilege_key(one, "") for one in manifest.privileges}) + len(manifest.credentials)
    if rows <= MOST_ROWS:
        return None
    reason = f"it uses {rows:,} things, and one automation may use {MOST_ROWS}"
    return ImportProblem(
        importers.file_shown(name), "" if is_alone else manifest.name, reason, "Split it into several automations."
    )


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
