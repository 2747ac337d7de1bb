"""Parts of pages about conflicts: tags, evidence, waiver requests and a line (S6, S7)."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse

from approvals.conflicts.check.find_conflicts import FoundConflict
from approvals.conflicts.rows import MODES, TONES, ConflictRow, own_words
from approvals.models import Conflict, ConflictState
from approvals.models.conflict_rule import Mode
from approvals.waivers import transitions as waiver_transitions
from governance.core.access import Actor
from governance.web.components import times
from governance.web.components.state_words import STATES
from governance.web.pages.page import Shape
from inventory.models import Automation

#: Text about the worst conflict, by the mode of its rule.
WORST = {
    Mode.RECORD: "Each approver sees it.",
    Mode.APPROVAL: "The worst needs one more approval, from Security.",
    Mode.ENFORCE: "The worst is refused unless it is waived.",
}


def short_words(row: ConflictRow) -> str:
    """Return the effect in a few words."""
    if row.rule.mode == Mode.APPROVAL and row.found.signature is not None:
        return "Signed"
    if row.rule.mode != Mode.APPROVAL and row.found.waiver is not None:
        return "Waived"
    return STATES["conflict_mode"][row.rule.mode].text


def tags(conflicts: Iterable[FoundConflict]) -> list[Shape]:
    """Return the tag of a row in some conflicts: one, for the worst."""
    conflicts = list(conflicts)
    if not conflicts:
        return []
    if all(conflict.waiver is not None and conflict.mode == Mode.RECORD for conflict in conflicts):
        return [{"text": "Conflict, waived", "tone": "wait", "icon": "conflict"}]
    worst = max((conflict.mode for conflict in conflicts), key=list(TONES).index)
    text = "Conflict: refused" if worst == Mode.ENFORCE else "Conflict"
    return [{"text": text, "tone": TONES[worst], "icon": "conflict"}]


def reasons(conflicts: Iterable[FoundConflict], own_keys: Collection[str], sentences: Mapping[str, str]) -> list[Shape]:
    """Return evidence about a row's conflicts: the other access, the rule and its reason.

    Args:
        conflicts: the conflicts of the row.
        own_keys: keys of the row's own access, which are left out.
        sentences: as for `list_rows`.
    """
    rows = []
    for conflict in conflicts:
        other_helds = (held for leg in conflict.own.values() for held in leg if held.key not in own_keys)
        words = [own_words(held, sentences) for held in other_helds]
        has_others = any(conflict.others.values())
        with_what = "; ".join(dict.fromkeys(words)) or ("what others hold" if has_others else "nothing else")
        lead = f"{conflict.standing.rule.title}, with: {with_what}."
        text = f"{conflict.standing.rule.reason} {MODES[conflict.mode]}"
        rows.append({"icon": "conflict", "lead": lead, "text": text})
    return rows


def may_request_waiver(conflict: FoundConflict, now: datetime) -> bool:
    """Return whether a waiver may be requested: no extra approval, and no waiver or one that ends soon."""
    if conflict.signature is not None:
        return False
    return conflict.waiver is None or waiver_transitions.ends_soon(conflict.waiver, now)


def waiver_request_href(automation: int, conflict: FoundConflict) -> str:
    """Return the address of the waiver request."""
    return ask_href(automation, conflict.standing.rule.code, conflict.subject)


def waiver_request_href_for_rule(automation: Automation, code: str, now: datetime) -> str:
    """Return the address of the waiver request for an automation's conflict of a rule.

    Without such a conflict, the page offers a choice.
    """
    for conflict in waiver_transitions.waivable_conflicts(automation, now):
        if conflict.standing.rule.code == code:
            return waiver_request_href(automation.pk, conflict)
    return reverse("waiver_ask", args=[automation.pk])


def ask_href(automation: int, code: str, subject: int) -> str:
    """Return the address of the waiver request for a rule and subject."""
    return f"{reverse('waiver_ask', args=[automation])}?rule={code}&of={subject}"


def line(automation: Automation, actor: Actor, now: datetime) -> dict[str, Any] | None:
    """Return a line about the open conflicts of an automation; None if there are none. One query, two with conflicts."""
    rows = Conflict.objects.filter(state=ConflictState.OPEN, automations__contains=[automation.pk])
    # Most have none, and the whole statement is slow to build.
    conflicts = list(rows.telling_waived(now).select_related("rule").order_by()) if rows.exists() else []
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
