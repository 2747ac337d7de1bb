"""Queue notices to people, in the transaction of the change. `mail.jobs` sends them; `daily_digest` gathers digests.

One table has all events and their urgency: at once, within minutes, or in the day's digest (R5, A10). A task joins the person's digest.
A result that ends waiting goes at once. Stopped access goes within minutes and in one mail, because a sweep may stop many grants (R6).
An event without an entry goes at once.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from django.db import connection

from governance.core.jobs import nudge
from governance.core.models import Notice, NoticeState, Person
from governance.core.texts.csv_tables import read_rows

#: Names the sender inside a message id; it is no host and is never resolved.
MESSAGE_DOMAIN = "countersign.invalid"

#: The digest itself, as an event: it names the templates of the mail.
DIGEST = "digest"


class Group(Enum):
    """Headings of a digest's parts, in their order."""

    STOPPED = "suspended"
    DECIDE = "to decide"
    REVIEW = "to review"
    REMOVE = "access to remove"
    ANSWER = "to answer"
    CONFIRM = "to confirm"
    LOOK = "to look at"
    KNOW = "to know"

    @property
    def heading(self) -> str:
        """The heading of its part of a digest."""
        return self.value.capitalize()


@dataclass(frozen=True)
class Kind:
    """An event that people are notified of.

    Args:
        event: its name.
        group: its part of a digest; None if its mail goes at once.
        subject: what it is about: a heading of the mail settings.
        words: what happened.
        rule: the rule that requires its mail; empty if a person may turn it off.
    """

    event: str
    group: Group | None
    subject: str
    words: str
    rule: str


#: Every event with a mail, from ``notice_events.csv``.
KINDS = {
    row["event"]: Kind(
        row["event"], Group[row["group"]] if row["group"] else None, row["subject"], row["words"], row["rule"]
    )
    for row in read_rows(__file__, "notice_events.csv")
}

#: The part of a digest of every event with a mail; None if it goes at once.
EVENTS: dict[str, Group | None] = {event: kind.group for event, kind in KINDS.items()}

#: Events that are mailed within minutes, however many there are. They wait for no digest.
SOON = frozenset(event for event, group in EVENTS.items() if group is Group.STOPPED)

#: Error text of a notice whose mail the person turned off.
TURNED_OFF = "The person turned its mail off."

#: Inserts notices in one statement. An existing key stays as it is, also if another transaction is just writing it. But a dropped notice
#: waits again, since its task is asked again; not if it was dropped because its mail is off. The order of keys prevents deadlocks of two
#: writers.
_INSERT = """
INSERT INTO controls_notice (key, recipient_id, event, thread, context, state, message_id, created_at, attempts, error, subject, text, html)
SELECT key, recipient_id, event, thread, context, state, message_id, created_at, 0, '', '', '', ''
FROM jsonb_to_recordset(%(notices)s::jsonb) AS one(
    key text, recipient_id bigint, event text, thread text, context jsonb, state text, message_id text, created_at timestamptz)
ORDER BY key
ON CONFLICT (key) DO UPDATE
SET state = excluded.state, context = excluded.context, created_at = excluded.created_at, error = '', attempts = 0, claimed_at = NULL,
    read_at = NULL
WHERE controls_notice.state = 'dropped' AND controls_notice.error <> %(off)s
RETURNING key, id
"""


def message_id(key: str) -> str:
    """The Message-ID (RFC 5322, 3.6.4) of the notice with this key, always the same."""
    return f"<{uuid.uuid5(uuid.NAMESPACE_URL, 'countersign:' + key)}@{MESSAGE_DOMAIN}>"


def notice(
    *, recipient: Person, event: str, thread: str, key: str, now: datetime, context: Mapping[str, Any] | None = None
) -> Notice:
    """Return one notice that is not queued yet: `queue` does that. `EVENTS` says whether it waits for the digest.

    Args:
        recipient: the person who gets it.
        event: names the templates `email/<event>/…`.
        thread: the mail's thread, so that a reminder joins it.
        key: unique key, such as ``item:12:opened:34``.
        now: business time.
        context: plain facts for the templates: ids, names, dates; nothing secret. ``page`` is a URL name followed by its
            arguments, ``["person", 12]``, and becomes the ``link`` of the mail; ``path`` does the same for a path.
    """
    return Notice(
        recipient=recipient,
        event=event,
        thread=thread,
        key=key,
        context=dict(context or {}),
        state=NoticeState.QUEUED if EVENTS.get(event) is None else NoticeState.WAITING,
        message_id=message_id(key),
        created_at=now,
    )


def notices_for(
    people: Iterable[Person], event: str, *, thread: str, key: str, now: datetime, context: Mapping[str, Any]
) -> list[Notice]:
    """Return the same notice for each of some people, not queued yet. Arguments are those of `notice`.

    Args:
        people: recipients. A repeated one gets one notice from `queue`.
        event: names the templates.
        thread: the mails' thread.
        key: part of the unique key besides thread and person, such as ``opened``.
        now: business time.
        context: plain facts for the templates.
    """
    return [
        notice(
            recipient=person, event=event, thread=thread, key=f"{thread}:{key}:{person.pk}", now=now, context=context
        )
        for person in people
    ]


def notify(
    people: Iterable[Person], event: str, *, thread: str, key: str, now: datetime, context: Mapping[str, Any]
) -> int:
    """Queue the same notice for each of some people; arguments as in `notices_for`. Returns the number of new notices."""
    return len(queue(notices_for(people, event, thread=thread, key=key, now=now, context=context)))


def mark_read(thread: str, key: str, now: datetime) -> None:
    """Mark unread notices of a thread as read because their task is done.

    Args:
        thread: the thread.
        key: beginning of the part of the unique key besides thread and person; see `notices_for`.
        now: business time.
    """
    Notice.objects.filter(key__startswith=f"{thread}:{key}", read_at=None).update(read_at=now)


def queue(notices: Iterable[Notice]) -> list[Notice]:
    """Queue notices in one statement, except those with an existing key (R9) and those to leavers.

    A notice that was dropped, because its task was finished, is queued again if its task is asked again. One that was dropped
    because its mail is off stays as it is.

    Returns:
        The new notices, and those queued again.
    """
    wanted: dict[str, Notice] = {}
    for notice in notices:
        if notice.recipient.is_here:
            wanted.setdefault(notice.key, notice)
    if not wanted:
        return []
    given = ("key", "recipient_id", "event", "thread", "context", "state", "message_id")
    rows = [
        {"created_at": notice.created_at.isoformat(), **{name: getattr(notice, name) for name in given}}
        for notice in wanted.values()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, {"notices": json.dumps(rows), "off": TURNED_OFF})
        made = dict(cursor.fetchall())
    if made:
        nudge.send("controls.send_notices")
    new = [notice for notice in wanted.values() if notice.key in made]
    for notice in new:
        notice.pk, notice._state.adding = made[notice.key], False
    return new
