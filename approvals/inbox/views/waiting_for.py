"""People that a submission waits for, as pages draw them (``components/waiting_for.html``)."""

from collections.abc import Iterable, Sequence

from approvals.inbox.waiting_for import Holder, Waiting, group_by_people, join_with_or
from approvals.review.views.reader import Reader
from governance.web.components import times
from governance.web.pages.page import Shape


def holder_shapes(held: Iterable[Waiting], reader: Reader) -> list[Shape]:
    """Return one ``{who, count, since, later}`` per group of people, the reader's own first.

    ``later`` names the alternative who was asked on a later day, such as a deputy, or counts several.
    """
    lines = [_line(item, reader) for item in group_by_people(held)]
    return sorted(lines, key=lambda line: not line.pop("is_mine"))


def _line(held: Waiting, reader: Reader) -> Shape:
    people = sorted(held.people, key=lambda holder: (times.day_of(holder.since), not _is_me(holder, reader)))
    since = times.day_of(people[0].since)
    later = [holder for holder in people if times.day_of(holder.since) > since]
    mine = [holder for holder in people if _is_me(holder, reader)]
    return {
        "who": _names(people[: len(people) - len(later)], reader),
        "count": held.count,
        "since": since,
        "later": _names([holder for holder in mine if holder in later] or later, reader, most=1),
        "is_mine": bool(mine),
    }


def _names(people: Sequence[Holder], reader: Reader, most: int = 3) -> str:
    return join_with_or(["you" if _is_me(holder, reader) else holder.name for holder in people], most)


def _is_me(holder: Holder, reader: Reader) -> bool:
    return reader.actor.person is not None and holder.pk == reader.actor.person.pk
