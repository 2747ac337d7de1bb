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
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Any

from django.db import connection, transaction
from django.db.models import Prefetch

from governance.controls import ledger
from governance.controls.models import LedgerEvent, Person, Seal
from governance.recertification.models import Answer, Campaign, Item, Question

#: Items that are read, and written, at once.
CHUNK = 500
#: Bytes that are sent at once.
PIECE = 64 * 1024
#: With what a cell begins that a spreadsheet would compute, in either width; blanks before it are none to some.
FORMULAS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
#: The columns of the file with commas, one row for each answer; a question without one has a row too.
COLUMNS = (
    *("item", "what", "automation", "tier", "why_opened", "opened_at", "deadline", "grace_until", "snapshot"),
    *("asks", "reviewer", "reviewer_id", "asked_at", "passed_on", "answer", "answered_by", "answered_by_id", "for"),
    *("for_id", "answered_at", "seconds", "recommended", "batch", "reason", "superseded"),
    *("state", "outcome", "closed_at", "taken_away", "grant", "grant_state", "grant_ended_at", "events", "seals"),
)

Row = dict[str, Any]


@dataclass
class Evidence:
    """An export that is ready to be sent.

    Args:
        head: what it says of itself: filter, time, who exported, count, digest, the last seal.
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
        count, digest, last = _write(rows, campaign, form)
    except BaseException:
        rows.close()
        raise
    head = {
        "type": "export",
        "of": "campaign",
        "campaign": campaign.pk,
        "name": campaign.name,
        "filter": campaign.scope,
        "at": ledger.instant(now),
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


def _write(rows: IO[bytes], campaign: Campaign, form: str) -> tuple[int, str, Seal | None]:
    """Write the rows; returns how many items they are of, their digest, and the last seal as they were read."""
    write, digest, count = ROWS[form], hashlib.sha256(), 0
    with transaction.atomic():
        if not connection.savepoint_ids:  # of its own: a part of another has that one's view
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        last = Seal.objects.order_by("-number").first()
        for chunk in _chunks(campaign):
            text = write(chunk, first=count == 0)
            count += len(chunk)
            digest.update(text)
            rows.write(text)
    return count, digest.hexdigest(), last


def _chunks(campaign: Campaign) -> Iterator[list[Row]]:
    """The items of a campaign by chunks in the order of their keys: a few queries for each chunk."""
    after = 0
    about = (
        "grant__approval__privilege__entitlement__resource",
        "grant__automation",
        "grant__credential",
        "automation",
    )
    said = Prefetch("answers", Answer.objects.select_related("person", "for_person", "reason").order_by("pk"))
    asked = Prefetch("questions", Question.objects.select_related("reviewer").prefetch_related(said).order_by("pk"))
    while True:
        rows = Item.objects.filter(campaign=campaign, pk__gt=after).select_related(*about).order_by("pk")
        items = list(rows.prefetch_related(asked)[:CHUNK])
        if not items:
            return
        after = items[-1].pk
        proved = _proofs(items)
        yield [_item(one, proved[one.pk]) for one in items]
        for one in items:
            _let_go(one)


def _let_go(item: Item) -> None:
    """Item, questions and answers know each other: without that they are gone at once, and not when the collector comes."""
    for question in item.questions.all():
        question.__dict__.pop("_prefetched_objects_cache", None)
    item.__dict__.pop("_prefetched_objects_cache", None)


def _proofs(items: Sequence[Item]) -> dict[int, list[Row]]:
    """The events that stand on each item's timeline, with the seal that covers each, or none where it is not sealed yet."""
    names = {f"recertification.item:{one.pk}": one.pk for one in items}
    events = list(LedgerEvent.objects.filter(about__overlap=list(names)).order_by("xid", "pk"))
    seals = _seals(events)
    ends = [end for end, _ in seals]
    found: dict[int, list[Row]] = {pk: [] for pk in names.values()}
    for event in events:
        at = bisect_left(ends, (event.xid, event.pk))
        said = {"event": event.pk, "id": str(event.event_id), "verb": event.verb, "digest": event.digest}
        for name in event.about:
            if name in names:
                found[names[name]].append({**said, "seal": seals[at][1] if at < len(seals) else None})
    return found


def _seals(events: Sequence[LedgerEvent]) -> list[tuple[tuple[int, int], int]]:
    """The seals that may cover some events, in order: each one's end, and its number."""
    if not events:
        return []
    first = Seal.objects.filter(last_xid__gte=events[0].xid).order_by("number")
    ends = first.values_list("last_xid", "last", "number")
    found: list[tuple[tuple[int, int], int]] = []
    for xid, last, number in ends.iterator(chunk_size=2000):
        found.append(((xid, last), number))
        if (xid, last) >= (events[-1].xid, events[-1].pk):
            break
    return found


def _item(item: Item, proofs: Sequence[Row]) -> Row:
    grant = item.grant
    return {
        "type": "item",
        "item": item.pk,
        "what": grant.sentence if grant is not None else "The automation itself",
        "automation": item.of_automation.name,
        "tier": item.snapshot.get("tier", ""),
        "why_opened": item.reason,
        "opened_at": ledger.instant(item.opened_at),
        "deadline": ledger.instant(item.deadline),
        "grace_until": ledger.instant(item.grace_until),
        "snapshot": item.snapshot,
        "questions": [_question(one) for one in item.questions.all()],
        "state": item.state,
        "outcome": item.outcome,
        "closed_at": _instant(item.closed_at),
        "taken_away": item.outcome in ("revoked", "not_renewed"),
        "grant": grant.pk if grant is not None else None,
        "grant_state": grant.state if grant is not None else "",
        "grant_ended_at": _instant(grant.ended_at) if grant is not None else None,
        "proofs": list(proofs),
    }


def _question(question: Question) -> Row:
    return {
        "asks": question.asks,
        "reviewer": question.reviewer.name,
        "reviewer_id": str(question.reviewer.opaque_id),
        "asked_at": ledger.instant(question.asked_at),
        "passed_on": question.passed,
        "answers": [_answer(one, question) for one in question.answers.all()],
    }


def _answer(answer: Answer, question: Question) -> Row:
    latest = {one.supersedes_id for one in question.answers.all()}
    return {
        "answer": answer.answer,
        "answered_by": answer.person.name,
        "answered_by_id": str(answer.person.opaque_id),
        "for": answer.for_person.name if answer.for_person is not None else "",
        "for_id": str(answer.for_person.opaque_id) if answer.for_person is not None else "",
        "answered_at": ledger.instant(answer.at),
        "seconds": answer.seconds,
        "recommended": answer.recommended,
        "batch": str(answer.batch),
        "reason": answer.reason.text if answer.reason is not None else "",
        "superseded": answer.pk in latest,
    }


def _instant(at: datetime | None) -> str | None:
    return ledger.instant(at) if at is not None else None


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
        writer.writerows([cell(flat.get(name)) for name in COLUMNS] for flat in _flat(row))
    return file.getvalue().encode()


def _flat(row: Row) -> Iterator[Row]:
    """A row for each answer of an item; a question that nobody answered has one too."""
    seals = dict.fromkeys(str(one["seal"]) for one in row["proofs"] if one["seal"] is not None)
    own = {**row, "events": " ".join(str(one["event"]) for one in row["proofs"]), "seals": " ".join(seals)}
    for question in row["questions"] or [{"answers": []}]:
        for answer in question["answers"] or [{}]:
            yield {**own, **question, **answer}


def cell(value: object) -> str:
    """A cell as no spreadsheet computes it: what begins as a formula does begins with an apostrophe instead."""
    if value is None:
        return ""
    text = _line(value).strip() if isinstance(value, dict) else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULAS) else text


def _head_as_line(head: Mapping[str, Any]) -> bytes:
    return _line(head).encode()


def _head_as_cells(head: Mapping[str, Any]) -> bytes:
    """A name and its value a line, and an empty line before the rows."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerows([name, cell(value)] for name, value in head.items())
    writer.writerow([])
    return file.getvalue().encode()


ROWS = {"csv": _as_cells, "jsonl": _as_lines}
HEADS = {"csv": _head_as_cells, "jsonl": _head_as_line}
#: How each is called on the way.
TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
