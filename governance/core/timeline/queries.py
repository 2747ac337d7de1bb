"""The timeline of one row: what happened to it and around it, in words, with names resolved beside the ledger (H3, H6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.db import models

from governance.core.actors.actor import Actor
from governance.core.database.key_filters import sorted_by_key
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Person
from governance.core.timeline.event_words import FACTS, NAMELESS, OF_ITSELF, QUIET, WORDS

#: Model and key of an event's subject (`ledger_events.name_of`).
Subject = tuple[str, str]
Said = Mapping[Subject, str]
NOTHING: Said = MappingProxyType({})


@dataclass(frozen=True)
class Entry:
    """One line of a timeline.

    Args:
        at: business time.
        actor: who, by name; empty for a job.
        for_whom: the name of the delegating person.
        actor_id, for_id: their opaque ids: two people may have one name.
        text: what, to follow the actor's name.
        icon, tone: how it is drawn.
        code: the refusal's code, when it was tried and refused.
        reason: what the actor said.
    """

    at: datetime
    actor: str
    for_whom: str
    text: str
    icon: str
    tone: str
    code: str = ""
    reason: str = ""
    actor_id: str = ""
    for_id: str = ""


def names(ids: Iterable[str]) -> dict[str, str]:
    """Names of people by their opaque ids, in one query; an erased person has none (H6)."""
    wanted = {subject_id for subject_id in ids if len(subject_id) == 36}
    if not wanted:
        return {}
    return {str(p.opaque_id): p.name for p in Person.objects.filter(opaque_id__in=wanted).only("opaque_id", "name")}


def said_of(verb: str, subject: str, payload: Mapping[str, Any] = MappingProxyType({})) -> str:
    """What follows the actor's name in a timeline.

    Args:
        verb: the event's name.
        subject: what it is about in words, or nothing where the reader may not see it.
        payload: the event's facts.
    """
    text = WORDS[verb][2] if verb in WORDS else verb.replace(".", " ").replace("_", " ")
    facts = {name: payload.get(name, "") for name in FACTS}
    return text.format(what=subject or NAMELESS.get(verb.partition(".")[0], "it"), **facts)


def subjects_of(
    events: Iterable[LedgerEvent], texts: Said, actor: Actor | None, now: datetime | None
) -> dict[Subject, str]:
    """What the reader may read of the events' subjects, in words: one query a model that has words for itself.

    Such a model has ``in_words(keys, actor, now)``. It is called only for subjects without words.
    """
    if actor is None or now is None:
        return {}
    wanted: dict[str, set[int]] = {}
    for event in events:
        if event.subject_id.isdecimal() and (event.subject_type, event.subject_id) not in texts:
            wanted.setdefault(event.subject_type, set()).add(int(event.subject_id))
    found = dict(texts)
    for label, keys in wanted.items():
        ask = getattr(apps.get_model(label), "in_words", None)
        if ask is not None:
            found |= {(label, str(pk)): words for pk, words in ask(keys, actor, now).items()}
    return found


def entries(
    row: models.Model,
    *,
    limit: int = 50,
    quiet: bool = False,
    people: Iterable[Person] = (),
    texts: Said = NOTHING,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> list[Entry]:
    """The newest events about a row, newest first: a number of queries that none of them adds to.

    Args:
        row: whose timeline it is.
        limit: how many events.
        quiet: whether follow-ups are shown too.
        people: people that the caller has loaded. Names of other actors are read.
        texts: what the caller has read already and the reader may see, in words.
        actor, now: who reads, and when; without them no subject is called by its own words.
    """
    found = LedgerEvent.objects.filter(about__contains=ledger_events.about(row)).select_related("reason")
    if not quiet:
        found = found.exclude(verb__in=QUIET, outcome="done")
    events = list(sorted_by_key(found, newest_first=True)[:limit])
    known = {str(person.opaque_id): person.name for person in people}
    others = {opaque_id for event in events for opaque_id in (event.actor_id, event.for_id) if opaque_id not in known}
    known |= names(others)
    subjects = subjects_of(events, texts, actor, now)
    return [_entry(event, known, subjects.get((event.subject_type, event.subject_id), "")) for event in events]


def _entry(event: LedgerEvent, names: dict[str, str], subject: str) -> Entry:
    icon, tone, _ = WORDS.get(event.verb, ("arrow", "", ""))
    text = said_of(event.verb, subject, event.payload)
    actor = names.get(event.actor_id, "" if event.actor_kind == "job" else "Somebody")
    for_whom = names.get(event.for_id, "")
    reason = event.reason.shown if event.reason is not None else ""
    if event.outcome == "refused":
        what = event.verb.partition(".")[2].replace("_", " ")
        text, icon, tone = f"was refused ({what}{f': {subject}' if subject else ''})", "lock", "no"
    elif event.verb in OF_ITSELF:
        actor = for_whom = ""
    elif event.payload.get("token"):
        text = f"{text} with a token"
    who = {"actor_id": event.actor_id, "for_id": event.for_id}
    return Entry(event.at, actor, for_whom, text, icon, tone, event.code, reason, **who)


def shapes(
    row: models.Model,
    *,
    reader: Person | None,
    limit: int = 50,
    quiet: bool = False,
    people: Iterable[Person] = (),
    texts: Said = NOTHING,
    actor: Actor | None = None,
    now: datetime | None = None,
) -> list[dict[str, Any]]:
    """The timeline as ``components/timeline.html`` takes it; the reader is "You". For the rest see `entries`."""
    return shaped(
        entries(row, limit=limit, quiet=quiet, people=people, texts=texts, actor=actor, now=now), reader=reader
    )


def shaped(entries: Iterable[Entry], *, reader: Person | None) -> list[dict[str, Any]]:
    """Lines of a timeline as ``components/timeline.html`` takes them."""
    me = str(reader.opaque_id) if reader is not None else ""
    return [
        {
            "icon": entry.icon,
            "tone": entry.tone,
            "actor": ("You" if entry.actor and entry.actor_id == me else entry.actor)
            + (f" for {'you' if entry.for_id == me else entry.for_whom}" if entry.for_whom else ""),
            "text": (entry.text.replace("was ", "were ", 1) if entry.code and entry.actor_id == me else entry.text)
            + (f": “{entry.reason}”" if entry.reason else ""),
            "at": entry.at,
            "code": entry.code,
        }
        for entry in entries
    ]
