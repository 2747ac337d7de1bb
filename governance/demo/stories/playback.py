"""Plays the demo's past: each automation has a story, and all stories run side by side in time order.

A story is a generator. It yields the time of its next step and gets that instant back for ``now=``. So one
automation's events are in one function, and ledger, history and mail are still in time order.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TypeAlias, TypeVar

from governance.core.clock.organisation import organisation_zone

#: Least time between two steps of a story that a weekend moves to the same Friday.
LEAST = timedelta(minutes=20)

SATURDAY = 5


@dataclass(frozen=True)
class Ago:
    """A number of days before the demo's present, at a time of day; on a weekend, the Friday before."""

    days: int
    at: str

    def instant(self, present: datetime) -> datetime:
        """The instant for a demo that is loaded at ``present``."""
        zone = organisation_zone()
        day = present.astimezone(zone).date() - timedelta(days=self.days)
        day -= timedelta(days=max(0, day.weekday() - SATURDAY + 1))
        return datetime.combine(day, time.fromisoformat(self.at), tzinfo=zone).astimezone(present.tzinfo)


#: Next step of a story: a day and time, a pause, or an instant.
When = Ago | timedelta | datetime

Story = Generator[When, datetime, None]

R = TypeVar("R")
#: Part of a story for ``yield from``, with its result.
Scene: TypeAlias = Generator[When, datetime, R]


def play(stories: Iterable[Story], *, present: datetime, each_step: Callable[[datetime], object]) -> None:
    """Play stories to their ends.

    Args:
        stories: the stories.
        present: the demo's present; nothing is played later.
        each_step: called after each step with its instant.

    Raises:
        ValueError: a story continues after the present.
    """
    waiting: list[tuple[datetime, int, Story]] = []

    def wait(story: Story, number: int, when: When, last: datetime | None) -> None:
        """Queue a story for its next step, later than its last one."""
        if isinstance(when, timedelta):
            at = (last or present) + when
        else:
            at = when.instant(present) if isinstance(when, Ago) else when
            if last is not None and at <= last:
                at = last + LEAST
        if at > present:
            raise ValueError(f"A story goes on at {at}, after the demo's present.")
        heapq.heappush(waiting, (at, number, story))

    for number, story in enumerate(stories):
        wait(story, number, next(story), None)
    while waiting:
        now, number, story = heapq.heappop(waiting)
        try:
            then = story.send(now)
        except StopIteration:
            then = None
        each_step(now)
        if then is not None:
            wait(story, number, then, now)
