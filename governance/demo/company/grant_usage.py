"""How often the demo's grants were used: figures that are made up, since nothing measures them in this installation.

They are drawn from seeded dice, so that every demo shows the same. No row of a grant on a day means "not measured", so every day of
a grant's life has one, also a day without a call. Whoever reads the figures is told where they come from: `WORDS`.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from approvals.models import Grant, GrantKind, GrantUsage
from governance.core.clock.organisation import organisation_zone
from inventory.models import Automation, AutomationState

WORDS = "Figures of use are the demo's own: no gateway measures calls here yet."

#: Resources whose grants are live and show figures of use: what is said about them says where the figures come from.
USED = (
    *("erp", "slack", "drive", "model", "form", "credit", "telematics", "twilio"),
    *("rates", "wiki", "stock", "routes", "analytics", "erp_test", "runbooks"),
)

#: Calls on a working day, at least and at most, by the place where the privilege is used; places not named are never used.
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

#: What runs on Mondays only, once.
MONDAYS = ("Read stock", "Post report")

#: Refused calls, one in so many: the gateway said no to something wider than the grant.
REFUSED_ONE_IN = {"File certificate": 9}

DAY = timedelta(days=1)


def write(present: datetime) -> int:
    """Write a row for each privilege held and day; returns how many."""
    dice = random.Random(7)  # noqa: S311  figures, no secrets
    rows: list[GrantUsage] = []
    held = Grant.objects.standing().filter(kind=GrantKind.PRIVILEGE).select_related("approval__privilege", "automation")
    for grant in held.order_by("pk"):
        rows += _days(grant, _last_day(grant.automation, present), dice)
    GrantUsage.objects.bulk_create(rows)
    return len(rows)


def _last_day(automation: Automation, present: datetime) -> datetime:
    """Until when it ran: the day before the present, or when it was stopped."""
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
