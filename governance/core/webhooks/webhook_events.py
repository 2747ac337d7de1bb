"""One table of the ledger events that an endpoint can get. The person who adds it chooses."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple


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


def _read(path: Path) -> dict[str, Told]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["event"]: Told(row["heading"], row["sentence"]) for row in csv.DictReader(file)}


#: By event, from ``webhook_events.csv``.
EVENTS = _read(Path(__file__).with_name("webhook_events.csv"))

#: What can be chosen.
CHOICES = tuple((event, webhook_event.heading) for event, webhook_event in EVENTS.items() if event != TEST)
