"""Sealing: events in order into Merkle batches (RFC 6962, 2.1), each chained to the one before and signed (H2, H9).

Writers never wait for each other: the sealer takes only events of finished transactions, ordered by (transaction, id) and
below the oldest transaction still running, so that no event can appear before a sealed one later.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from governance.controls import keys
from governance.controls.ledger import instant
from governance.controls.ledger_verifier import GENESIS, canonical_json, leaf_hash, merkle_root, seal_body, seal_hash
from governance.controls.models import Seal

#: How many events one seal covers at the most.
BATCH = 5000
_ADVISORY_LOCK = 0x5EA1

_NEXT = """
    SELECT id, xid::text, digest FROM controls_ledgerevent
    WHERE (xid, id) > (%s::text::xid8, %s) AND xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY xid, id LIMIT %s
"""


def body_of(seal: Seal) -> dict[str, Any]:
    """What a seal's signature covers."""
    return seal_body(
        number=seal.number,
        first=seal.first,
        last=seal.last,
        count=seal.count,
        root=seal.root,
        previous=seal.previous,
        key_id=seal.key_id,
        at=instant(seal.at),
    )


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
            last = Seal.objects.order_by("-number").first()
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
            root=merkle_root([leaf_hash(row[0], row[2]) for row in rows]).hex(),
            previous=seal_hash(body_of(last)) if last else GENESIS,
            key_id=keys.public_key_hex(),
            at=at,
        )
        seal.signature = keys.signing_key().sign(canonical_json(body_of(seal))).hex()
        seal.save(force_insert=True)
    return seal


def seal_all(*, at: datetime) -> int:
    """Seal until nothing finished is unsealed; returns the number of events sealed, and publishes a checkpoint."""
    sealed = 0
    while (seal := seal_next(at=at)) is not None:
        sealed += seal.count
    if sealed:
        publish_checkpoint(at=at)
    return sealed


def checkpoint(*, at: datetime) -> dict[str, Any] | None:
    """A signed statement of how far the ledger reaches: counts, the last root and the last seal's hash."""
    last = Seal.objects.order_by("-number").first()
    if last is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(count) FROM controls_seal")
        events = int(cursor.fetchone()[0])
    body = {
        "events": events,
        "seals": last.number,
        "root": last.root,
        "seal": seal_hash(body_of(last)),
        "key_id": keys.public_key_hex(),
        "at": instant(at),
    }
    return {**body, "signature": keys.signing_key().sign(canonical_json(body)).hex()}


def publish_checkpoint(*, at: datetime) -> None:
    """Write the checkpoint outside the database, whole or not at all (H9)."""
    said = checkpoint(at=at)
    if said is None:
        return
    path = Path(settings.LEDGER_CHECKPOINT_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.{os.getpid()}")
    half.write_text(json.dumps(said, indent=2) + "\n")
    half.replace(path)


def published_checkpoint() -> dict[str, Any] | None:
    """The checkpoint last published, or None."""
    try:
        found: dict[str, Any] = json.loads(Path(settings.LEDGER_CHECKPOINT_FILE).read_text())
    except FileNotFoundError:
        return None
    return found
