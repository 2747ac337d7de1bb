"""Made-up usage figures of the demo's grants; nothing measures use in this installation.

Seeded dice give every demo the same figures. A grant has a row for every day, also without a call, because a missing
row means "not measured". `WORDS` tells readers that the figures are made up.
"""

import random
from datetime import datetime, timedelta

from approvals.models import Grant, GrantKind, GrantUsage
from governance.core.clock.organisation import organisation_zone
from governance.core.texts.csv_tables import read_rows
from inventory.models import Automation, AutomationState

WORDS = "Figures of use are the demo's own: no gateway measures calls here yet."

#: By place of the privilege: least and most calls on a working day (or on Mondays alone), and that one in so many calls is refused,
#: because it was wider than the grant. Other places have no calls.
CALLS = {row["place"]: row for row in read_rows(__file__, "calls.csv")}

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
    rows, at = [], grant.begins_at + DAY
    refused_one_in = int(CALLS.get(place, {}).get("refused_one_in") or 0)
    while at <= last:
        allowed = _calls(place, at, dice)
        refused = sum(dice.randrange(refused_one_in) == 0 for _ in range(allowed)) if refused_one_in else 0
        hour = at.replace(hour=7, minute=16) if allowed else None
        rows.append(GrantUsage(grant=grant, day=at.date(), allowed=allowed, refused=refused, last_at=hour))
        at += DAY
    return rows


def _calls(place: str, at: datetime, dice: random.Random) -> int:
    calls, day = CALLS.get(place), at.astimezone(organisation_zone()).weekday()
    if calls is None:
        return 0
    if calls["days"] == "monday":
        return int(day == 0)
    drawn = dice.randint(int(calls["least"]), int(calls["most"]))
    return drawn if day < 5 else drawn // 3
