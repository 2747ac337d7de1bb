"""How the demo's past is played: each automation has a story, and all stories run side by side, in the order of their instants.

A story is a generator: it yields when it goes on and is sent that instant, which it passes on as ``now=``. So what happened to
one automation is told in one piece, and ledger, history and mail still come in the order in which things happened.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from governance.core.clock.organisation import organisation_zone

#: How far apart two steps of one story are at least, where a weekend puts both on one Friday.
LEAST = timedelta(minutes=20)

SATURDAY = 5


@dataclass(frozen=True)
class Ago:
    """So many days before the demo's present, at a time of the organisation's day; on a weekend, the Friday before."""

    days: int
    at: str

    def instant(self, present: datetime) -> datetime:
        """The instant that is meant when the demo is loaded at ``present``."""
        zone = organisation_zone()
        day = present.astimezone(zone).date() - timedelta(days=self.days)
        day -= timedelta(days=max(0, day.weekday() - SATURDAY + 1))
        return datetime.combine(day, time.fromisoformat(self.at), tzinfo=zone).astimezone(present.tzinfo)


#: What a story yields: a day and time, a pause since its last step, or the instant itself.
When = Ago | timedelta | datetime

Story = Generator[When, datetime, None]

#: A part of a story, started with ``yield from``; it returns the instant at which the story goes on.
Scene = Generator[When, datetime, datetime]


def play(stories: Iterable[Story], *, present: datetime, each_step: Callable[[datetime], object]) -> None:
    """Play stories to their ends.

    Args:
        stories: what happens.
        present: the instant at which the demo begins; nothing is played later.
        each_step: called after each step with its instant.

    Raises:
        ValueError: a story goes on after the present.
    """
    waiting: list[tuple[datetime, int, Story]] = []
    for number, story in enumerate(stories):
        _wait(waiting, story, number, next(story), None, present)
    while waiting:
        now, number, story = heapq.heappop(waiting)
        try:
            then = story.send(now)
        except StopIteration:
            then = None
        each_step(now)
        if then is not None:
            _wait(waiting, story, number, then, now, present)


def _wait(
    waiting: list[tuple[datetime, int, Story]],
    story: Story,
    number: int,
    when: When,
    last: datetime | None,
    present: datetime,
) -> None:
    """Put a story in line for its next step, later than its last one."""
    if isinstance(when, timedelta):
        at = (last or present) + when
    else:
        at = when.instant(present) if isinstance(when, Ago) else when
        if last is not None and at <= last:
            at = last + LEAST
    if at > present:
        raise ValueError(f"A story goes on at {at}, after the demo's present.")
    heapq.heappush(waiting, (at, number, story))
