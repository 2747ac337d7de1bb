"""Campaign evidence as a file: the campaign's events, and its items with questions, answers, tasks and proofs (H4, G4).

Items are read in chunks, in key order, with a fixed number of queries for each chunk. They are written to a file on disk,
so memory does not grow with the campaign. The head of the file holds the digest of all rows. All rows come from one
snapshot of the database.
"""

import csv
import hashlib
import io
import json
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Any

from django.db import connection, transaction
from django.db.models import Exists, Model, OuterRef, Q

from approvals.models import RevocationTask
from governance.core.database.grouping import grouped
from governance.core.ledger import ledger_events, sealing
from governance.core.models import FreeText, LedgerEvent, Person, Seal
from governance.core.texts import free_text
from governance.core.timeline import queries as timeline_queries
from governance.recertification.items.notices import ITEM_RELATIONS
from governance.recertification.models import Answer, Campaign, Item, ItemOutcome, Joining, Question

#: Items of one chunk.
CHUNK = 500

Row = dict[str, Any]

#: Item ids by the ledger's name of a row.
Names = Mapping[str, Sequence[int]]

#: Bytes of one piece of the response.
PIECE = 64 * 1024
#: Content types.
TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}

#: Columns of the CSV file: one row for each answer, and one for a question without an answer.
COLUMNS = (
    *("item", "opened_in", "joined_at", "what", "automation", "tier", "why_opened"),
    *("opened_at", "deadline", "grace_until", "snapshot"),
    *("asks", "reviewer", "reviewer_id", "asked_at", "passed_on", "no_longer_asked", "answer", "ends_on"),
    *("answered_by", "answered_by_id", "for", "for_id", "answered_at", "seconds", "recommended", "batch", "reason"),
    *("superseded", "state", "outcome", "closed_at", "taken_away", "grant", "grant_state", "grant_ended_at"),
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
    head = {
        "type": "export",
        "of": "campaign",
        "campaign": campaign.pk,
        "name": campaign.name,
        "filter": campaign.scope,
    }
    try:
        head |= {**_write(rows, campaign, form), "at": now, "by": by.name, "by_id": by.opaque_id}
    except BaseException:
        rows.close()
        raise
    evidence = Evidence(head, rows, form)
    weakref.finalize(evidence, rows.close)  # if the response is never sent
    return evidence


def _write(rows: IO[bytes], campaign: Campaign, form: str) -> Row:
    """Write the rows; return what the head says of them: the campaign's people, number of items, digest and last seal."""
    digest, count = hashlib.sha256(), 0
    with transaction.atomic():
        if not connection.savepoint_ids:  # an inner transaction keeps the outer one's view
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        last, people, joined = Seal.objects.last(), campaign_people(campaign), campaign.joinings.count()
        for number, chunk in enumerate(chain([events_of(campaign)], chunks(campaign))):
            text = _rows_text(form, chunk, first=number == 0).encode()
            count += len(chunk) if number else 0
            digest.update(text)
            rows.write(text)
    seal = {"last_seal": last and last.number, "last_root": last and last.root}
    return {**people, "items": count, "joined": joined, "sha256": digest.hexdigest(), **seal}


def _head_text(form: str, head: Mapping[str, Any]) -> str:
    """Head of the file. In CSV: one line for each name with its value, then an empty line. Values hold no empty lines."""
    if form == "jsonl":
        return _line(head)
    return csv_text([*([name, "\n".join(cell(value).splitlines())] for name, value in head.items()), []])


def _rows_text(form: str, rows: Sequence[Row], *, first: bool) -> str:
    if form == "jsonl":
        return "".join(_line(row) for row in rows)
    flat_rows = (flat for row in rows if row["type"] == "item" for flat in _flat(row))
    cells = [[cell(flat.get(name)) for name in COLUMNS] for flat in flat_rows]
    return csv_text([COLUMNS, *cells] if first else cells)


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False, default=_as_text) + "\n"


def csv_text(rows: Iterable[Sequence[int | str]]) -> str:
    """CSV lines of rows."""
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


def campaign_people(campaign: Campaign) -> Row:
    """Opener of a campaign, with the time and the reason; empty if scheduled."""
    opened = Campaign.objects.select_related("opened_by", "reason").get(pk=campaign.pk)
    return {
        "opened_at": opened.snapshot_at,
        **_person_columns("opened_by", opened.opened_by),
        "why": _shown_text(opened.reason),
    }


def events_of(campaign: Campaign) -> list[Row]:
    """Events of the campaign itself, in order: ordered, each chunk, reminders, close.

    Each has its actor or job and the reason; the name is empty after the person's erasure (H6). The payload of a chunk
    has its count, its first and last key, and the SHA-256 of all keys joined by commas.
    """
    events = _sealed_events(about__contains=[_ledger_name("campaign", campaign.pk)], verb__startswith="campaign.")
    people = timeline_queries.names(person_id for event in events for person_id in (event.actor_id, event.for_id))
    return [
        {
            "type": "campaign",
            "at": event.at,
            "by": people.get(event.actor_id, ""),
            "by_id": event.actor_id,
            "for": people.get(event.for_id, ""),
            "for_id": event.for_id,
            "reason": _shown_text(event.reason),
            "outcome": event.outcome,
            "payload": event.payload,
            **_proof(event),
        }
        for event in events
    ]


def chunks(campaign: Campaign) -> Iterator[list[Row]]:
    """Yield the items of a campaign, joined ones included."""
    after = 0
    joinings = Joining.objects.filter(campaign=campaign)
    in_campaign = Q(campaign=campaign) | Exists(joinings.filter(item=OuterRef("pk")))
    while True:
        rows = Item.objects.filter(in_campaign, pk__gt=after).select_related(*ITEM_RELATIONS).order_by("pk")
        items = list(rows[:CHUNK])
        if not items:
            return
        after = items[-1].pk
        keys = [item.pk for item in items]
        joined = {joining.item_id: joining for joining in joinings.filter(item__in=keys).order_by("-pk")}
        questions = _questions(keys)
        tasks = _tasks(items)
        names = {_ledger_name("item", item.pk): [item.pk] for item in items}
        for pk, item_tasks in tasks.items():
            for task in item_tasks:
                names.setdefault(_ledger_name("revocationtask", task.pk, "approvals"), []).append(pk)
        proved = _proofs(names)
        yield [
            _item(item, questions.get(item.pk, ()), joined.get(item.pk), tasks[item.pk], proved.get(item.pk, ()))
            for item in items
        ]


def _questions(items: Sequence[int]) -> dict[int, list[Row]]:
    """Questions with their answers by item id. The rows hold no reference to their items, so a chunk is freed at once."""
    given = Answer.objects.filter(question__item__in=items).select_related("person", "for_person", "reason")
    answers = grouped((answer.question_id, answer) for answer in given.order_by("pk"))
    questions = Question.objects.filter(item__in=items).select_related("reviewer", "item").order_by("pk")
    return grouped((question.item_id, _question(question, answers.get(question.pk, ()))) for question in questions)


def _ledger_name(model: str, pk: int, app: str = "recertification") -> str:
    return f"{app}.{model}:{pk}"


def _tasks(items: Sequence[Item]) -> dict[int, list[RevocationTask]]:
    """Revocation tasks by item; for an automation, those of all its grants that ended until the item closed (G4)."""
    items_by_grant = grouped((item.grant_id, item) for item in items if item.grant_id is not None)
    items_by_automation = grouped((item.automation_id, item) for item in items if item.automation_id is not None)
    tasks_by_item: dict[int, list[RevocationTask]] = {item.pk: [] for item in items}
    tasks_of_items = Q(grant__in=list(items_by_grant)) | Q(grant__automation__in=list(items_by_automation))
    since = min(item.opened_at for item in items)
    rows = RevocationTask.objects.filter(tasks_of_items, opened_at__gte=since).select_related("grant", "owner")
    for task in rows.order_by("pk"):
        for item in (*items_by_grant.get(task.grant_id, ()), *items_by_automation.get(task.grant.automation_id, ())):
            if task.opened_at >= item.opened_at and _belongs_to(item, task):
                tasks_by_item[item.pk].append(task)
    return tasks_by_item


def _belongs_to(item: Item, task: RevocationTask) -> bool:
    """Whether the task's grant ended while the item was open, at its close, or later on the day that an answer named."""
    if item.closed_at is None or (not task.grant.renew and item.grant_id == task.grant_id):
        return True
    ended_at = task.grant.ended_at
    return ended_at is not None and ended_at <= item.closed_at


def _proofs(names: Names) -> dict[int, list[Row]]:
    """Ledger events of each item with their seals; no seal if not sealed yet."""
    return grouped(
        (pk, _proof(event))
        for event in _sealed_events(about__overlap=list(names))
        for pk in dict.fromkeys(pk for name in event.about for pk in names.get(name, ()))
    )


def _sealed_events(**where: Any) -> list[Any]:
    """Ledger events in order, each with the number of its seal."""
    rows = LedgerEvent.objects.filter(**where).select_related("reason")
    return list(rows.annotate(seal=sealing.covering_seal()).order_by("xid", "pk"))


def _proof(event: Any) -> Row:
    """An event as in a ledger export, with the number of its seal."""
    return {"event": event.pk, "id": str(event.event_id), **_columns(event, "verb", "digest", "seal")}


def _item(
    item: Item,
    questions: Sequence[Row],
    joined: Joining | None,
    tasks: Collection[RevocationTask],
    proofs: Sequence[Row],
) -> Row:
    grant = item.grant
    return {
        "type": "item",
        "item": item.pk,
        "opened_in": item.campaign_id,
        "joined_at": joined.at if joined is not None else None,
        "what": grant.sentence if grant is not None else "The automation itself",
        "automation": item.of_automation.name,
        "tier": item.snapshot.get("tier", ""),
        "why_opened": item.reason,
        **_columns(item, "opened_at", "deadline", "grace_until", "snapshot", "state", "outcome", "closed_at"),
        "questions": list(questions),
        "taken_away": item.outcome == ItemOutcome.REVOKED,
        "grant": item.grant_id,
        "grant_state": grant.state if grant is not None else "",
        "grant_ended_at": grant.ended_at if grant is not None else None,
        "tasks": [_task(task) for task in tasks],
        "proofs": list(proofs),
    }


def _columns(row: Model, *names: str) -> Row:
    return {name: getattr(row, name) for name in names}


def _task(task: RevocationTask) -> Row:
    return {
        "task": task.pk,
        "grant": task.grant_id,
        **_columns(task, "opened_at", "due_at", "state", "outcome", "closed_at"),
        **_person_columns("owner", task.owner),
    }


def _question(question: Question, answers: Sequence[Answer]) -> Row:
    return {
        "asks": question.asks,
        **_person_columns("reviewer", question.reviewer),
        "asked_at": question.asked_at,
        "passed_on": question.passed,
        "no_longer_asked": question.is_no_longer_asked,
        "answers": [_answer(answer, answers) for answer in answers],
    }


def _answer(answer: Answer, answers: Sequence[Answer]) -> Row:
    return {
        **_columns(answer, "answer", "ends_on", "seconds", "recommended", "batch"),
        **_person_columns("answered_by", answer.person),
        **_person_columns("for", answer.for_person),
        "answered_at": answer.at,
        "reason": _shown_text(answer.reason),
        "superseded": any(other.supersedes_id == answer.pk for other in answers),
    }


def _person_columns(name: str, person: Person | None) -> Row:
    return {
        name: person.name if person is not None else "",
        f"{name}_id": person.opaque_id if person is not None else "",
    }


def _shown_text(text: FreeText | None) -> str:
    return text.shown if text is not None else ""
