"""Seal events in Merkle batches (RFC 6962, 2.1). Each seal is signed and chained to the seal before (H2, H9).

Writers never wait for each other. The sealer takes only events of finished transactions, ordered by (transaction, id) and below the
oldest running transaction. So no later event can come before a sealed one.
"""

import json
import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q

from governance.core.keys import key_files
from governance.core.ledger.ledger_events import instant
from governance.core.ledger.verifier import GENESIS, SEAL_FIELDS, canonical_json, leaf_hash, merkle_root, seal_hash
from governance.core.models import LedgerEvent, Seal

log = structlog.get_logger(__name__)

#: Most events of one seal.
BATCH = 5000
_ADVISORY_LOCK = 0x5EA1

_NEXT = """
    SELECT id, xid::text, digest FROM controls_ledgerevent
    WHERE (xid, id) > (%s::text::xid8, %s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY controls_ledgerevent.xid, id LIMIT %s
"""


def body_of(seal: Seal) -> dict[str, Any]:
    """Return the signed part of a seal."""
    return {name: getattr(seal, name) for name in SEAL_FIELDS} | {"at": instant(seal.at)}


def seal_next(*, at: datetime, limit: int = BATCH) -> Seal | None:
    """Seal the next events, at most ``limit``. Return None if there is nothing to seal, or another sealer is running.

    Args:
        at: real time of the seal, also in a demo.
        limit: most events of a seal.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_ADVISORY_LOCK])
            if not cursor.fetchone()[0]:
                return None
            last = latest()
            after = (str(last.last_xid), last.last) if last else ("0", 0)
            cursor.execute(_NEXT, [*after, limit])
            rows = cursor.fetchall()
        if not rows:
            return None
        seal = Seal(
            number=(last.number + 1) if last else 1,
            first=rows[0][0],
            last=rows[-1][0],
            last_xid=int(rows[-1][1]),
            count=len(rows),
            total=(last.total if last else 0) + len(rows),
            root=merkle_root([leaf_hash(row[0], row[2]) for row in rows]).hex(),
            previous=seal_hash(body_of(last)) if last else GENESIS,
            key_id=key_files.public_key_hex(),
            at=at,
        )
        seal.signature = key_files.signing_key().sign(canonical_json(body_of(seal))).hex()
        seal.save(force_insert=True)
    return seal


def seal_all(*, at: datetime) -> int:
    """Seal all finished events, and publish a checkpoint if the published one is behind.

    Returns:
        The number of events sealed.

    Raises:
        OSError: the checkpoint can't be written, for instance on a full disk. Seals stay, and the next run tries again.
    """
    sealed, began = 0, time.monotonic()
    while (seal := seal_next(at=at + timedelta(seconds=time.monotonic() - began))) is not None:
        sealed += seal.count
    if sealed or unpublished_since() is not None:
        publish_checkpoint(at=at)
    return sealed


def unpublished_since() -> datetime | None:
    """Return the time of the oldest seal that the published checkpoint does not cover; None without such a seal."""
    try:
        published = published_checkpoint()
    except CheckpointUnreadable:
        return None
    covered = published["seals"] if published else 0
    return Seal.objects.filter(number__gt=covered).order_by("number").values_list("at", flat=True).first()


def latest() -> Seal | None:
    """The last seal, or None before the first."""
    return Seal.objects.order_by("-number").first()


def is_counter_behind() -> bool:
    """Whether the server's transaction counter is below the last seal. Nothing can be written until it has caught up (H2)."""
    last = latest()
    if last is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot()) <= %s::text::xid8", [str(last.last_xid)])
        return bool(cursor.fetchone()[0])


def unsealed() -> models.QuerySet[LedgerEvent]:
    """Return the unsealed events, in the order of sealing."""
    return events_after(latest())


def covering_seal() -> models.Subquery:
    """Return the number of the first seal that ends at or after an event, as an annotation."""
    own, last = models.OuterRef("xid"), models.OuterRef("pk")
    ends = Seal.objects.filter(last_xid__gte=own).filter(models.Q(last_xid__gt=own) | models.Q(last__gte=last))
    return models.Subquery(ends.order_by("last_xid", "last").values("number")[:1])


def events_after(seal: Seal | None) -> models.QuerySet[LedgerEvent]:
    """Return the events after a seal, in seal order; all events for None."""
    events = LedgerEvent.objects.order_by("xid", "id")
    return events.filter(Q(xid__gt=seal.last_xid) | Q(xid=seal.last_xid, pk__gt=seal.last)) if seal else events


def checkpoint(last: Seal, *, at: datetime) -> dict[str, Any]:
    """Return a signed statement that the ledger reached a seal: counts, the seal's root and its hash.

    Args:
        last: the seal.
        at: real time.
    """
    reached = {"events": last.total, "seals": last.number, "root": last.root, "seal": seal_hash(body_of(last))}
    body = {**reached, "key_id": key_files.public_key_hex(), "at": instant(at)}
    return {**body, "signature": key_files.signing_key().sign(canonical_json(body)).hex()}


class CheckpointUnreadable(Exception):
    """The file of the published checkpoint holds something else: it was overwritten."""


def publish_checkpoint(*, at: datetime) -> bool:
    """Write the checkpoint outside the database, whole or not at all (H9); return whether it was written.

    A checkpoint is never replaced by an earlier one. If the file is ahead of the database, it proves an older copy or a cut-off end,
    so it stays.
    """
    last = latest()
    if last is None:
        return False
    current = checkpoint(last, at=at)
    try:
        published = published_checkpoint()
    except CheckpointUnreadable:
        log.error("checkpoint.unreadable", file=str(settings.LEDGER_CHECKPOINT_FILE))
        return False
    if published is not None and not continues(published, last):
        log.error("checkpoint.ahead", known=published["seals"], here=last.number)
        return False
    path = Path(settings.LEDGER_CHECKPOINT_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_text(json.dumps(current, indent=2) + "\n")
        half.replace(path)
    except OSError:
        half.unlink(missing_ok=True)
        raise
    return True


def continues(published: dict[str, Any], last: Seal) -> bool:
    """Whether the seals continue a published checkpoint: its seal is unchanged (H9)."""
    if published["seals"] > last.number:
        return False
    seen = Seal.objects.filter(number=published["seals"]).first()
    return seen is not None and seal_hash(body_of(seen)) == published["seal"]


def published_checkpoint() -> dict[str, Any] | None:
    """Return the last published checkpoint, or None.

    Raises:
        CheckpointUnreadable: the file holds something else.
    """
    path = Path(settings.LEDGER_CHECKPOINT_FILE)
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CheckpointUnreadable(f"{path} can't be read as a checkpoint.") from error
    if not isinstance(content, dict) or not isinstance(content.get("seals"), int) or "seal" not in content:
        raise CheckpointUnreadable(f"{path} is no checkpoint.")
    return content
