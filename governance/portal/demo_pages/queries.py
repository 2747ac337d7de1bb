"""Next due events for the demo's clock page: a few of each kind, soonest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.urls import reverse

from approvals.models import Approval, ApprovalState, Grant, Sample, SampleState
from approvals.models.grant import GrantState
from governance.core.actors.actor import Actor
from governance.recertification.items.schedule import opening, review_instant
from governance.recertification.models import Item, ItemState
from inventory.models import Automation


class ComingEvent(NamedTuple):
    """What happens next: its instant, a sentence, and the address of its page or an empty text."""

    at: datetime
    text: str
    href: str


#: Sentences for the times of open approvals: one and several.
DEADLINES = (
    ("due_at", "An approval of {} is due", "{} approvals of {} are due"),
    ("expires_at", "An approval of {} expires", "{} approvals of {} expire"),
)


def coming_events(now: datetime, *, actor: Actor, most: int = 8) -> list[ComingEvent]:
    """The next ``most`` events after ``now``. Everybody sees all events; links need visibility."""
    seen = frozenset(Automation.objects.visible_to(actor, now).values_list("pk", flat=True))
    events = {*_records(now, most, seen), *_grants(now, most, seen), *_samples(now, most, seen), *_items(now, most)}
    return sorted(events)[:most]


def _records(now: datetime, most: int, seen: frozenset[int]) -> Iterator[ComingEvent]:
    """Deadlines of open approvals; those of one submission at one instant are counted together."""
    rows = Approval.objects.filter(state=ApprovalState.OPEN).select_related("submission__automation")
    for field, singular, plural in DEADLINES:
        together: Counter[tuple[datetime, str, str]] = Counter()
        for row in rows.filter(**{f"{field}__gt": now}).order_by(field)[: most * 10]:
            page = reverse("review", args=[row.submission_id]) if row.submission.automation_id in seen else ""
            together[getattr(row, field), page, row.submission.automation.name] += 1
        for (at, page, name), count in together.items():
            yield ComingEvent(at, singular.format(name) if count == 1 else plural.format(count, name), page)


def _grants(now: datetime, most: int, seen: frozenset[int]) -> Iterator[ComingEvent]:
    """Ends of grants, and openings of their reviews."""
    rows = Grant.objects.exclude(state=GrantState.ENDED).select_related("automation")
    for row in rows.filter(ends_at__gt=now).order_by("ends_at")[:most]:
        page = row.automation.href if row.automation_id in seen else ""
        yield ComingEvent(row.ends_at, f"A grant of {row.automation.name} ends", page)
    for row in rows.filter(review_on__isnull=False).order_by("review_on")[: most * 10]:
        due = review_instant(row.review_on) if row.review_on else row.ends_at
        at = opening(row.tier, review_at=due, ends_at=row.ends_at)
        if at > now:
            page = row.automation.href if row.automation_id in seen else ""
            yield ComingEvent(at, f"The review of a grant of {row.automation.name} opens", page)


def _samples(now: datetime, most: int, seen: frozenset[int]) -> Iterator[ComingEvent]:
    """Deadlines of spot checks."""
    rows = Sample.objects.filter(state=SampleState.OPEN, due_at__gt=now).select_related("submission__automation")
    for row in rows.order_by("due_at")[:most]:
        automation = row.submission.automation
        assert row.due_at is not None  # filtered above
        href = row.href if automation.pk in seen else ""
        yield ComingEvent(row.due_at, f"A spot check of {automation.name} is due", href)


def _items(now: datetime, most: int) -> Iterator[ComingEvent]:
    """Deadlines and ends of grace of recertifications."""
    rows = Item.objects.filter(state__in=(ItemState.OPEN, ItemState.ESCALATED)).select_related("grant__automation")
    for row in rows.filter(deadline__gt=now).order_by("deadline")[:most]:
        yield ComingEvent(row.deadline, f"A recertification of {_automation_name(row)} is due", "")
    for row in rows.filter(grace_until__gt=now).order_by("grace_until")[:most]:
        yield ComingEvent(row.grace_until, f"The grace of a recertification of {_automation_name(row)} ends", "")


def _automation_name(item: Item) -> str:
    automation = item.grant.automation if item.grant is not None else item.automation
    return automation.name if automation is not None else "something"
