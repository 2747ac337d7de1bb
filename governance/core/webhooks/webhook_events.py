"""One table of the ledger events that an endpoint can get. The person who adds it chooses."""

from __future__ import annotations

from typing import NamedTuple

from governance.core.texts.csv_tables import read_rows


class Told(NamedTuple):
    """The message of one event.

    Args:
        heading: what it is, as a list of choices and the head of a message have it.
        sentence: what happened; ``{what}`` is the automation.
    """

    heading: str
    sentence: str


#: Sent when a manager of the endpoint asks for a test.
TEST = "webhook.tested"


#: By event, from ``webhook_events.csv``.
EVENTS = {row["event"]: Told(row["heading"], row["sentence"]) for row in read_rows(__file__, "webhook_events.csv")}

#: What can be chosen.
CHOICES = tuple((event, webhook_event.heading) for event, webhook_event in EVENTS.items() if event != TEST)
