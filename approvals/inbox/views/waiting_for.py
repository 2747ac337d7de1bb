"""People that a submission waits for, as pages draw them (``components/waiting_for.html``)."""

from collections.abc import Iterable
from datetime import date
from itertools import groupby

from approvals.inbox.waiting_for import Holder, Waiting, group_by_people, join_with_or
from approvals.review.views.reader import Reader
from governance.web.components import times
from governance.web.pages.page import Shape


def holder_shapes(held: Iterable[Waiting], reader: Reader) -> list[Shape]:
    """Return one ``{who, count, since, also}`` per group of people, the reader's own first.

    ``also`` lists alternatives who were asked on another day, each ``{who, since}``: a deputy, half of the time later.
    """
    lines = [_line(item, reader) for item in group_by_people(held)]
    return sorted(lines, key=lambda line: not line.pop("is_mine"))


def _line(held: Waiting, reader: Reader) -> Shape:
    people = sorted(held.people, key=lambda holder: (times.day_of(holder.since), not _is_me(holder, reader)))
    days = [
        _of_a_day(day, holders, reader)
        for day, holders in groupby(people, key=lambda holder: times.day_of(holder.since))
    ]
    is_mine = any(_is_me(holder, reader) for holder in people)
    return days[0] | {"count": held.count, "also": days[1:], "is_mine": is_mine}


def _of_a_day(day: date, people: Iterable[Holder], reader: Reader) -> Shape:
    return {"who": join_with_or(["you" if _is_me(holder, reader) else holder.name for holder in people]), "since": day}


def _is_me(holder: Holder, reader: Reader) -> bool:
    return reader.actor.person is not None and holder.pk == reader.actor.person.pk
