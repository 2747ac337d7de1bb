"""What becomes due next, for the page that moves a demo's clock: a few of each kind, soonest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from approvals.models import Approval, ApprovalState, Grant, Sample, SampleState
from approvals.models.grant import GrantState
from governance.core.actors.actor import Actor
from governance.recertification.items.schedule import opening, review_instant
from governance.recertification.models import Item, ItemState
from inventory.models import Automation

#: When something becomes due, what, and its page, or nothing where the reader has none.
Coming = tuple[datetime, str, str]

#: What becomes of open records at which of their times, for one and for several.
DEADLINES = (
    ("due_at", "A record of {} is due", "{} records of {} are due"),
    ("expires_at", "A record of {} expires", "{} records of {} expire"),
)


def what_is_next(now: datetime, *, actor: Actor, most: int = 8) -> list[Coming]:
    """The next ``most`` things after ``now``; everybody is told of them, and led to those that they may see."""
    seen = frozenset(Automation.objects.visible_to(actor, now).values_list("pk", flat=True))
    found = {*_records(now, most, seen), *_grants(now, most, seen), *_samples(now, most, seen), *_items(now, most)}
    return sorted(found)[:most]


def _records(now: datetime, most: int, seen: frozenset[int]) -> Iterator[Coming]:
    """Deadlines of open records, those of one submission at one instant together."""
    rows = Approval.objects.filter(state=ApprovalState.OPEN).select_related("submission__automation")
    for field, one, several in DEADLINES:
        together: Counter[tuple[datetime, str, str]] = Counter()
        for row in rows.filter(**{f"{field}__gt": now}).order_by(field)[: most * 10]:
            page = reverse("review", args=[row.submission_id]) if row.submission.automation_id in seen else ""
            together[getattr(row, field), page, row.submission.automation.name] += 1
        for (at, page, name), count in together.items():
            yield at, one.format(name) if count == 1 else several.format(count, name), page


def _grants(now: datetime, most: int, seen: frozenset[int]) -> Iterator[Coming]:
    """Ends of grants, and when the review of each begins."""
    rows = Grant.objects.exclude(state=GrantState.ENDED).select_related("automation")
    for row in rows.filter(ends_at__gt=now).order_by("ends_at")[:most]:
        page = row.automation.href if row.automation_id in seen else ""
        yield row.ends_at, f"A grant of {row.automation.name} ends", page
    for row in rows.filter(review_on__isnull=False).order_by("review_on")[: most * 10]:
        due = review_instant(row.review_on) if row.review_on else row.ends_at
        at = opening(row.tier, review_at=due, ends_at=row.ends_at)
        if at > now:
            page = row.automation.href if row.automation_id in seen else ""
            yield at, f"The review of a grant of {row.automation.name} opens", page


def _samples(now: datetime, most: int, seen: frozenset[int]) -> Iterator[Coming]:
    """When the time to look at what was drawn is up."""
    rows = Sample.objects.filter(state=SampleState.OPEN, due_at__gt=now).select_related("submission__automation")
    for row in rows.order_by("due_at")[:most]:
        automation = row.submission.automation
        assert row.due_at is not None  # the query asks for it
        what = "What policy approved" if row.is_of_policy else "A change"
        yield row.due_at, f"{what} of {automation.name} is to be looked at", row.href if automation.pk in seen else ""


def _items(now: datetime, most: int) -> Iterator[Coming]:
    """Deadlines of recertifications, and when their time of grace is over."""
    rows = Item.objects.filter(state__in=(ItemState.OPEN, ItemState.ESCALATED)).select_related("grant__automation")
    for row in rows.filter(deadline__gt=now).order_by("deadline")[:most]:
        yield row.deadline, f"A recertification of {_name(row)} is due", ""
    for row in rows.filter(grace_until__gt=now).order_by("grace_until")[:most]:
        yield row.grace_until, f"The grace of a recertification of {_name(row)} ends", ""


def _name(item: Item) -> str:
    automation = item.grant.automation if item.grant is not None else item.automation
    return automation.name if automation is not None else "something"
