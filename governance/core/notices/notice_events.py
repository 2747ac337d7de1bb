"""One table of all notices and their urgency: at once, within minutes, or in the day's digest (R5, A10).

What waits for somebody joins their digest, however many such things there are; what has happened, and can't be undone by waiting, or
ends waiting, goes at once. What has stopped, and a sweep may stop forty in a run, goes within minutes and in one mail (R6). An event that stands nowhere here goes at once. How the digest comes about stands in `daily_digest`.
"""

from __future__ import annotations

from enum import Enum

from governance.core.texts.csv_tables import read_rows


class Group(Enum):
    """What the things in one part of a digest are for; the parts stand in this order."""

    STOPPED = "suspended"
    DECIDE = "to decide"
    REVIEW = "to review"
    REMOVE = "to take away"
    ANSWER = "to answer"
    CONFIRM = "to confirm"
    LOOK = "to look at"
    KNOW = "to know"

    @property
    def heading(self) -> str:
        """The heading of its part of a digest."""
        return self.value.capitalize()


#: The digest itself, as an event: it names the templates of the mail.
DIGEST = "digest"


#: Every event that a mail tells of, and its part of a digest, or None for what goes at once. From ``notice_events.csv``.
EVENTS: dict[str, Group | None] = {
    row["event"]: Group[row["group"]] if row["group"] else None for row in read_rows(__file__, "notice_events.csv")
}
#: What is told within minutes, however much it is: it waits neither for the person's hour nor for their next day.
SOON = frozenset(event for event, group in EVENTS.items() if group is Group.STOPPED)
