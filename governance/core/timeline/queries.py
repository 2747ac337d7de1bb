"""The timeline of one row: its events in words, with names that are not in the ledger (H3, H6)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Q

from governance.core.access import Actor
from governance.core.database.grouping import grouped
from governance.core.database.querysets import sorted_by_key
from governance.core.ledger import ledger_events
from governance.core.models import LedgerEvent, Person
from governance.core.texts.csv_tables import read_rows

#: Model and key of an event's subject (`ledger_events.name_of`).
Subject = tuple[str, str]


def names(ids: Iterable[str]) -> dict[str, str]:
    """Names of people by their opaque ids, in one query; an erased person has none (H6)."""
    wanted = {subject_id for subject_id in ids if len(subject_id) == 36}
    return {str(p.opaque_id): p.name for p in Person.objects.filter(opaque_id__in=wanted).only("opaque_id", "name")}


def said_of(verb: str, subject: str, payload: Mapping[str, Any] = MappingProxyType({})) -> str:
    """Return the words after the actor's name in a timeline.

    Args:
        verb: the event's name.
        subject: its subject in words; empty if the reader may not see it.
        payload: the event's facts.
    """
    text = WORDS[verb][2] if verb in WORDS else verb.replace(".", " ").replace("_", " ")
    facts = {name: str(payload.get(name, "")).replace("dont_", "don’t ").replace("_", " ") for name in FACTS}
    return text.format(what=subject or NAMELESS.get(verb.partition(".")[0], "it"), **facts).removesuffix(": ")


def subjects_of(events: Iterable[LedgerEvent], actor: Actor, now: datetime) -> dict[Subject, str]:
    """Return the visible subjects of events in words: one query for each model with its own words.

    Such a model has ``in_words(keys, actor, now)``.

    Args:
        events: the events.
        actor: the reader.
        now: business time.
    """
    subjects = dict.fromkeys((event.subject_type, event.subject_id) for event in events)
    wanted = grouped((label, int(key)) for label, key in subjects if key.isdecimal())
    found: dict[Subject, str] = {}
    for label, keys in wanted.items():
        ask = getattr(apps.get_model(label), "in_words", None)
        if ask is not None:
            found |= {(label, str(pk)): words for pk, words in ask(keys, actor, now).items()}
    return found


def shapes(row: models.Model, *, actor: Actor, now: datetime, limit: int, quiet: bool = False) -> list[dict[str, Any]]:
    """Return the newest events of a row, and of a person also their own acts, newest first, for ``components/timeline.html``. The number of queries is fixed.

    Args:
        row: the subject of the timeline.
        actor, now: the reader, called "You", and business time.
        limit: how many events.
        quiet: whether to show follow-ups too.
    """
    acts = Q(actor_id=str(row.opaque_id)) & ~Q(verb__in=OF_ITSELF) if isinstance(row, Person) else Q()
    of_row = Q(about__contains=ledger_events.timeline_keys(row)) | acts
    found = LedgerEvent.objects.filter(of_row).exclude(RENEWED_END).select_related("reason")
    if not quiet:
        found = found.exclude(verb__in=QUIET, outcome="done")
    events = list(sorted_by_key(found, newest_first=True)[:limit])
    known = names({pk for event in events for pk in (event.actor_id, event.for_id)})
    if actor.person is not None:
        known[str(actor.person.opaque_id)] = "You"
    subjects = subjects_of(events, actor, now)
    return [_line(event, known, subjects.get((event.subject_type, event.subject_id), "")) for event in events]


def _line(event: LedgerEvent, names: Mapping[str, str], subject: str) -> dict[str, Any]:
    icon, tone, _ = WORDS.get(event.verb, ("arrow", "", ""))
    text = said_of(event.verb, subject, event.payload)
    actor = names.get(event.actor_id, "" if event.actor_kind == "job" else "Somebody")
    giver = names.get(event.for_id, "")
    if event.outcome == "refused":
        what = event.verb.partition(".")[2].replace("_", " ")
        was = "were" if actor == "You" else "was"
        text, icon, tone = f"{was} refused ({what}{f': {subject}' if subject else ''})", "lock", "no"
    elif event.verb in OF_ITSELF:
        actor = giver = ""
    elif event.payload.get("token"):
        text = f"{text} with a token"
    return {
        "icon": icon,
        "tone": tone,
        "actor": f"{actor} for {'you' if giver == 'You' else giver}" if giver else actor,
        "text": f"{text}: “{event.reason.shown}”" if event.reason is not None and event.reason.shown else text,
        "at": event.at,
        "code": event.code,
    }


#: Facts of an event that its words may name beside ``{what}``.
FACTS = ("policy", "because", "answer")


_ROWS = read_rows(__file__, "event_words.csv")
#: Event to icon, tone and words that follow the actor's name. ``{what}`` is the subject in words, or `NAMELESS`.
WORDS = {row["event"]: (row["icon"], row["tone"], row["words"]) for row in _ROWS}
#: Subjects that the reader may not see, by the first part of the event's name.
NAMELESS = {
    "approval": "a record",
    "grant": "a grant",
    "item": "something",
    "question": "something",
    "revocation": "what it left",
    "sample": "the change",
}
#: Events with whole sentences, without an actor.
OF_ITSELF = frozenset(row["event"] for row in _ROWS if row["names_actor"] == "no")
#: The end of a renewed grant. Its renewal says it: nobody took the access away (G2).
RENEWED_END = Q(verb="grant.ended", payload__why="succeeded")
#: Follow-ups, which add nothing to the event that caused them.
QUIET = frozenset(row["event"] for row in _ROWS if row["quiet"] == "yes")
