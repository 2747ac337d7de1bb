"""Evidence rows of a campaign: its events, and each item with questions, answers, tasks and proofs (H4, G4).

Chunks are read in key order, with a fixed number of queries for each chunk. `evidence_file` writes instants and ids.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from django.db.models import Exists, Model, OuterRef, Q

from approvals.models import RevocationTask
from governance.core.ledger import sealing
from governance.core.models import FreeText, LedgerEvent, Person
from governance.core.timeline import queries as timeline_queries
from governance.recertification.items.notices import ITEM_RELATIONS
from governance.recertification.models import Answer, Campaign, Item, ItemOutcome, Joining, Question

#: Items of one chunk.
CHUNK = 500

Row = dict[str, Any]

#: Item ids by the ledger's name of a row.
Names = Mapping[str, Sequence[int]]


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
    proofs: dict[int, list[Row]] = {pk: [] for ids in names.values() for pk in ids}
    for event in _sealed_events(about__overlap=list(names)):
        for pk in dict.fromkeys(pk for name in event.about for pk in names.get(name, ())):
            proofs[pk].append(_proof(event))
    return proofs


def _sealed_events(**where: Any) -> list[Any]:
    """Ledger events in order, each with the number of its seal."""
    rows = LedgerEvent.objects.filter(**where).select_related("reason")
    return list(rows.annotate(seal=sealing.covering_seal()).order_by("xid", "pk"))


def _proof(event: Any) -> Row:
    """An event as in a ledger export, with the number of its seal."""
    return {
        "event": event.pk,
        "id": str(event.event_id),
        "verb": event.verb,
        "digest": event.digest,
        "seal": event.seal,
    }


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
