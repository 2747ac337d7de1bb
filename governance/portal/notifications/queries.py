"""Notices of a person in the portal: every notice of the last 30 days, whether it was mailed or not (H7)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.aggregates import ArrayAgg, BoolAnd
from django.db.models import F, Q, QuerySet

from governance.core.access import Actor
from governance.core.mail import mail_text
from governance.core.models import Notice, Person
from governance.core.notices import mail_choices, outbox
from governance.core.notices.outbox import Kind
from governance.core.texts.csv_tables import read_rows

#: How long the portal shows a notice (H7).
KEPT = timedelta(days=30)

#: Facts that notices of a thread and event share when they say the same.
SAME = ("page", "what")

#: Headings of the mail settings by subject, in their order.
SUBJECTS = {row["subject"]: row["words"] for row in read_rows(__file__, "subjects.csv")}


@dataclass(frozen=True)
class Line:
    """One notice.

    Args:
        pk: its id.
        text: what happened.
        heading: of its kind.
        at: when.
        is_read: whether the person read it and all that say the same.
    """

    pk: int
    text: str
    heading: str
    at: datetime
    is_read: bool


#: Kinds of notices under one heading: those that the person may turn off, with whether their mail is on, and those that a rule requires.
Choices = tuple[str, list[tuple[Kind, bool]], list[Kind]]


def notices_of(person: Person | None, now: datetime) -> QuerySet[Notice]:
    """Return the notices that the portal shows to a person. Of notices that say the same, such as reminders, it shows the newest.

    ``all_read`` tells whether the person has read every notice that says the same. A task that is asked again keeps its row, and the row
    counts as new.
    """
    alike = kept_notices(person, now).order_by().values("thread", "event", *(f"context__{fact}" for fact in SAME))
    rows = ArrayAgg("pk", order_by=("-created_at", "-pk"))
    lines = alike.alias(rows=rows, read=BoolAnd(Q(read_at__isnull=False))).annotate(newest=F("rows__0"))
    read = Q(pk__in=lines.filter(read=True).values("newest"))
    return Notice.objects.filter(pk__in=lines.values("newest")).annotate(all_read=read)


def unread_notices(actor: Actor, now: datetime) -> QuerySet[Notice]:
    """The reader's unread notices, with repeated ones."""
    return kept_notices(actor.person, now).filter(read_at=None)


def like(notice: Notice) -> Q:
    """Select the notices that say the same as one."""
    facts = {fact: notice.context[fact] for fact in SAME if fact in notice.context}
    return Q(thread=notice.thread, event=notice.event, context__contains=facts)


def kept_notices(person: Person | None, now: datetime) -> QuerySet[Notice]:
    """Notices of the last 30 days; a digest repeats notices and is left out."""
    return Notice.objects.filter(recipient=person, created_at__gt=now - KEPT).exclude(event=outbox.DIGEST)


def line_of(notice: Notice, person: Person) -> Line:
    """One of `notices_of` a person as a line."""
    notice.recipient = person
    kind = outbox.KINDS.get(notice.event)
    try:
        text = mail_text.subject(notice)
    except Exception:  # noqa: BLE001  a notice that can't be rendered must not hide the others
        text = notice.heading
    is_read: bool = notice.all_read  # type: ignore[attr-defined]
    return Line(notice.pk, text, SUBJECTS[kind.subject] if kind else "", notice.created_at, is_read)


def load_choices(person: Person) -> list[Choices]:
    """Kinds of notices by heading, with the mail that the person gets. One query."""
    off = mail_choices.turned_off(person)
    by_heading = []
    for key, heading in SUBJECTS.items():
        kinds = [kind for kind in outbox.KINDS.values() if kind.subject == key]
        optional = [(kind, kind.event not in off) for kind in kinds if not kind.rule]
        by_heading.append((heading, optional, [kind for kind in kinds if kind.rule]))
    return by_heading
