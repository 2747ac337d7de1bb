"""Imports in progress: read, previewed, drafted, ordered, discarded. The raw file is parsed in memory and never kept (I7,
H7).

Previews are one person's working data and have no ledger events (H7). Only `confirmation.confirm_import` changes the
register.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from governance.core.access import Actor, Refusal, refuse
from governance.core.keys import key_files
from governance.core.models import Team
from inventory.importers import reader
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import Found, ReadResult, refuse_too_large, results_of
from inventory.models import BatchState, ImportBatch, ImportItem, ImportState, Outcome, Version

#: Content digest inside a manifest, compared without loading the manifest.
CONTENT = KeyTextTransform("content", KeyTransform("source", "manifest"))


@dataclass(frozen=True)
class Added:
    """Result of adding files to an upload: new automations, refused files, and files that it already had."""

    read: int
    refused: int
    again: int


def preview(
    files: Iterable[tuple[str, bytes]], *, actor: Actor, now: datetime, team: Team | None = None
) -> ImportBatch:
    """Read files in this process and keep the results, see `keep_results`.

    Args:
        files: name and content of each.
        actor: the importer.
        now: business time.
        team: the team that builds them.
    """
    return keep_results(read_files(files), actor=actor, now=now, team=team)


def keep_results(results: Sequence[Found], *, actor: Actor, now: datetime, team: Team | None = None) -> ImportBatch:
    """Keep results as previews; an unreadable file becomes a refused item with its reason.

    Args:
        results: of `read_files` or `import_process.read_in_child`.
        actor: the importer.
        now: business time.
        team: the team that builds them.
    """
    with transaction.atomic():
        batch = begin_upload(actor=actor, now=now)
        add_results(batch, results, now=now, team=team)
    return batch


def begin_upload(*, actor: Actor, now: datetime, order: Mapping[str, Any] | None = None) -> ImportBatch:
    """Create an empty upload.

    Args:
        actor: the importer.
        now: business time.
        order: import order that is kept with it from the beginning.

    Raises:
        NotPermitted: the actor is no person, for example a job.
    """
    if actor.person is None:
        raise refuse(Refusal("I7", "permission", "Only a person imports files."))
    return ImportBatch.objects.create(by=actor.person, at=now, order=dict(order or {}))


def read_files(files: Iterable[tuple[str, bytes]]) -> list[Found]:
    """Read files: a result for each automation and each refused file, with the file's displayed name."""
    return [result for name, data in files for result in results_of(name, data, key_files.digest_key())]


def add_results(batch: ImportBatch, results: Sequence[Found], *, now: datetime, team: Team | None = None) -> Added:
    """Add results to an upload, each once: a folder upload that broke off can be repeated (I7).

    Two results are the same with the same name and content, or with the same reason of refusal. Credentials that
    several of them share become findings (I5).

    Args:
        batch: the upload; it is locked, so that a part sent twice is added once.
        results: of `read_files`.
        now: business time.
        team: the team that builds them.

    Raises:
        OutOfTurn: the upload is being imported.
    """
    with transaction.atomic():
        batch = _locked(batch)
        results = refuse_too_large(results)
        earlier = _existing_keys(batch, {name[:255] for name, _ in results})
        items = [item for item in _items(batch, results, now, team) if _item_key(item) not in earlier]
        ImportItem.objects.bulk_create(items)
        read_now = sum(item.progress == ImportState.PREVIEW for item in items)
        if items:
            batch.size, batch.progress = batch.size + read_now, BatchState.PREVIEW
            batch.save(update_fields=["size", "progress"])
    return Added(read_now, len(items) - read_now, len(results) - len(items))


def _items(batch: ImportBatch, results: Sequence[Found], now: datetime, team: Team | None) -> list[ImportItem]:
    """Unsaved items: previews first, then refused files."""
    named = [(name, result) for name, result in results if isinstance(result, ReadResult)]
    together = reader.with_shared(result for _, result in named)
    of_all = {"batch": batch, "team": team, "created_at": now}
    items = [
        ImportItem(
            filename=name[:255],
            manifest=result.manifest.to_dict(),
            secrets=[asdict(secret) for secret in result.secrets],
            **of_all,
        )
        for (name, _), result in zip(named, together, strict=True)
    ]
    return items + [
        ImportItem(filename=name[:255], reason=str(result)[:400], progress=ImportState.REFUSED, **of_all)
        for name, result in results
        if isinstance(result, ImportProblem)
    ]


def _item_key(item: ImportItem) -> tuple[str, str]:
    """Key by which two items of an upload are the same."""
    return item.filename, item.manifest["source"]["content"] if item.manifest else item.reason


def _existing_keys(batch: ImportBatch, names: Iterable[str]) -> set[tuple[str, str]]:
    """Keys of an upload's items with these names, without discarded ones."""
    rows = batch.items.filter(filename__in=list(names)).exclude(progress=ImportState.DISCARDED)
    columns = rows.annotate(content=CONTENT).values_list("filename", "content", "reason").order_by()
    return {(name, content or reason) for name, content, reason in columns}


def order_import(batch: ImportBatch, choices: Mapping[str, Any]) -> bool:
    """Order the import of an upload's open and refused items.

    Args:
        batch: the upload.
        choices: see `ImportBatch`.

    Returns:
        Whether it was ordered; False if the import is already running.
    """
    with transaction.atomic():
        batch = ImportBatch.objects.select_for_update(no_key=True).get(pk=batch.pk)
        if batch.progress == BatchState.CONFIRMING:
            return False
        again = batch.items.filter(progress=ImportState.PREVIEW, outcome=Outcome.REFUSED)
        again.update(outcome="", reason="")
        batch.progress, batch.order = BatchState.CONFIRMING, dict(choices)
        batch.save(update_fields=["progress", "order"])
    return True


def stop_import(batch: ImportBatch) -> None:
    """Stop an import; confirmed items stay, and the others can be ordered again."""
    under_way = ImportBatch.objects.filter(pk=batch.pk, progress=BatchState.CONFIRMING)
    under_way.update(progress=BatchState.PREVIEW)


def open_items(batch: ImportBatch) -> Any:
    """Open items of an upload, without those that continue as single previews."""
    return batch.items.filter(progress=ImportState.PREVIEW, outcome="", version=None)


def discard_all(batch: ImportBatch) -> int:
    """Discard the open items of an upload with their drafts; returns the number of automations.

    Raises:
        OutOfTurn: the upload is being imported.
    """
    with transaction.atomic():
        batch = _locked(batch)
        remaining = batch.items.exclude(progress__in=(ImportState.CONFIRMED, ImportState.DISCARDED))
        count = remaining.filter(progress=ImportState.PREVIEW).count()
        remaining.update(progress=ImportState.DISCARDED, manifest={}, secrets=[], draft={}, reason="", outcome="")
        batch.progress, batch.size = BatchState.CONFIRMED, F("size") - count
        batch.save(update_fields=["progress", "size"])
    return count


def refuse_item(item: ImportItem, words: str) -> None:
    """Keep the reason of a refusal; the item stays a preview for correction."""
    still = ImportItem.objects.filter(pk=item.pk, progress=ImportState.PREVIEW)
    still.update(outcome=Outcome.REFUSED, reason=words[:400])


def mark_unchanged(versions: Mapping[int, Version], team: Team) -> int:
    """Mark unchanged previews like a confirmation would; returns their number.

    Args:
        versions: existing versions, from `imports.queries`.
        team: the importing team.
    """
    with transaction.atomic():
        still = ImportItem.objects.filter(pk__in=versions, progress=ImportState.PREVIEW, outcome="").order_by("pk")
        items = list(still.select_for_update(of=("self",)).only("pk"))
        for item in items:
            item.version, item.team = versions[item.pk], team
            item.progress, item.outcome = ImportState.CONFIRMED, Outcome.UNCHANGED
        ImportItem.objects.bulk_update(items, ("version", "team", "progress", "outcome"))
    return len(items)


def _locked(batch: ImportBatch) -> ImportBatch:
    """Lock an upload that is not being imported."""
    batch = ImportBatch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    if batch.progress == BatchState.CONFIRMING:
        sentence = "These automations are being imported at this moment."
        raise refuse(Refusal("I7", "state", sentence, "Wait until that has ended, or stop it first."))
    return batch


def save_draft(item: ImportItem, draft: Mapping[str, Any], *, team: Team | None) -> None:
    """Save the builder's draft of a preview."""
    _check_open(item)
    item.draft, item.team = dict(draft), team
    item.save(update_fields=["draft", "team"])


def discard_item(item: ImportItem) -> None:
    """Discard a preview with its draft."""
    _check_open(item)
    item.progress, item.manifest, item.secrets, item.draft = ImportState.DISCARDED, {}, [], {}
    item.save()


def delete_upload(batch: ImportBatch) -> None:
    """Delete an upload without any confirmed item: a program keeps no drafts."""
    if not batch.items.filter(progress=ImportState.CONFIRMED).exists():
        batch.delete()


def _check_open(item: ImportItem) -> None:
    if item.progress != ImportState.PREVIEW:
        raise refuse(Refusal("I7", "state", "This preview was confirmed or discarded already."))
