"""Campaign evidence as a file: questions, answers, outcomes and the ledger events that prove them (H4).

Rows are read in chunks and written to a file on disk, so memory does not grow with the campaign. The head of the file
holds the digest of all rows. All rows come from one snapshot of the database.
"""

import csv
import hashlib
import io
import json
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

#: Bytes of one piece of the response.
PIECE = 64 * 1024
#: Columns of the CSV file: one row for each answer, and one for a question without an answer.
COLUMNS = (
    *("item", "opened_in", "joined_at", "what", "automation", "tier", "why_opened"),
    *("opened_at", "deadline", "grace_until", "snapshot"),
    *("asks", "reviewer", "reviewer_id", "asked_at", "passed_on", "answer", "ends_on", "answered_by"),
    *("answered_by_id", "for", "for_id", "answered_at", "seconds", "recommended", "batch", "reason", "superseded"),
    *("state", "outcome", "closed_at", "taken_away", "grant", "grant_state", "grant_ended_at"),
    *("tasks", "tasks_open", "events", "seals"),
)


@dataclass
class Evidence:
    """A finished export.

    Args:
        head: filter, opener, reason, time, exporter, count, digest and last seal.
        rows: the written rows, from the beginning of the file.
        form: ``csv`` or ``jsonl``.
    """

    head: Mapping[str, Any]
    rows: IO[bytes]
    form: str

    def pieces(self) -> Iterator[bytes]:
        """Yield the file in pieces: the head, then the rows."""
        with self.rows:
            yield _head_text(self.form, self.head).encode()
            self.rows.seek(0)
            while piece := self.rows.read(PIECE):
                yield piece


def write_evidence(campaign: Campaign, form: str, *, by: Person, now: datetime) -> Evidence:
    """Write a campaign's rows to a temporary file.

    Args:
        campaign: the campaign.
        form: ``csv`` or ``jsonl``.
        by: the exporter.
        now: business time.
    """
    rows = TemporaryFile()  # noqa: SIM115  closed when it is sent
    try:
        count, digest, last, people = _write(rows, campaign, form)
    except BaseException:
        rows.close()
        raise
    head = {
        "type": "export",
        "of": "campaign",
        "campaign": campaign.pk,
        "name": campaign.name,
        "filter": campaign.scope,
        **people,
        "at": now,
        "by": by.name,
        "by_id": by.opaque_id,
        "items": count,
        "sha256": digest,
        "last_seal": last.number if last is not None else None,
        "last_root": last.root if last is not None else None,
    }
    evidence = Evidence(head, rows, form)
    weakref.finalize(evidence, rows.close)  # if the response is never sent
    return evidence


def _write(rows: IO[bytes], campaign: Campaign, form: str) -> tuple[int, str, Seal | None, Row]:
    """Write the rows; return the number of items, the digest, the last seal and the campaign's people."""
    digest, count = hashlib.sha256(), 0
    with transaction.atomic():
        if not connection.savepoint_ids:  # an inner transaction keeps the outer one's view
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        last, people = Seal.objects.order_by("-number").first(), evidence_queries.campaign_people(campaign)
        chunks = chain([evidence_queries.events_of(campaign)], evidence_queries.chunks(campaign))
        for number, chunk in enumerate(chunks):
            text = _rows_text(form, chunk, first=number == 0).encode()
            count += len(chunk) if number else 0
            digest.update(text)
            rows.write(text)
    return count, digest.hexdigest(), last, people


def _head_text(form: str, head: Mapping[str, Any]) -> str:
    """Head of the file. In CSV: one line for each name with its value, then an empty line. Values hold no empty lines."""
    if form == "jsonl":
        return _line(head)
    return _csv([*([name, "\n".join(cell(value).splitlines())] for name, value in head.items()), []])


def _rows_text(form: str, rows: Sequence[Row], *, first: bool) -> str:
    if form == "jsonl":
        return "".join(_line(row) for row in rows)
    flat_rows = (flat for row in rows if row["type"] == "item" for flat in _flat(row))
    cells = [[cell(flat.get(name)) for name in COLUMNS] for flat in flat_rows]
    return _csv([COLUMNS, *cells] if first else cells)


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False, default=_as_text) + "\n"


def _csv(rows: Iterable[Sequence[str]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue()


def _flat(row: Row) -> Iterator[Row]:
    """Yield a row for each answer of an item, and one for each question without an answer."""
    seals = dict.fromkeys(str(proof["seal"]) for proof in row["proofs"] if proof["seal"] is not None)
    tasks = [task["state"] for task in row["tasks"]]
    row = {**row, "tasks": len(tasks), "tasks_open": tasks.count("open")}
    common = {**row, "events": " ".join(str(proof["event"]) for proof in row["proofs"]), "seals": " ".join(seals)}
    for question in row["questions"] or [{"answers": []}]:
        for answer in question["answers"] or [{}]:
            yield {**common, **question, **answer}


def _as_text(value: object) -> str:
    """An instant, a day or an id in JSON."""
    return ledger_events.instant(value) if isinstance(value, datetime) else str(value)


def cell(value: object) -> str:
    """A CSV cell; a nested value as JSON."""
    if isinstance(value, datetime):
        return _as_text(value)
    return free_text.cell(_line(value).strip() if isinstance(value, dict) else value)


#: Content types.
TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
