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
from governance.core.ledger import ledger_events
from governance.core.models import FreeText, LedgerEvent, Person, Seal
from governance.core.timeline import queries as timeline_queries
from governance.recertification.models import Answer, Campaign, Item, ItemOutcome, Joining, Question

#: Items that are read, and written, at once.
CHUNK = 500

Row = dict[str, Any]

#: What an event may be about: the name that the ledger gives a row, and the keys under which its proofs are wanted.
Names = Mapping[str, Sequence[int]]


def whose(campaign: Campaign) -> Row:
    """Who opened a campaign and who called it off, when and why, as it is by now; nobody where it opened on its day, or goes on."""
    about = ("opened_by", "reason", "called_off_by", "called_off_why")
    now = Campaign.objects.select_related(*about).get(pk=campaign.pk)
    return {
        "opened_at": ledger_events.instant(now.snapshot_at),
        **_who("opened_by", now.opened_by),
        "why": _text(now.reason),
        "called_off_at": _instant(now.called_off_at),
        **_who("called_off_by", now.called_off_by),
        "called_off_why": _text(now.called_off_why),
    }


def events_of(campaign: Campaign) -> list[Row]:
    """What happened to the campaign as a whole, in order: ordered, each chunk that was frozen or asked, reminders, its close.

    Each says who did it, or which job, and their reason; a name is gone once its person was erased (H6).
    A chunk's payload says how many rows it made, the first and last key and the SHA-256 of the keys of what is in it, joined by commas.
    """
    about = LedgerEvent.objects.filter(about__contains=[_name("campaign", campaign.pk)]).select_related("reason")
    events = list(about.order_by("xid", "pk"))
    own = [one for one in events if one.verb.startswith("campaign.")]
    people = timeline_queries.names(one for event in own for one in (event.actor_id, event.for_id))
    return [
        {
            "type": "campaign",
            "at": ledger_events.instant(event.at),
            "by": people.get(event.actor_id, ""),
            "by_id": event.actor_id,
            "for": people.get(event.for_id, ""),
            "for_id": event.for_id,
            "reason": _text(event.reason),
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
        names = {_name("item", one.pk): [one.pk] for one in items}
        for pk, some in tasks.items():
            for task in some:
                names.setdefault(_name("revocationtask", task.pk, "approvals"), []).append(pk)
        proved = _proofs(names)
        yield [_item(one, tasks[one.pk], proved[one.pk]) for one in items]
        for one in items:
            _let_go(one)


def _name(model: str, pk: int, app: str = "recertification") -> str:
    return f"{app}.{model}:{pk}"


def _tasks(items: Sequence[Item]) -> dict[int, list[RevocationTask]]:
    """By item, the revocation tasks of what was reviewed; of an automation, of whatever it held that ended until the review closed (G4)."""
    of_grants: dict[int, list[Item]] = {}
    of_automations: dict[int, list[Item]] = {}
    for one in items:
        if one.grant_id is not None:
            of_grants.setdefault(one.grant_id, []).append(one)
        elif one.automation_id is not None:
            of_automations.setdefault(one.automation_id, []).append(one)
    found: dict[int, list[RevocationTask]] = {one.pk: [] for one in items}
    about = Q(grant__in=list(of_grants)) | Q(grant__automation__in=list(of_automations))
    since = min(one.opened_at for one in items)
    rows = RevocationTask.objects.filter(about, opened_at__gte=since).select_related("grant", "owner")
    for task in rows.order_by("pk"):
        for item in (*of_grants.get(task.grant_id, ()), *of_automations.get(task.grant.automation_id, ())):
            if task.opened_at >= item.opened_at and _has_part_in(item, task):
                found[item.pk].append(task)
    return found


def _has_part_in(item: Item, task: RevocationTask) -> bool:
    """Whether what a task takes away ended while the item was open, with its close, or on its date because nobody renewed it."""
    if item.closed_at is None or (item.outcome == ItemOutcome.NOT_RENEWED and item.grant_id == task.grant_id):
        return True
    ended_at = task.grant.ended_at
    return ended_at is not None and ended_at <= item.closed_at


def _let_go(item: Item) -> None:
    """Item, questions and answers know each other: without that they are gone at once, and not when the collector comes."""
    for question in item.questions.all():
        question.__dict__.pop("_prefetched_objects_cache", None)
    item.__dict__.pop("_prefetched_objects_cache", None)


def _proofs(names: Names) -> dict[int, list[Row]]:
    """The events that stand on each item's timeline, with the seal that covers each, or none where it is not sealed yet."""
    events = list(LedgerEvent.objects.filter(about__overlap=list(names)).order_by("xid", "pk"))
    found: dict[int, list[Row]] = {pk: [] for some in names.values() for pk in some}
    for event, proof in zip(events, _proved(events), strict=True):
        for pk in dict.fromkeys(pk for name in event.about for pk in names.get(name, ())):
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
        "joined_at": ledger_events.instant(joined[0].at) if joined else None,
        "what": grant.sentence if grant is not None else "The automation itself",
        "automation": item.of_automation.name,
        "tier": item.snapshot.get("tier", ""),
        "why_opened": item.reason,
        "opened_at": ledger_events.instant(item.opened_at),
        "deadline": ledger_events.instant(item.deadline),
        "grace_until": ledger_events.instant(item.grace_until),
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
        "opened_at": ledger_events.instant(task.opened_at),
        "due_at": ledger_events.instant(task.due_at),
        **_who("owner", task.owner),
        "state": task.state,
        "outcome": task.outcome,
        "closed_at": _instant(task.closed_at),
    }


def _question(question: Question) -> Row:
    return {
        "asks": question.asks,
        **_who("reviewer", question.reviewer),
        "asked_at": ledger_events.instant(question.asked_at),
        "passed_on": question.passed,
        "answers": [_answer(one, question) for one in question.answers.all()],
    }


def _answer(answer: Answer, question: Question) -> Row:
    latest = {one.supersedes_id for one in question.answers.all()}
    return {
        "answer": answer.answer,
        **_who("answered_by", answer.person),
        **_who("for", answer.for_person),
        "answered_at": ledger_events.instant(answer.at),
        "seconds": answer.seconds,
        "recommended": answer.recommended,
        "batch": str(answer.batch),
        "reason": _text(answer.reason),
        "superseded": answer.pk in latest,
    }


def _who(name: str, person: Person | None) -> Row:
    return {
        name: person.name if person is not None else "",
        f"{name}_id": str(person.opaque_id) if person is not None else "",
    }


def _text(said: FreeText | None) -> str:
    return said.shown if said is not None else ""


def _instant(at: datetime | None) -> str | None:
    return ledger_events.instant(at) if at is not None else None
