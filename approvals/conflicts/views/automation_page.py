"""Conflicts on an automation's page: how many, and the effect of the worst (S6)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals.conflicts.views.rows import TONES
from approvals.models import Conflict, ConflictState
from approvals.models.conflict_rule import Mode
from governance.core.actors.actor import Actor
from governance.web.components import times
from inventory.models import Automation

#: Text about the worst conflict, by the mode of its rule.
WORST = {
    Mode.RECORD: "Each is shown to whoever decides.",
    Mode.APPROVAL: "The worst needs one more approval, from Security.",
    Mode.ENFORCE: "The worst is refused unless it is waived.",
}


def line(automation: Automation, actor: Actor, now: datetime) -> dict[str, Any] | None:
    """Return a line about the open conflicts of an automation; None if there are none. One query."""
    rows = Conflict.objects.filter(state=ConflictState.OPEN, automations__contains=[automation.pk])
    conflicts = list(rows.telling_waived(now).select_related("rule").order_by())
    if not conflicts:
        return None
    unwaived = [conflict for conflict in conflicts if conflict.waived_until is None]
    unsigned = [conflict for conflict in unwaived if conflict.signed_by is None]
    worst = max((conflict.rule.mode for conflict in unsigned), key=list(TONES).index, default=None)
    signed = len(unwaived) - len(unsigned)
    signed_part = signed if unsigned else "it" if signed == 1 else "all of them"
    signed_words = f" Security signed {signed_part}." if signed else ""
    waived = f" {len(conflicts) - len(unwaived)} waived." if len(unwaived) < len(conflicts) else ""
    over = sum(1 for conflict in unwaived if conflict.was_waived)
    again = f" Of {over} a waiver is over: resolve it, or ask for one more." if over else ""
    return {
        "lead": f"It has a part in {times.counted(len(conflicts), 'conflict')}.",
        "text": f"{WORST[Mode(worst)] if worst else ''}{signed_words}{waived}{again}".strip(),
        "tone": TONES[Mode.ENFORCE] if over else TONES[worst] if worst else "wait",
        "href": f"{reverse('conflict_list')}?automation={automation.pk}" + ("" if unwaived else "&show=waived"),
    }
