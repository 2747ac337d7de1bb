"""One digest a person and local day: what waits for somebody in one mail, however much it is (R5, A10, H8).

What joins a digest (`outbox.EVENTS`) is queued as waiting. What has stopped is gathered for minutes only and goes in a digest of its own, whatever the
hour and whatever went before. A person's digest of the day goes at ``MAIL_DIGEST_AT`` by their own clock, or later
with the first thing that is asked after it; what comes once it has gone waits for the next day's. Nothing that is asked is due before
that: a deadline of working days does not count the day on which it begins.

Whoever is done is told nothing: of each thing it is asked whether it is still open for that person, when the digest is made and again when
it is sent, by what the apps have registered. The key of person and day makes the digest one, whoever makes it twice or is killed
between (R9); it is sent as every notice is.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Min, Q, QuerySet
from django.utils.text import get_text_list

from governance.core.clock import icalendar_file
from governance.core.clock.organisation import zone_of
from governance.core.mail import mail_text
from governance.core.mail.mail_text import Letter
from governance.core.models import Notice, NoticeState, Person, Seal
from governance.core.notices import outbox
from governance.core.notices.outbox import Group

log = structlog.get_logger(__name__)

#: Lines that one part of a digest lists; of the rest it says how many there are.
MOST = 50

#: Error text of a notice that waits again. It holds the key of the failed digest, and so its day.
UNTAKEN = "It could not be sent: "

GONE, DONE = "The person has left.", "It did not wait for the person any more."


@dataclass(frozen=True)
class Line:
    """How one thing stands that is still open for somebody.

    Args:
        due: when it is due; None for what has no deadline.
        text: what a digest calls it; empty for the subject that a mail of its own would have.
        facts: what the templates of such a mail should know better than the notice did when it was queued.
        date: its deadline as an event for the person's calendar, where it asks for an answer until a day.
    """

    due: datetime | None = None
    text: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    date: icalendar_file.Event | None = None


#: ``reader(person, threads, now)`` answers which of the threads still hold something for the person, and how it stands.
Reader = Callable[[Person, Collection[str], datetime], Mapping[str, Line]]
_readers: dict[str, Reader] = {}


def register(reader: Reader, *events: str) -> None:
    """Register ``reader`` to say which notices of these events are still open. Call it in an app's `ready()`.

    What no reader is asked about is news, and told whatever has become of it since.
    """
    _readers.update(dict.fromkeys(events, reader))


def keys(threads: Iterable[str]) -> list[int]:
    """The ids of the rows that threads are named after: 12 of ``item:12``."""
    return [int(thread.rpartition(":")[2]) for thread in threads]


@dataclass(frozen=True)
class Entry:
    """One line of a digest, as its templates read it."""

    text: str
    link: str
    due: datetime | None
    is_overdue: bool


@dataclass(frozen=True)
class Part:
    """What a digest lists under one heading, the most pressing first.

    Args:
        group: what the things are for.
        entries: all of them.
    """

    group: Group
    entries: Sequence[Entry]

    @property
    def heading(self) -> str:
        """Its words."""
        return self.group.heading

    @property
    def shown(self) -> Sequence[Entry]:
        """What is listed."""
        return self.entries[:MOST]

    @property
    def more(self) -> int:
        """How many are not."""
        return max(0, len(self.entries) - MOST)


def make_due(*, now: datetime, gathering: timedelta) -> dict[str, int]:
    """Make the digest of everybody whose time for it has come; returns how many were made, and how many notices were dropped.

    Args:
        now: business time.
        gathering: how long the first thing in a digest waits for others.
    """
    counts = Counter[str]()
    for person, key, what in [*_stopped(now, gathering), *_ready(now, gathering)]:
        try:
            with transaction.atomic():
                counts.update(_make(person, key, what, now))
        except Exception as error:  # what can't be told to one must not keep the others' mail back
            log.exception("digest.not_made", person=str(person.opaque_id), error=type(error).__name__)
    return {what: count for what, count in counts.items() if count}


#: The recipient, the key of their digest, and the waiting notices that it holds.
Ready = tuple[Person, str, Q]

_OF_STOPPED = Q(event__in=outbox.SOON)


def _waiting(what: Q, now: datetime, gathering: timedelta) -> QuerySet[Any, Any]:
    """By person, and by the digest that failed with it, since when something waits, and the first of it; without what has only begun to."""
    waiting = Notice.objects.filter(what, state=NoticeState.WAITING).values("recipient", "error")
    return (
        waiting.annotate(since=Min("created_at"), first=Min("pk")).filter(since__lte=now - gathering).order_by("since")
    )


def _stopped(now: datetime, gathering: timedelta) -> Iterator[Ready]:
    """Who is to hear that something has stopped.

    A notice that no mail server took is tried again in the next day's digest.
    """
    rows = _waiting(_OF_STOPPED, now, gathering).values_list("recipient", "error", "first")
    digests: dict[int, list[tuple[str, int]]] = {}
    for pk, error, first in rows:
        digests.setdefault(pk, []).append((error, first))
    for pk, person in Person.objects.in_bulk(list(digests)).items():
        day = now.astimezone(zone_of(person)).date().isoformat()
        firsts = [first for error, first in digests[pk] if not error.endswith(f":{day}")]
        if firsts:
            what = _OF_STOPPED & ~Q(error__endswith=f":{day}")
            yield person, f"digest:{pk}:stopped:{min(firsts)}:{day}", what


def _ready(now: datetime, gathering: timedelta) -> Iterator[Ready]:
    """Who has something waiting for long enough, whose hour has come, and who had no digest on their local day; with its key.

    The day is that of the person's present zone. A person who crossed the date line has had a digest on that day.
    """
    people = Person.objects.in_bulk(list(_waiting(~_OF_STOPPED, now, gathering).values_list("recipient", flat=True)))
    days: dict[int, date] = {}
    for person in people.values():
        local = now.astimezone(zone_of(person))
        if local.time() >= settings.MAIL_DIGEST_AT:
            days[person.pk] = local.date()
    near = {pk: [key for days_off in (0, -1, 1) for key in _keys(pk, day, days_off)] for pk, day in days.items()}
    unsent = Q(state=NoticeState.DROPPED, attempts=1)  # in which nothing was left when it was to go: it is made anew
    earlier = Notice.objects.filter(key__in=[key for keys in near.values() for key in keys]).exclude(unsent)
    had = dict(earlier.values_list("key", "created_at"))
    for pk, day in days.items():
        zone = zone_of(people[pk])
        is_told = any(had[key].astimezone(zone).date() == day for key in near[pk] if key in had)
        free = [key for key in _keys(pk, day) if key not in had]
        if free and not is_told:
            yield people[pk], free[0], ~_OF_STOPPED


def _keys(person: int, day: date, days_off: int = 0) -> tuple[str, str]:
    """What the digest of a day is called; the second where the first is that of another day, in a zone that the person has left."""
    key = f"digest:{person}:{(day + timedelta(days=days_off)).isoformat()}"
    return key, f"{key}:again"


def _make(person: Person, key: str, what: Q, now: datetime) -> dict[str, int]:
    """Put a person's open notices into one digest. The rows are locked, so that no other worker takes them too."""
    waiting = (
        Notice.objects.select_for_update().filter(what, recipient=person, state=NoticeState.WAITING).order_by("pk")
    )
    notices, still = _what_is_open(person, list(waiting), now)
    dropped = _drop(notices, still, DONE if person.is_here else GONE)
    if not still:
        return {"dropped": dropped}
    thread, context = f"digest:{person.pk}", {"path": "/"}
    made = outbox.queue(
        [outbox.notice(recipient=person, event=outbox.DIGEST, thread=thread, key=key, now=now, context=context)]
    )
    for notice in made:
        Notice.objects.filter(pk__in=still).update(state=NoticeState.CARRIED, digest=notice, error="")
    return {"digests": len(made), "dropped": dropped}


def write(digest: Notice, checkpoint: Seal | None, now: datetime) -> Letter | None:
    """Return the mail of a digest with the tasks that are open at ``now``. One task gets its own mail; no task, no mail.

    With it goes a calendar file of the deadlines that its lines have.

    What is done by now, and what can't be told, is taken out of it and marked so.
    """
    notices, still = _what_is_open(digest.recipient, list(digest.carried.order_by("pk")), now)
    _drop(notices, still, DONE)
    still_open = [notice for notice in notices if notice.pk in still]
    if len(still_open) == 1:
        letter = mail_text.write(still_open[0], checkpoint, still[still_open[0].pk].facts)
    elif parts := _parts(still_open, still, now):
        letter = mail_text.write(digest, checkpoint, _facts(parts, now))
    else:
        return None
    return replace(letter, dates=_dates((still[notice.pk] for notice in still_open), now))


def _dates(lines: Iterable[Line], now: datetime) -> str:
    """Return the calendar file of the tasks with a due date, or nothing."""
    events = [line.date for line in lines if line.date is not None]
    return icalendar_file.calendar(events, name=f"Countersign, {settings.ORGANISATION}", now=now) if events else ""


def let_go(digest: Notice) -> None:
    """Let the notices of a failed digest wait for the next one. Notices to a leaver are dropped."""
    if digest.recipient.is_here:
        digest.carried.update(state=NoticeState.WAITING, digest=None, error=f"{UNTAKEN}{digest.key}")
    else:
        digest.carried.update(state=NoticeState.DROPPED, digest=None, error=GONE)


def _what_is_open(person: Person, notices: Sequence[Notice], now: datetime) -> tuple[Sequence[Notice], dict[int, Line]]:
    """The notices, knowing their recipient, and how each of them stands that is still open, by its id."""
    if not person.is_here:
        return notices, {}
    of_reader: dict[Reader | None, list[Notice]] = {}
    for notice in notices:
        notice.recipient = person
        of_reader.setdefault(_readers.get(notice.event), []).append(notice)
    still = {notice.pk: Line() for notice in of_reader.pop(None, [])}
    for reader, some in of_reader.items():
        assert reader is not None  # popped above
        lines = reader(person, {notice.thread for notice in some}, now)
        still |= {notice.pk: lines[notice.thread] for notice in some if notice.thread in lines}
    return notices, still


def _drop(notices: Iterable[Notice], still: Collection[int], why: str) -> int:
    """Mark notices that are not sent any more; return their number."""
    done = [notice.pk for notice in notices if notice.pk not in still]
    return Notice.objects.filter(pk__in=done).update(state=NoticeState.DROPPED, digest=None, error=why)


def _parts(notices: Sequence[Notice], still: Mapping[int, Line], now: datetime) -> list[Part]:
    """What a digest lists: of several notices that ask for one thing the last, and what is overdue or due next first."""
    last = {_asks(notice): notice for notice in notices}
    entries: dict[Group, list[Entry]] = {}
    for notice in last.values():
        group, line = _group(notice), still[notice.pk]
        try:
            text = line.text or mail_text.subject(notice, line.facts)
            entry = Entry(text, mail_text.link(notice.context), line.due, line.due is not None and line.due <= now)
        except Exception as error:  # noqa: BLE001  one thing that can't be told must not keep the others back
            log.warning("notice.not_told", notice=notice.pk, error=type(error).__name__)
            _fail(notice, type(error).__name__)
        else:
            entries.setdefault(group, []).append(entry)
    return [Part(group, sorted(entries[group], key=_pressing)) for group in Group if group in entries]


def _group(notice: Notice) -> Group:
    return outbox.EVENTS.get(notice.event) or Group.KNOW


def _asks(notice: Notice) -> tuple[object, ...]:
    """What makes notices one line: one reader says of their one thread how it stands now. Of news each is a line of its own."""
    group = _group(notice)
    return (notice.pk,) if group is Group.KNOW else (group, notice.thread, _readers.get(notice.event))


def _fail(notice: Notice, error: str) -> None:
    notice.state, notice.digest, notice.error = NoticeState.FAILED, None, error
    notice.save(update_fields=["state", "digest", "error"])


def _pressing(entry: Entry) -> tuple[bool, float, str]:
    return entry.due is None, entry.due.timestamp() if entry.due else 0, entry.text


def _facts(parts: Sequence[Part], now: datetime) -> dict[str, Any]:
    """What the templates of a digest are filled with."""
    entries = [entry for part in parts for entry in part.entries]
    return {
        "parts": parts,
        "only": f"{parts[0].heading}: {entries[0].text}" if len(entries) == 1 else "",
        "counts": get_text_list([f"{len(part.entries)} {part.group.value}" for part in parts], "and"),
        "overdue": sum(entry.is_overdue for entry in entries),
        "next_due": min((entry.due for entry in entries if entry.due is not None and entry.due > now), default=None),
    }
