"""What a campaign is as rows of evidence: itself with its events, and each item with questions, answers, tasks and what proves it (H4, G4).

Read by chunks in the order of their keys, so many queries for each chunk.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q

from approvals.models import RevocationTask
from governance.controls import ledger
from governance.controls.models import LedgerEvent, Seal
from governance.recertification.models import Answer, Campaign, Item, Joining, Question

#: Items that are read, and written, at once.
CHUNK = 500

Row = dict[str, Any]

#: What an event may be about: the name that the ledger gives a row, and the key under which its proofs are wanted.
Names = Mapping[str, int]


def events_of(campaign: Campaign) -> list[Row]:
    """What happened to the campaign as a whole, in order: ordered, each chunk that was frozen or asked, reminders, its close.

    A chunk's payload says how many rows it made, the first and last key and the SHA-256 of the keys of what is in it, joined by commas.
    """
    events = list(LedgerEvent.objects.filter(about__contains=[_name("campaign", campaign.pk)]).order_by("xid", "pk"))
    own = [one for one in events if one.verb.startswith("campaign.")]
    return [
        {
            "type": "campaign",
            "at": ledger.instant(event.at),
            "outcome": event.outcome,
            "payload": event.payload,
            **proof,
        }
        for event, proof in zip(own, _proved(own), strict=True)
    ]


def chunks(campaign: Campaign) -> Iterator[list[Row]]:
    """The items of a campaign, with those of others that it joined."""
    after = 0
    about = (
        "grant__approval__privilege__entitlement__resource",
        "grant__automation",
        "grant__credential",
        "automation",
    )
    said = Prefetch("answers", Answer.objects.select_related("person", "for_person", "reason").order_by("pk"))
    asked = Prefetch("questions", Question.objects.select_related("reviewer").prefetch_related(said).order_by("pk"))
    joinings = Joining.objects.filter(campaign=campaign)
    joined = Prefetch("joinings", joinings, to_attr="joined_by_it")
    of_it = Q(campaign=campaign) | Exists(joinings.filter(item=OuterRef("pk")))
    while True:
        rows = Item.objects.filter(of_it, pk__gt=after).select_related(*about).order_by("pk")
        items = list(rows.prefetch_related(asked, joined)[:CHUNK])
        if not items:
            return
        after = items[-1].pk
        tasks = _tasks(items)
        names = {_name("item", one.pk): one.pk for one in items}
        names |= {_name("revocationtask", task.pk, "approvals"): pk for pk, some in tasks.items() for task in some}
        proved = _proofs(names)
        yield [_item(one, tasks[one.pk], proved[one.pk]) for one in items]
        for one in items:
            _let_go(one)


def _name(model: str, pk: int, app: str = "recertification") -> str:
    return f"{app}.{model}:{pk}"


def _tasks(items: Sequence[Item]) -> dict[int, list[RevocationTask]]:
    """By item, the revocation tasks of what was reviewed; of an automation, of whatever it held that ended since (G4)."""
    grants = {one.grant_id: one for one in items if one.grant_id is not None}
    automations = {one.automation_id: one for one in items if one.automation_id is not None}
    found: dict[int, list[RevocationTask]] = {one.pk: [] for one in items}
    about = Q(grant__in=list(grants)) | Q(grant__automation__in=list(automations))
    for task in RevocationTask.objects.filter(about).select_related("grant", "owner").order_by("pk"):
        item = grants.get(task.grant_id) or automations[task.grant.automation_id]
        if task.opened_at >= item.opened_at:
            found[item.pk].append(task)
    return found


def _let_go(item: Item) -> None:
    """Item, questions and answers know each other: without that they are gone at once, and not when the collector comes."""
    for question in item.questions.all():
        question.__dict__.pop("_prefetched_objects_cache", None)
    item.__dict__.pop("_prefetched_objects_cache", None)


def _proofs(names: Names) -> dict[int, list[Row]]:
    """The events that stand on each item's timeline, with the seal that covers each, or none where it is not sealed yet."""
    events = list(LedgerEvent.objects.filter(about__overlap=list(names)).order_by("xid", "pk"))
    found: dict[int, list[Row]] = {pk: [] for pk in names.values()}
    for event, proof in zip(events, _proved(events), strict=True):
        for pk in dict.fromkeys(names[name] for name in event.about if name in names):
            found[pk].append(proof)
    return found


def _proved(events: Sequence[LedgerEvent]) -> list[Row]:
    """What names each event in an export of the ledger, and the number of the seal that covers it."""
    seals = _seals(events)
    ends = [end for end, _ in seals]
    found = []
    for event in events:
        at = bisect_left(ends, (event.xid, event.pk))
        seal = seals[at][1] if at < len(seals) else None
        said = {"event": event.pk, "id": str(event.event_id), "verb": event.verb, "digest": event.digest}
        found.append({**said, "seal": seal})
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


def _item(item: Item, tasks: Collection[RevocationTask], proofs: Sequence[Row]) -> Row:
    grant = item.grant
    joined: list[Joining] = item.joined_by_it  # type: ignore[attr-defined]  # prefetched
    return {
        "type": "item",
        "item": item.pk,
        "opened_in": item.campaign_id,
        "joined_at": ledger.instant(joined[0].at) if joined else None,
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
        "tasks": [_task(one) for one in tasks],
        "proofs": list(proofs),
    }


def _task(task: RevocationTask) -> Row:
    return {
        "task": task.pk,
        "grant": task.grant_id,
        "opened_at": ledger.instant(task.opened_at),
        "due_at": ledger.instant(task.due_at),
        "owner": task.owner.name if task.owner is not None else "",
        "owner_id": str(task.owner.opaque_id) if task.owner is not None else "",
        "state": task.state,
        "outcome": task.outcome,
        "closed_at": _instant(task.closed_at),
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
