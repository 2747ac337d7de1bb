"""Words, icons and tones of events in a timeline, from the table ``event_words.csv``."""

from __future__ import annotations

from governance.core.texts.csv_tables import read_rows

#: Facts of an event that its words may name beside ``{what}``.
FACTS = ("policy", "because")


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
#: Events whose words are sentences of their own and name no actor.
OF_ITSELF = frozenset(row["event"] for row in _ROWS if row["names_actor"] == "no")
#: Events that tell a reader nothing beside the event that caused them.
QUIET = frozenset(row["event"] for row in _ROWS if row["quiet"] == "yes")
