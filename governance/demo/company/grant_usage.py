"""Made-up usage figures of the demo's grants; nothing measures use in this installation.

Seeded dice give every demo the same figures. A grant has a row for every day, also without a call, because a missing
row means "not measured". `WORDS` tells readers that the figures are made up.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from approvals.models import Grant, GrantKind, GrantUsage
from governance.core.clock.organisation import organisation_zone
from inventory.models import Automation, AutomationState

WORDS = "Figures of use are the demo's own: no gateway measures calls here yet."

#: Resources with usage figures; their descriptions end with `WORDS`.
USED = (
    *("erp", "slack", "drive", "model", "form", "credit", "telematics", "twilio"),
    *("rates", "wiki", "stock", "routes", "analytics", "erp_test", "runbooks"),
)

#: Least and most calls on a working day, by place of the privilege; other places have none.
CALLS = {
    "Keep reading": (900, 1300),
    "Truck position": (2, 30),
    "Text the driver": (0, 4),
    "Tell operations": (0, 4),
    "New supplier": (0, 6),
    "Check credit": (0, 6),
    "Assessment model": (0, 6),
    "File certificate": (0, 4),
    "May read the day's rates": (40, 90),
    "company-wiki/search_pages": (0, 25),
    "stock-db": (2, 12),
    "Plan routes": (1, 2),
    "Sessions of the week": (6, 30),
}

#: Places with one call, on Mondays only.
MONDAYS = ("Read stock", "Post report")

#: One in so many calls is refused, because it was wider than the grant.
REFUSED_ONE_IN = {"File certificate": 9}

DAY = timedelta(days=1)


def write_usage(present: datetime) -> int:
    """Write a row for each privilege and day; return their number."""
    dice = random.Random(7)  # noqa: S311  figures, no secrets
    rows: list[GrantUsage] = []
    held = Grant.objects.standing().filter(kind=GrantKind.PRIVILEGE).select_related("approval__privilege", "automation")
    for grant in held.order_by("pk"):
        rows += _days(grant, _last_day(grant.automation, present), dice)
    GrantUsage.objects.bulk_create(rows)
    return len(rows)


def _last_day(automation: Automation, present: datetime) -> datetime:
    """The last day of use: the day before the present, or the day of the stop."""
    if automation.state == AutomationState.SUSPENDED and automation.suspended_at is not None:
        return automation.suspended_at
    return present - DAY


def _days(grant: Grant, last: datetime, dice: random.Random) -> list[GrantUsage]:
    privilege = grant.approval.privilege
    place = privilege.at[0] if privilege is not None else ""
    rows = []
    at = grant.begins_at + DAY
    while at <= last:
        allowed = _calls(place, at, dice)
        refused = (
            sum(dice.randrange(REFUSED_ONE_IN[place]) == 0 for _ in range(allowed)) if place in REFUSED_ONE_IN else 0
        )
        hour = at.replace(hour=7, minute=16) if allowed else None
        rows.append(GrantUsage(grant=grant, day=at.date(), allowed=allowed, refused=refused, last_at=hour))
        at += DAY
    return rows


def _calls(place: str, at: datetime, dice: random.Random) -> int:
    day = at.astimezone(organisation_zone()).weekday()
    if place in MONDAYS:
        return int(day == 0)
    if place not in CALLS:
        return 0
    least, most = CALLS[place]
    drawn = dice.randint(least, most)
    return drawn if day < 5 else drawn // 3
