"""Words, icons and tones of events in a timeline, from the table ``event_words.csv``."""

from __future__ import annotations

import csv
from pathlib import Path

#: Facts of an event that its words may name beside ``{what}``.
FACTS = ("policy", "because")


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


_ROWS = _read(Path(__file__).with_name("event_words.csv"))
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
#: Events whose words are sentences of their own and name no actor.
OF_ITSELF = frozenset(row["event"] for row in _ROWS if row["names_actor"] == "no")
#: Events that tell a reader nothing beside the event that caused them.
QUIET = frozenset(row["event"] for row in _ROWS if row["quiet"] == "yes")
