"""Who holds something, as pages draw it (``components/waiting_for.html``): the stepper, home, the automation's page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby

from approvals.inbox.waiting_for import Held, Holder, either, together
from approvals.review.views.reader import Reader, Shape
from governance.web.components import times


def shapes(held: Iterable[Held], reader: Reader) -> list[Shape]:
    """One ``{who, count, since, also}`` for the same people, the reader's own first.

    ``also`` has the alternatives to ``who`` who were asked on another day, each ``{who, since}``: a deputy, half of the time later.
    """
    lines = [_line(one, reader) for one in together(held)]
    return sorted(lines, key=lambda one: not one.pop("is_mine"))


def _line(held: Held, reader: Reader) -> Shape:
    people = sorted(held.people, key=lambda one: (times.day_of(one.since), not _is_me(one, reader)))
    days = [_of_a_day(day, some, reader) for day, some in groupby(people, key=lambda one: times.day_of(one.since))]
    is_mine = any(_is_me(one, reader) for one in people)
    return days[0] | {"count": held.count, "also": days[1:], "is_mine": is_mine}


def _of_a_day(day: date, people: Iterable[Holder], reader: Reader) -> Shape:
    return {"who": either(["you" if _is_me(one, reader) else one.name for one in people]), "since": day}


def _is_me(one: Holder, reader: Reader) -> bool:
    return reader.actor.person is not None and one.pk == reader.actor.person.pk
