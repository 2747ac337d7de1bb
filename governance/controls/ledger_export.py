"""Reading the sealed ledger out in order: for an export file and for verifying the database itself (H9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, TextIO

from django.db.models import Sum
from django.utils import timezone

from governance.controls import keys, sealing
from governance.controls.ledger import canonical
from governance.controls.ledger_verifier import Report, verify
from governance.controls.models import LedgerEvent, Seal


def lines() -> Iterator[dict[str, Any]]:
    """Every sealed event and every seal, in order; unsealed events come with the next export."""
    seals = Seal.objects.order_by("number").iterator(chunk_size=2000)
    seal = next(seals, None)
    left = seal.count if seal else 0
    events = LedgerEvent.objects.order_by("xid", "id").iterator(chunk_size=5000)
    last = Seal.objects.order_by("-number").first()
    for event in events:
        if seal is None or last is None or (event.xid, event.pk) > (last.last_xid, last.last):
            return
        yield {"type": "event", "number": event.pk, **canonical(event), "digest": event.digest}
        left -= 1
        if left <= 0:
            yield {"type": "seal", **sealing.body_of(seal), "signature": seal.signature}
            seal = next(seals, None)
            left = seal.count if seal else 0


def write(file: TextIO) -> int:
    """Write the export as JSON Lines with its signed checkpoint; returns the number of lines."""
    written = 0
    for line in lines():
        file.write(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n")
        written += 1
    end = sealing.checkpoint(at=timezone.now())
    if end is not None:
        file.write(json.dumps({"type": "checkpoint", **end}, separators=(",", ":")) + "\n")
        written += 1
    return written


def verify_database() -> Report:
    """Verify what stands in the database against its seals, our own key and the last published checkpoint."""
    report = verify(
        lines(), key_hex=keys.public_key_hex(), known=sealing.published_checkpoint(), needs_checkpoint=False
    )
    sealed = Seal.objects.aggregate(total=Sum("count"))["total"] or 0
    if report.events != sealed:
        report.wrong(f"The seals cover {sealed} events, {report.events} stand in the database.")
    return report
