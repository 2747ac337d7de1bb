"""The impact of a conflict rule in sentences: its effect on submissions and on open conflicts, before and after (S6,
S8).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from approvals.models import Conflict
from approvals.models.conflict_rule import Mode
from approvals.policies import queries as policy_queries
from approvals.proposals.kinds.kind import Span
from governance.core.texts.number_words import counted

#: The effect on a caught submission by the rule's mode.
EFFECTS: Mapping[str, str] = {
    Mode.RECORD: "been shown as a conflict",
    Mode.APPROVAL: "needed an extra approval from Security",
    Mode.ENFORCE: "been refused",
}


def sentences(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, counts: Mapping[str, int]) -> list[str]:
    """Return sentences about the submissions that a rule would have caught.

    Args:
        old: the rule in force that the proposal changes.
        new: the proposed rule.
        counts: submissions caught (``caught``), those of them under a waiver (``waived``; ``was_waived`` under the current
            rule), those caught only by the new rule (``more``), and those caught only by the current rule (``less``).
    """
    caught, more, less, waived = (counts.get(name, 0) for name in ("caught", "more", "less", "waived"))
    was, effect = (EFFECTS[rule["mode"]] if rule is not None else "" for rule in (old, new))
    same = caught - more - counts.get("was_waived", 0)
    sentences = []
    if new:
        sentences.append(f"{counted(caught - waived, 'submission')} would have {effect}.")
    if new and waived:
        sentences.append(f"{counted(waived, 'submission')} would have been in conflict under a waiver.")
    if old and new and same and was != effect:
        sentences.append(f"{same:,} of them would have {was} under today's rules.")
    if old and new and more:
        sentences.append(f"{more:,} of them would not have been caught by today's rules.")
    if old and less:
        sentences.append(f"{counted(less, 'submission')} would have {was} under today's rules only.")
    return sentences


def open_conflict_sentences(span: Span) -> list[str]:
    """Return what happens to the open conflicts of the rule."""
    old, new = span.before.get("rule"), span.after.get("rule")
    was_enforced, is_enforced = (rule is not None and rule["mode"] == Mode.ENFORCE for rule in (old, new))
    if new is not None and is_enforced and not was_enforced:
        days = policy_queries.in_force(span.until).resolve_days(new["rating"])
        return [f"Conflicts in held access would have {days} days to be resolved."]
    rows = Conflict.objects.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=span.until), code=span.target)
    count = counted(rows.filter(opened_at__lte=span.until).count(), "open conflict")
    if old is not None and new is None:
        return [f"{count} would end."]
    return [f"{count} would lose the deadline."] if was_enforced and not is_enforced else []
