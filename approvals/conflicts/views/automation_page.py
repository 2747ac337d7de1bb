"""What an automation's page says of the conflicts that it has a part in: how many, and what the worst of them does (S6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from approvals.conflicts.views.rows import TONES
from approvals.models import Conflict, ConflictState
from approvals.models.conflict import Mode
from governance.core.actors.actor import Actor
from governance.core.database import compiled_queries
from governance.web.components import times
from inventory.models import Automation

#: The worst of them, by the mode of its rule.
WORST = {
    Mode.RECORD: "Each is shown to whoever decides.",
    Mode.APPROVAL: "The worst needs one more approval, from Security.",
    Mode.ENFORCE: "The worst is refused unless it is waived.",
}


def _open() -> QuerySet[Conflict]:
    of_them = Conflict.objects.filter(
        state=ConflictState.OPEN, automations__contains=compiled_queries.keys("automations")
    )
    return of_them.telling_waived(compiled_queries.NOW).select_related("rule").order_by()


OPEN = compiled_queries.Statement(_open)


def line(automation: Automation, actor: Actor, now: datetime) -> dict[str, Any] | None:
    """The open conflicts of an automation in a line, None where there is none; one query, however many there are."""
    found = OPEN(automations=[automation.pk], now=now)
    if not found:
        return None
    left = [one for one in found if one.waived_until is None]
    unsigned = [one for one in left if one.signed_by is None]
    worst = max((one.rule.mode for one in unsigned), key=list(TONES).index, default=None)
    signed = len(left) - len(unsigned)
    what = signed if unsigned else "it" if signed == 1 else "all of them"
    signed_words = f" Security signed {what}." if signed else ""
    waived = f" {len(found) - len(left)} waived." if len(left) < len(found) else ""
    over = sum(1 for one in left if one.was_waived)
    again = f" Of {over} a waiver is over: resolve it, or ask for one more." if over else ""
    return {
        "lead": f"It has a part in {times.counted(len(found), 'conflict')}.",
        "text": f"{WORST[Mode(worst)] if worst else ''}{signed_words}{waived}{again}".strip(),
        "tone": TONES[Mode.ENFORCE] if over else TONES[worst] if worst else "wait",
        "href": f"{reverse('conflict_list')}?automation={automation.pk}" + ("" if left else "&show=waived"),
    }
