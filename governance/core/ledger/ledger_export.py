"""Reading the sealed ledger out in order: for an export file and for verifying the database itself (H9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Any, TextIO

from governance.core.keys import key_files
from governance.core.ledger import reconciliation, sealing
from governance.core.ledger.ledger_events import canonical
from governance.core.ledger.verifier import Report, verify
from governance.core.models import LedgerEvent, Seal
from governance.core.texts import free_text


def lines(last: Seal) -> Iterator[dict[str, Any]]:
    """Every event and every seal up to ``last``, in order; later events come with the next export.

    A seal follows the events that stand where it says, however many those are: so one that is missing or too many shows under its
    own seal and not under all that follow.
    """
    events = LedgerEvent.objects.order_by("xid", "id").iterator(chunk_size=5000)
    event = next(events, None)
    for seal in Seal.objects.filter(number__lte=last.number).order_by("number").iterator(chunk_size=2000):
        while event is not None and (event.xid, event.pk) <= (seal.last_xid, seal.last):
            yield {"type": "event", "number": event.pk, **canonical(event), "digest": event.digest}
            event = next(events, None)
        yield {"type": "seal", **sealing.body_of(seal), "signature": seal.signature}


def text_lines(last: Seal, *, at: datetime) -> Iterator[str]:
    """The lines of an export up to ``last``: JSON Lines with the signed checkpoint at the end (H9).

    Args:
        last: the seal that the export ends with.
        at: real time, which the checkpoint states.
    """
    for line in chain(lines(last), [{"type": "checkpoint", **sealing.checkpoint(last, at=at)}]):
        yield json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n"


def write(file: TextIO, *, at: datetime) -> int:
    """Write the export; see `text_lines`.

    Args:
        file: where to; text in UTF-8.
        at: real time.

    Returns:
        The number of lines; 0 when nothing is sealed yet.
    """
    last, written = sealing.latest(), 0
    for text in text_lines(last, at=at) if last else ():
        file.write(text)
        written += 1
    return written


def verify_database() -> Report:
    """Verify the ledger against its seals, our own key and the last published checkpoint; texts and governed rows against the ledger."""
    last = sealing.latest()
    try:
        published, unreadable = sealing.published_checkpoint(), ""
    except sealing.CheckpointUnreadable as error:
        published, unreadable = None, str(error)
    report = verify(
        lines(last) if last else (), key_hex=key_files.public_key_hex(), published=published, needs_checkpoint=False
    )
    if unreadable:
        report.wrong(unreadable)
    if last is not None and last.total != report.events:
        report.wrong(f"The seals cover {last.total} events, {report.events} stand in the database.")
    for problem in islice(free_text.rewritten(), Report.MOST):
        report.wrong(problem)
    reconciliation.reconcile(report)
    return report
