"""Which notices a person gets by mail. A rule's mail can't be turned off; the portal shows every notice."""

from collections.abc import Collection

from governance.core.models import Notice, NoticeState, Person, UnwantedMail
from governance.core.notices.outbox import KINDS, TURNED_OFF

#: Events whose mail a person may turn off: no rule requires it.
OPTIONAL = frozenset(event for event, kind in KINDS.items() if not kind.rule)


def turned_off(person: Person) -> set[str]:
    """Events that a person gets no mail about."""
    return set(UnwantedMail.objects.filter(person=person, event__in=OPTIONAL).values_list("event", flat=True))


def choose(person: Person, wanted: Collection[str]) -> None:
    """Turn the mail of these optional events on, and of all others off.

    Args:
        person: who chooses.
        wanted: names of events; those that a rule requires stay on.
    """
    off = OPTIONAL.difference(wanted)
    UnwantedMail.objects.filter(person=person).exclude(event__in=off).delete()
    rows = [UnwantedMail(person=person, event=event) for event in sorted(off)]
    UnwantedMail.objects.bulk_create(rows, ignore_conflicts=True)


def is_turned_off(notice: Notice) -> bool:
    """Whether the recipient turned the mail of a notice off. No query for an event that a rule requires."""
    return notice.event in OPTIONAL and notice.event in turned_off(notice.recipient)


def drop_unwanted(person: Person) -> int:
    """Drop the waiting notices whose mail a person turned off; return their number. One query."""
    waiting = Notice.objects.filter(recipient=person, state=NoticeState.WAITING, event__in=OPTIONAL)
    events = UnwantedMail.objects.filter(person=person).values("event")
    return waiting.filter(event__in=events).update(state=NoticeState.DROPPED, error=TURNED_OFF)
