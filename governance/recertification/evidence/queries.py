"""Evidence rows of a campaign: its events, and each item with questions, answers, tasks and proofs (H4, G4).

Chunks are read in key order, with a fixed number of queries for each chunk.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q

from approvals.models import RevocationTask
from governance.core.ledger import ledger_events
from governance.core.models import FreeText, LedgerEvent, Person, Seal
from governance.core.timeline import queries as timeline_queries
from governance.recertification.items.due_dates import ITEM_RELATIONS
from governance.recertification.models import Answer, Campaign, Item, ItemOutcome, Joining, Question

#: Items of one chunk.
CHUNK = 500

Row = dict[str, Any]

#: Item ids by the ledger's name of a row.
Names = Mapping[str, Sequence[int]]


def campaign_people(campaign: Campaign) -> Row:
    """Opener of a campaign, with the time and the reason; empty if scheduled."""
    now = Campaign.objects.select_related("opened_by", "reason").get(pk=campaign.pk)
    return {
        "opened_at": ledger_events.instant(now.snapshot_at),
        **_person_columns("opened_by", now.opened_by),
        "why": _shown_text(now.reason),
    }


def events_of(campaign: Campaign) -> list[Row]:
    """Events of the campaign itself, in order: ordered, each chunk, reminders, close.

    Each has its actor or job and the reason; the name is empty after the person's erasure (H6). The payload of a chunk
    has its count, its first and last key, and the SHA-256 of all keys joined by commas.
    """
    campaign_events = LedgerEvent.objects.filter(
        about__contains=[_ledger_name("campaign", campaign.pk)]
    ).select_related("reason")
    events = list(campaign_events.order_by("xid", "pk"))
    own_events = [event for event in events if event.verb.startswith("campaign.")]
    people = timeline_queries.names(person_id for event in own_events for person_id in (event.actor_id, event.for_id))
    return [
        {
            "type": "campaign",
            "at": ledger_events.instant(event.at),
            "by": people.get(event.actor_id, ""),
            "by_id": event.actor_id,
            "for": people.get(event.for_id, ""),
            "for_id": event.for_id,
            "reason": _shown_text(event.reason),
            "outcome": event.outcome,
            "payload": event.payload,
            **proof,
        }
        for event, proof in zip(own_events, _proved(own_events), strict=True)
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
        yield [_item(item, questions[item.pk], joined.get(item.pk), tasks[item.pk], proved[item.pk]) for item in items]


def _questions(items: Sequence[int]) -> dict[int, list[Row]]:
    """Questions with their answers by item id. The rows hold no reference to their items, so a chunk is freed at once."""
    answers: dict[int, list[Answer]] = {}
    given = Answer.objects.filter(question__item__in=items).select_related("person", "for_person", "reason")
    for answer in given.order_by("pk"):
        answers.setdefault(answer.question_id, []).append(answer)
    questions: dict[int, list[Row]] = {item: [] for item in items}
    for question in Question.objects.filter(item__in=items).select_related("reviewer").order_by("pk"):
        questions[question.item_id].append(_question(question, answers.get(question.pk, ())))
    return questions


def _ledger_name(model: str, pk: int, app: str = "recertification") -> str:
    return f"{app}.{model}:{pk}"


def _tasks(items: Sequence[Item]) -> dict[int, list[RevocationTask]]:
    """Revocation tasks by item; for an automation, those of all its grants that ended until the item closed (G4)."""
    items_by_grant: dict[int, list[Item]] = {}
    items_by_automation: dict[int, list[Item]] = {}
    for reviewed in items:
        if reviewed.grant_id is not None:
            items_by_grant.setdefault(reviewed.grant_id, []).append(reviewed)
        elif reviewed.automation_id is not None:
            items_by_automation.setdefault(reviewed.automation_id, []).append(reviewed)
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
    events = list(LedgerEvent.objects.filter(about__overlap=list(names)).order_by("xid", "pk"))
    proofs: dict[int, list[Row]] = {pk: [] for ids in names.values() for pk in ids}
    for event, proof in zip(events, _proved(events), strict=True):
        for pk in dict.fromkeys(pk for name in event.about for pk in names.get(name, ())):
            proofs[pk].append(proof)
    return proofs


def _proved(events: Sequence[LedgerEvent]) -> list[Row]:
    """Identify events as in a ledger export, each with the number of its seal."""
    seals = _seals(events)
    ends = [end for end, _ in seals]
    rows = []
    for event in events:
        at = bisect_left(ends, (event.xid, event.pk))
        seal = seals[at][1] if at < len(seals) else None
        row = {"event": event.pk, "id": str(event.event_id), "verb": event.verb, "digest": event.digest}
        rows.append({**row, "seal": seal})
    return rows


def _seals(events: Sequence[LedgerEvent]) -> list[tuple[tuple[int, int], int]]:
    """End and number of the seals that may cover the events, in order."""
    if not events:
        return []
    first = Seal.objects.filter(last_xid__gte=events[0].xid).order_by("number")
    ends = first.values_list("last_xid", "last", "number")
    seals: list[tuple[tuple[int, int], int]] = []
    for xid, last, number in ends.iterator(chunk_size=2000):
        seals.append(((xid, last), number))
        if (xid, last) >= (events[-1].xid, events[-1].pk):
            break
    return seals


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
        "joined_at": ledger_events.instant(joined.at) if joined is not None else None,
        "what": grant.sentence if grant is not None else "The automation itself",
        "automation": item.of_automation.name,
        "tier": item.snapshot.get("tier", ""),
        "why_opened": item.reason,
        "opened_at": ledger_events.instant(item.opened_at),
        "deadline": ledger_events.instant(item.deadline),
        "grace_until": ledger_events.instant(item.grace_until),
        "snapshot": item.snapshot,
        "questions": list(questions),
        "state": item.state,
        "outcome": item.outcome,
        "closed_at": _instant(item.closed_at),
        "taken_away": item.outcome == ItemOutcome.REVOKED,
        "grant": grant.pk if grant is not None else None,
        "grant_state": grant.state if grant is not None else "",
        "grant_ended_at": _instant(grant.ended_at) if grant is not None else None,
        "tasks": [_task(task) for task in tasks],
        "proofs": list(proofs),
    }


def _task(task: RevocationTask) -> Row:
    return {
        "task": task.pk,
        "grant": task.grant_id,
        "opened_at": ledger_events.instant(task.opened_at),
        "due_at": ledger_events.instant(task.due_at),
        **_person_columns("owner", task.owner),
        "state": task.state,
        "outcome": task.outcome,
        "closed_at": _instant(task.closed_at),
    }


def _question(question: Question, answers: Sequence[Answer]) -> Row:
    return {
        "asks": question.asks,
        **_person_columns("reviewer", question.reviewer),
        "asked_at": ledger_events.instant(question.asked_at),
        "passed_on": question.passed,
        "answers": [_answer(answer, answers) for answer in answers],
    }


def _answer(answer: Answer, answers: Sequence[Answer]) -> Row:
    superseded = {other.supersedes_id for other in answers}
    return {
        "answer": answer.answer,
        "ends_on": answer.ends_on.isoformat() if answer.ends_on is not None else None,
        **_person_columns("answered_by", answer.person),
        **_person_columns("for", answer.for_person),
        "answered_at": ledger_events.instant(answer.at),
        "seconds": answer.seconds,
        "recommended": answer.recommended,
        "batch": str(answer.batch),
        "reason": _shown_text(answer.reason),
        "superseded": answer.pk in superseded,
    }


def _person_columns(name: str, person: Person | None) -> Row:
    return {
        name: person.name if person is not None else "",
        f"{name}_id": str(person.opaque_id) if person is not None else "",
    }


def _shown_text(text: FreeText | None) -> str:
    return text.shown if text is not None else ""


def _instant(at: datetime | None) -> str | None:
    return ledger_events.instant(at) if at is not None else None
