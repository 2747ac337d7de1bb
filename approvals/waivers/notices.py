"""Mail about waivers (S7)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from approvals.models import ConflictRule, Waiver
from governance.core.models import Person
from governance.core.notices import outbox


def requester_and_owners(waiver: Waiver, now: datetime) -> list[Person]:
    """Return the requester, and the people who answer for the automation."""
    return [waiver.asked_by, *waiver.automation.answering(now)]


def queue(waiver: Waiver, people: Iterable[Person], event: str, key: str, now: datetime, **more: Any) -> int:
    """Queue one notice for each person and key. Return the number of new ones."""
    rule = ConflictRule.objects.filter(code=waiver.code).order_by("-number").first()
    context = {
        "rule": rule.title if rule is not None else waiver.code,
        "automation": waiver.automation.name,
        "team": waiver.automation.team.name,
        "days": waiver.days,
        "until": waiver.ends_at.isoformat() if waiver.ends_at else "",
        "asked_by": waiver.asked_by.name,
        "page": ["waiver", waiver.pk],
        **more,
    }
    notices = outbox.each(people, event, thread=f"waiver:{waiver.pk}", key=key, now=now, context=context)
    return len(outbox.queue(notices))
