"""One digest a day for each person, with all their open tasks (R5, A10, H8).

Notices of a digest (`outbox.EVENTS`) are queued as waiting. Notices of stopped access wait only minutes, and go in a digest of their own at
any hour. The digest of the day goes at ``MAIL_DIGEST_AT`` in the person's zone, or later with the first task of that day. Tasks after it
wait for the next day, and so does news without a task. No task is due before that, because a deadline does not count the day on which it begins.

A digest has no finished tasks: the readers of the apps check each task when the digest is made, and again when it is sent. The key of
person and day keeps the digest single, also after double runs and kills (R9). It is sent like every notice.
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
from governance.core.database.grouping import grouped
from governance.core.mail import mail_text
from governance.core.mail.mail_text import Letter
from governance.core.models import Notice, NoticeState, Person, Seal
from governance.core.notices import mail_choices, outbox
from governance.core.notices.outbox import Group

log = structlog.get_logger(__name__)

#: Most lines of one part of a digest; the rest is counted.
MOST = 50

#: Error text of a notice that waits again. It holds the key of the failed digest, and so its day.
UNTAKEN = "It could not be sent: "

GONE, DONE = "The person has left.", "It did not wait for the person any more."


@dataclass(frozen=True)
class Line:
    """An open task of a person.

    Args:
        due: its deadline, or None.
        text: its line in a digest; empty for the subject of its own mail.
        facts: facts for the templates, newer than those of the queued notice.
        date: its deadline as an event for the person's calendar, if it needs an answer by a day.
        joins: the same for lines that are one task; by default the thread.
    """

    due: datetime | None = None
    text: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    date: icalendar_file.Event | None = None
    joins: str = ""


#: ``reader(person, threads, now)`` returns the lines of threads that are still open for the person.
Reader = Callable[[Person, Collection[str], datetime], Mapping[str, Line]]
_readers: dict[str, Reader] = {}


def register(reader: Reader, *events: str) -> None:
    """Register the reader of open notices for these events. Call it in an app's `ready()`.

    An event without a reader is news, which is always sent.
    """
    _readers.update(dict.fromkeys(events, reader))


def keys(threads: Iterable[str]) -> list[int]:
    """Return the row ids in the names of threads: 12 of ``item:12``."""
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
    """One heading of a digest and its lines, the most urgent first.

    Args:
        group: the heading.
        entries: all lines.
    """

    group: Group
    entries: Sequence[Entry]

    @property
    def shown(self) -> Sequence[Entry]:
        """What is listed."""
        return self.entries[:MOST]

    @property
    def more_count(self) -> int:
        """How many are not."""
        return max(0, len(self.entries) - MOST)


def make_due(*, now: datetime, gathering: timedelta) -> dict[str, int]:
    """Make all due digests; return their number, and the number of dropped notices.

    Args:
        now: business time.
        gathering: how long the first notice of a digest waits for others.
    """
    counts = Counter[str]()
    for person, key, what in [*_stopped(now, gathering), *_ready(now, gathering)]:
        try:
            with transaction.atomic():
                counts.update(_make(person, key, what, now))
        except Exception as error:  # an error for one person must not stop the mail of others
            log.exception("digest.not_made", person=str(person.opaque_id), error=type(error).__name__)
    return {what: count for what, count in counts.items() if count}


#: The recipient, the key of their digest, and its waiting notices.
Ready = tuple[Person, str, Q]

_OF_STOPPED = Q(event__in=outbox.SOON)
_NEWS = Q(event__in=[event for event, group in outbox.EVENTS.items() if group is Group.KNOW])


def _waiting(what: Q, now: datetime, gathering: timedelta) -> QuerySet[Any, Any]:
    """Return the waiting notices by person and failed digest: the oldest time, and the first notice; without those still gathering."""
    waiting = Notice.objects.filter(what, state=NoticeState.WAITING).values("recipient", "error")
    groups = waiting.annotate(since=Min("created_at"), first=Min("pk"))
    return groups.filter(since__lte=now - gathering).order_by("since")


def _stopped(now: datetime, gathering: timedelta) -> Iterator[Ready]:
    """Return the due digests of stopped access.

    A notice that no mail server accepted is tried again in the next day's digest.
    """
    rows = _waiting(_OF_STOPPED, now, gathering).values_list("recipient", "error", "first")
    digests = grouped((pk, (error, first)) for pk, error, first in rows)
    for pk, person in Person.objects.in_bulk(list(digests)).items():
        day = now.astimezone(zone_of(person)).date().isoformat()
        firsts = [first for error, first in digests[pk] if not error.endswith(f":{day}")]
        if firsts:
            what = _OF_STOPPED & ~Q(error__endswith=f":{day}")
            yield person, f"digest:{pk}:stopped:{min(firsts)}:{day}", what


def _ready(now: datetime, gathering: timedelta) -> Iterator[Ready]:
    """Return people with a due digest, and its key: notices waited long enough, the hour has come, and no digest went today.

    News after that hour waits for a task or for the next day, so that it does not hold back the first task of the day.

    The day is that of the person's present zone. A person who crossed the date line has had a digest on that day.
    """
    waiting = _waiting(~_OF_STOPPED, now, gathering).annotate(asked=Min("created_at", filter=~_NEWS))
    rows = list(waiting.values_list("recipient", "since", "asked"))
    people = Person.objects.in_bulk([pk for pk, _, _ in rows])
    days: dict[int, date] = {}
    for pk, since, asked in rows:
        local = now.astimezone(zone_of(people[pk]))
        morning = local.replace(hour=settings.MAIL_DIGEST_AT.hour, minute=settings.MAIL_DIGEST_AT.minute)
        if local >= morning and (since < morning or (asked is not None and asked <= now - gathering)):
            days[pk] = local.date()
    near = {pk: [key for days_off in (0, -1, 1) for key in _keys(pk, day, days_off)] for pk, day in days.items()}
    unsent = Q(state=NoticeState.DROPPED, attempts=1)  # dropped, because nothing was left to send: it is made again
    earlier = Notice.objects.filter(key__in=[key for keys in near.values() for key in keys]).exclude(unsent)
    had = dict(earlier.values_list("key", "created_at"))
    for pk, day in days.items():
        zone = zone_of(people[pk])
        is_told = any(had[key].astimezone(zone).date() == day for key in near[pk] if key in had)
        free = [key for key in _keys(pk, day) if key not in had]
        if free and not is_told:
            yield people[pk], free[0], ~_OF_STOPPED


def _keys(person: int, day: date, days_off: int = 0) -> tuple[str, str]:
    """Return the keys for a day's digest. The second is used if the first one is taken by a day in a former zone."""
    key = f"digest:{person}:{(day + timedelta(days=days_off)).isoformat()}"
    return key, f"{key}:again"


def _make(person: Person, key: str, what: Q, now: datetime) -> dict[str, int]:
    """Put a person's open notices into one digest. The rows are locked, so no other worker takes them."""
    unwanted = mail_choices.drop_unwanted(person)
    waiting = Notice.objects.filter(what, recipient=person, state=NoticeState.WAITING)
    notices, still = _what_is_open(person, list(waiting.select_for_update().order_by("pk")), now)
    dropped = unwanted + _drop(notices, still, DONE if person.is_here else GONE)
    if not still:
        return {"dropped": dropped}
    thread, context = f"digest:{person.pk}", {"path": "/"}
    digest = outbox.notice(recipient=person, event=outbox.DIGEST, thread=thread, key=key, now=now, context=context)
    made = outbox.queue([digest])
    for notice in made:
        Notice.objects.filter(pk__in=still).update(state=NoticeState.CARRIED, digest=notice, error="")
    return {"digests": len(made), "dropped": dropped}


def write(digest: Notice, checkpoint: Seal | None, now: datetime) -> Letter | None:
    """Return the mail of a digest with the tasks that are open at ``now``. One task gets its own mail; no task, no mail.

    It has a calendar file with the deadlines of its lines.

    Notices of finished tasks, and notices that can't be rendered, are removed and marked.
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
    """Return the notices with their recipient, and the line of each open one, by its id."""
    if not person.is_here:
        return notices, {}
    for notice in notices:
        notice.recipient = person
    of_reader = grouped((_readers.get(notice.event), notice) for notice in notices)
    still = {notice.pk: Line() for notice in of_reader.pop(None, [])}
    for reader, some in of_reader.items():
        assert reader is not None  # taken out above
        lines = reader(person, {notice.thread for notice in some}, now)
        still |= {notice.pk: lines[notice.thread] for notice in some if notice.thread in lines}
    return notices, still


def _drop(notices: Iterable[Notice], still: Collection[int], why: str) -> int:
    """Mark notices that are not sent any more; return their number."""
    done = [notice.pk for notice in notices if notice.pk not in still]
    return Notice.objects.filter(pk__in=done).update(state=NoticeState.DROPPED, digest=None, error=why)


def _parts(notices: Sequence[Notice], still: Mapping[int, Line], now: datetime) -> list[Part]:
    """Return the parts of a digest: the last notice of each task, overdue and next due first."""
    last = {_asks(notice, still[notice.pk]): notice for notice in notices}
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


def _asks(notice: Notice, line: Line) -> tuple[object, ...]:
    """Return the key that joins notices in one line: reader and task. Each news is its own line."""
    group = _group(notice)
    return (notice.pk,) if group is Group.KNOW else (group, line.joins or notice.thread, _readers.get(notice.event))


def _fail(notice: Notice, error: str) -> None:
    notice.state, notice.digest, notice.error = NoticeState.FAILED, None, error
    notice.save(update_fields=["state", "digest", "error"])


def _pressing(entry: Entry) -> tuple[bool, float, str]:
    return entry.due is None, entry.due.timestamp() if entry.due else 0, entry.text


def _facts(parts: Sequence[Part], now: datetime) -> dict[str, Any]:
    """Return the facts for the templates of a digest."""
    entries = [entry for part in parts for entry in part.entries]
    return {
        "parts": parts,
        "only": f"{parts[0].group.heading}: {entries[0].text}" if len(entries) == 1 else "",
        "counts": get_text_list([f"{len(part.entries)} {part.group.value}" for part in parts], "and"),
        "overdue": sum(entry.is_overdue for entry in entries),
        "next_due": min((entry.due for entry in entries if entry.due is not None and entry.due > now), default=None),
    }
