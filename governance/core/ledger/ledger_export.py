"""Read the sealed ledger in order, for an export file and to verify the database (H9).

The check also compares governed rows with their events, in both directions (H1, H2), by `models.required_events`. Each comparison is one
statement over all rows of a model, so rows and events are read at the same instant.
"""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any, TextIO

from django.conf import settings
from django.db import connection
from django.db.models import Q

from governance.core.keys import key_files
from governance.core.ledger import sealing
from governance.core.ledger.ledger_events import canonical
from governance.core.ledger.verifier import Report, verify
from governance.core.models import ClockOffset, LedgerEvent, Seal
from governance.core.models.clock import MOVED
from governance.core.models.required_events import RECORDED, Recorded, Says, texts
from governance.core.texts import free_text

#: Findings of one comparison that are listed; all are counted.
LISTED = 10

#: ``own`` and ``told`` are numbered within each key, so that one event answers for one row.
_PAIRS = """
WITH own AS (SELECT id, key, row_number() OVER (PARTITION BY key ORDER BY length(id), id) AS place FROM ({rows}) r),
told AS (SELECT id, key, row_number() OVER (PARTITION BY key ORDER BY id) AS place FROM ({events}) e)
SELECT own.id, told.id, key, count(*) OVER () FROM own FULL JOIN told USING (key, place)
WHERE own.id IS NULL OR told.id IS NULL ORDER BY told.id NULLS FIRST, length(own.id), own.id LIMIT {limit}
"""

_SAYS = """
WITH told AS (
    SELECT DISTINCT ON (e.subject_id) e.subject_id, e.id, {told} AS value FROM controls_ledgerevent e
    WHERE e.subject_type = '{model}' AND e.outcome = 'done'{verbs} AND {told} IS NOT NULL ORDER BY e.subject_id, e.id DESC)
SELECT found.*, count(*) OVER () FROM (
    SELECT r.id, told.id AS event, COALESCE(told.value, {otherwise}) AS value, {held} AS held
    FROM {table} r LEFT JOIN told ON told.subject_id = r.id::text) found
WHERE value IS NOT NULL AND value IS DISTINCT FROM held ORDER BY found.id LIMIT {limit}
"""


def lines(last: Seal) -> Iterator[dict[str, Any]]:
    """Yield every event and every seal up to ``last``, in order. Later events come with the next export.

    A seal follows the events in its range, however many there are. So a missing or extra event shows at its own seal, and not at all
    later seals.
    """
    events = LedgerEvent.objects.order_by("xid", "id").iterator(chunk_size=5000)
    event = next(events, None)
    for seal in Seal.objects.filter(number__lte=last.number).order_by("number").iterator(chunk_size=2000):
        while event is not None and (event.xid, event.pk) <= (seal.last_xid, seal.last):
            yield _event_line(event)
            event = next(events, None)
        yield _seal_line(seal)


def lines_of(seal: Seal) -> Iterator[dict[str, Any]]:
    """Yield the events of one seal and the seal itself, as `lines` does."""
    before = Seal.objects.filter(number=seal.number - 1).first()
    events = sealing.events_after(before).filter(Q(xid__lt=seal.last_xid) | Q(xid=seal.last_xid, pk__lte=seal.last))
    for event in events.iterator(chunk_size=1000):
        yield _event_line(event)
    yield _seal_line(seal)


def _event_line(event: LedgerEvent) -> dict[str, Any]:
    return {"type": "event", "number": event.pk, **canonical(event), "digest": event.digest}


def _seal_line(seal: Seal) -> dict[str, Any]:
    return {"type": "seal", **sealing.body_of(seal), "signature": seal.signature}


def text_lines(last: Seal, *, at: datetime) -> Iterator[str]:
    """Yield the lines of an export up to ``last``: JSON Lines with the signed checkpoint at the end (H9).

    Args:
        last: the seal that the export ends with.
        at: real time, which the checkpoint states.
    """
    for line in chain(lines(last), [{"type": "checkpoint", **sealing.checkpoint(last, at=at)}]):
        yield json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n"


def write(file: TextIO, *, at: datetime) -> int:
    """Write the export; see `text_lines`.

    Args:
        file: an open text file in UTF-8.
        at: real time.

    Returns:
        The number of lines; 0 if nothing is sealed yet.
    """
    last, written = sealing.latest(), 0
    for text in text_lines(last, at=at) if last else ():
        file.write(text)
        written += 1
    return written


def verify_database() -> Report:
    """Verify the ledger by its seals, our key and the last published checkpoint; and texts and governed rows by the ledger."""
    last = sealing.latest()
    try:
        published, unreadable = sealing.published_checkpoint(), ""
    except sealing.CheckpointUnreadable as error:
        published, unreadable = None, str(error)
    own_lines, key = lines(last) if last else (), key_files.public_key_hex()
    report = verify(own_lines, key_hex=key, published=published, needs_checkpoint=False)
    if unreadable:
        report.wrong(unreadable)
    if last is not None and last.total != report.events:
        report.wrong(f"The seals cover {last.total} events, {report.events} stand in the database.")
    for problem in islice(free_text.rewritten(), Report.MOST):
        report.wrong(problem)
    reconcile(report)
    return report


def reconcile(report: Report) -> None:
    """Report each row without its event, each event without its row, and each row that differs from its newest event."""
    for recorded in RECORDED:
        if recorded.rows:
            _note(report, *_unpaired(recorded))
        for says in recorded.says:
            _note(report, *_otherwise(recorded, says))
    if not settings.DEMO:
        _note(report, *_moved_in_production())


def _note(report: Report, sentences: list[str], total: int) -> None:
    for sentence in sentences:
        report.wrong(sentence)
    report.unlisted += total - len(sentences)


def _compared(statement: str, sentence: Callable[..., str]) -> tuple[list[str], int]:
    """Return the sentences of a statement's rows, and the number of all rows, which is the last column."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        rows = cursor.fetchall()
    return [sentence(*row[:-1]) for row in rows], rows[0][-1] if rows else 0


def _unpaired(recorded: Recorded) -> tuple[list[str], int]:
    def sentence(row: object, event: object, key: object) -> str:
        if event is None:
            return f"{recorded.noun} {row} has no event: it was not written by the portal. {recorded.to_do}"
        return f"Event {event} has no {recorded.noun.lower()} ({key}): the row was removed or altered. Restore it from a backup."

    return _compared(_PAIRS.format(rows=recorded.rows, events=recorded.events, limit=LISTED), sentence)


def _otherwise(recorded: Recorded, says: Says) -> tuple[list[str], int]:
    def sentence(row: object, event: object, value: object, held: object) -> str:
        evidence = f"event {event} says “{value}”" if event is not None else "no event says so"
        return f"{recorded.noun} {row}: {says.what} is “{held}”, but {evidence}: it was not changed by the portal. {recorded.to_do}"

    names = {"model": recorded.model, "table": recorded.table, "told": says.told, "held": says.held}
    verbs = f" AND e.verb IN ({texts(says.verbs)})" if says.verbs else ""
    otherwise = "NULL" if says.otherwise is None else f"'{says.otherwise}'"
    return _compared(_SAYS.format(**names, verbs=verbs, otherwise=otherwise, limit=LISTED), sentence)


def _moved_in_production() -> tuple[list[str], int]:
    """Report a moved clock in production: an offset, or an event of a move."""
    offsets = ClockOffset.objects.exclude(offset=timedelta())
    sentences = [f"Clock offset {row.pk} is {row.offset} in production. Delete the row." for row in offsets]
    moves = LedgerEvent.objects.filter(verb=MOVED, outcome="done").order_by("pk").values_list("pk", flat=True)
    sentences += [f"Event {pk} moved the clock in production. Find out who wrote it." for pk in moves[:LISTED]]
    return sentences, len(sentences) + max(0, moves.count() - LISTED)
