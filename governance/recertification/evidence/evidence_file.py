"""A campaign as evidence: what was asked, who said what and when, what became of it, and which events of the ledger prove it (H4).

Rows are read by chunks and written to a file on disk, never held together: so the digest of all of them can stand at the head of what is
sent, and the largest campaign takes no more memory than a small one. All of it is one snapshot of the database.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Any

from django.db import connection, transaction

from governance.core.ledger import ledger_events
from governance.core.models import Person, Seal
from governance.core.texts import free_text
from governance.recertification.evidence import queries as evidence_queries
from governance.recertification.evidence.queries import Row
from governance.recertification.models import Campaign

#: Bytes that are sent at once.
PIECE = 64 * 1024
#: The columns of the file with commas, one row for each answer; a question without one has a row too.
COLUMNS = (
    *("item", "opened_in", "joined_at", "what", "automation", "tier", "why_opened"),
    *("opened_at", "deadline", "grace_until", "snapshot"),
    *("asks", "reviewer", "reviewer_id", "asked_at", "passed_on", "answer", "answered_by", "answered_by_id", "for"),
    *("for_id", "answered_at", "seconds", "recommended", "batch", "reason", "superseded"),
    *("state", "outcome", "closed_at", "taken_away", "grant", "grant_state", "grant_ended_at"),
    *("tasks", "tasks_open", "events", "seals"),
)


@dataclass
class Evidence:
    """An export that is ready to be sent.

    Args:
        head: what it says of itself: filter, who opened it and called it off and why, time, who exported, count, digest, the last seal.
        rows: the rows as they were written, from the beginning of the file.
        form: ``csv`` or ``jsonl``.
    """

    head: Mapping[str, Any]
    rows: IO[bytes]
    form: str

    def pieces(self) -> Iterator[bytes]:
        """The file, piece by piece: its head, and the rows whose digest stands in it."""
        with self.rows:
            yield HEADS[self.form](self.head)
            self.rows.seek(0)
            while piece := self.rows.read(PIECE):
                yield piece


def of(campaign: Campaign, form: str, *, by: Person, now: datetime) -> Evidence:
    """Write a campaign's rows to a file and say what they are.

    Args:
        campaign: which one.
        form: ``csv`` or ``jsonl``.
        by: who exports it.
        now: business time.

    Raises:
        KeyError: the form is none of these.
    """
    rows = TemporaryFile()  # noqa: SIM115  closed when it is sent
    try:
        count, digest, last, said = _write(rows, campaign, form)
    except BaseException:
        rows.close()
        raise
    head = {
        "type": "export",
        "of": "campaign",
        "campaign": campaign.pk,
        "name": campaign.name,
        "filter": campaign.scope,
        **said,
        "at": ledger_events.instant(now),
        "by": by.name,
        "by_id": str(by.opaque_id),
        "items": count,
        "sha256": digest,
        "last_seal": last.number if last is not None else None,
        "last_root": last.root if last is not None else None,
    }
    found = Evidence(head, rows, form)
    weakref.finalize(found, rows.close)  # where nobody takes it
    return found


def _write(rows: IO[bytes], campaign: Campaign, form: str) -> tuple[int, str, Seal | None, Row]:
    """Write the rows; returns how many items they are of, their digest, and the last seal and whose it is as they were read."""
    write, digest, count = ROWS[form], hashlib.sha256(), 0
    with transaction.atomic():
        if not connection.savepoint_ids:  # of its own: a part of another has that one's view
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        last, said = Seal.objects.order_by("-number").first(), evidence_queries.whose(campaign)
        for number, chunk in enumerate(
            chain([evidence_queries.events_of(campaign)], evidence_queries.chunks(campaign))
        ):
            text = write(chunk, first=number == 0)
            count += len(chunk) if number else 0
            digest.update(text)
            rows.write(text)
    return count, digest.hexdigest(), last, said


def _as_lines(rows: Sequence[Row], *, first: bool) -> bytes:
    return "".join(_line(row) for row in rows).encode()


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False, default=str) + "\n"


def _as_cells(rows: Sequence[Row], *, first: bool) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    if first:
        writer.writerow(COLUMNS)
    for row in rows:
        if row["type"] == "item":
            writer.writerows([cell(flat.get(name)) for name in COLUMNS] for flat in _flat(row))
    return file.getvalue().encode()


def _flat(row: Row) -> Iterator[Row]:
    """A row for each answer of an item; a question that nobody answered has one too."""
    seals = dict.fromkeys(str(one["seal"]) for one in row["proofs"] if one["seal"] is not None)
    tasks = [one["state"] for one in row["tasks"]]
    row = {**row, "tasks": len(tasks), "tasks_open": tasks.count("open")}
    own = {**row, "events": " ".join(str(one["event"]) for one in row["proofs"]), "seals": " ".join(seals)}
    for question in row["questions"] or [{"answers": []}]:
        for answer in question["answers"] or [{}]:
            yield {**own, **question, **answer}


def cell(value: object) -> str:
    """A cell of the table; a nested value as JSON."""
    return free_text.cell(_line(value).strip() if isinstance(value, dict) else value)


def _head_as_line(head: Mapping[str, Any]) -> bytes:
    return _line(head).encode()


def _head_as_cells(head: Mapping[str, Any]) -> bytes:
    """A name and its value a line, and an empty line before the rows: none stands in a value, whatever somebody has typed."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([name, "\n".join(cell(value).splitlines())] for name, value in head.items())
    writer.writerow([])
    return file.getvalue().encode()


ROWS = {"csv": _as_cells, "jsonl": _as_lines}
HEADS = {"csv": _head_as_cells, "jsonl": _head_as_line}
#: How each is called on the way.
TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
