"""Sealing: events in order into Merkle batches (RFC 6962, 2.1), each chained to the one before and signed (H2, H9).

Writers never wait for each other: the sealer takes only events of finished transactions, ordered by (transaction, id) and
below the oldest transaction still running, so that no event can appear before a sealed one later.
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

#: How many events one seal covers at the most.
BATCH = 5000
_ADVISORY_LOCK = 0x5EA1

_NEXT = """
    SELECT id, xid::text, digest FROM controls_ledgerevent
    WHERE (xid, id) > (%s::text::xid8, %s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY controls_ledgerevent.xid, id LIMIT %s
"""


def body_of(seal: Seal) -> dict[str, Any]:
    """What a seal's signature covers."""
    return {name: getattr(seal, name) for name in SEAL_FIELDS} | {"at": instant(seal.at)}


def seal_next(*, at: datetime, limit: int = BATCH) -> Seal | None:
    """Seal the next events, at most ``limit``; None when there is nothing to seal or another sealer is at work.

    Args:
        at: real time: a seal says when it was made, whatever the demo's clock says.
        limit: events a seal.
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
    """Seal until nothing finished is unsealed, and publish a checkpoint where the published one is behind.

    Returns:
        The number of events sealed.

    Raises:
        OSError: the checkpoint can't be written, on a full disk say. What is sealed stays sealed, and the next run tries again.
    """
    sealed, began = 0, time.monotonic()
    while (seal := seal_next(at=at + timedelta(seconds=time.monotonic() - began))) is not None:
        sealed += seal.count
    if sealed or unpublished_since() is not None:
        publish_checkpoint(at=at)
    return sealed


def unpublished_since() -> datetime | None:
    """When the oldest seal was made that the published checkpoint does not cover, as after a full disk; None without such a seal."""
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
    """Whether the server's transaction counter stands below the last seal: nothing can be written until it caught up (H2)."""
    last = latest()
    if last is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot()) <= %s::text::xid8", [str(last.last_xid)])
        return bool(cursor.fetchone()[0])


def unsealed() -> models.QuerySet[LedgerEvent]:
    """The events that no seal covers yet, in the order in which they will be sealed."""
    return after(latest())


def covering_seal() -> models.Subquery:
    """Number of the first seal that ends at or after an event, for annotations of events."""
    own, last = models.OuterRef("xid"), models.OuterRef("pk")
    ends = Seal.objects.filter(last_xid__gte=own).filter(models.Q(last_xid__gt=own) | models.Q(last__gte=last))
    return models.Subquery(ends.order_by("last_xid", "last").values("number")[:1])


def after(seal: Seal | None) -> models.QuerySet[LedgerEvent]:
    """The events that neither a seal nor any before it covers, in seal order; all of them for None."""
    events = LedgerEvent.objects.order_by("xid", "id")
    return events.filter(Q(xid__gt=seal.last_xid) | Q(xid=seal.last_xid, pk__gt=seal.last)) if seal else events


def checkpoint(last: Seal, *, at: datetime) -> dict[str, Any]:
    """A signed statement that the ledger reached this seal: counts, the seal's root and its hash.

    Args:
        last: the seal it is about.
        at: real time.
    """
    reached = {"events": last.total, "seals": last.number, "root": last.root, "seal": seal_hash(body_of(last))}
    body = {**reached, "key_id": key_files.public_key_hex(), "at": instant(at)}
    return {**body, "signature": key_files.signing_key().sign(canonical_json(body)).hex()}


class CheckpointUnreadable(Exception):
    """The published checkpoint is there, but it is no checkpoint: somebody wrote over it."""


def publish_checkpoint(*, at: datetime) -> bool:
    """Write the checkpoint outside the database, whole or not at all (H9); returns whether it was written.

    It is never moved back: where the file says more than the database, the file is what an older copy or a cut-off end is found
    by, and it stays.
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
    """Whether the seals continue a published checkpoint: its seal still stands as it was (H9)."""
    if published["seals"] > last.number:
        return False
    seen = Seal.objects.filter(number=published["seals"]).first()
    return seen is not None and seal_hash(body_of(seen)) == published["seal"]


def published_checkpoint() -> dict[str, Any] | None:
    """The checkpoint last published, or None where none was.

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
