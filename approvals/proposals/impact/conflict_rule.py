"""The impact of a conflict rule in sentences: its effect on submissions and on open conflicts, before and after (S6,
S8).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from approvals.models import Conflict
from approvals.models.conflict import Mode, Scope
from approvals.policies import queries as policy_queries
from approvals.proposals.kinds.kind import Span

#: The effect on a caught submission by the rule's mode.
EFFECTS: Mapping[str, str] = {
    Mode.RECORD: "been in conflict, which is written down and no more",
    Mode.APPROVAL: "needed a signature of security more",
    Mode.ENFORCE: "been refused",
}


def sentences(span: Span, counts: Mapping[str, int]) -> list[str]:
    """Return sentences about the submissions that the rule would have caught, and about existing conflicts.

    Args:
        span: the period and both documents.
        counts: submissions caught (``caught``), those of them under a waiver (``waived``; ``was_waived`` under the current
            rule), those caught only by the new rule (``more``), and those caught only by the current rule (``less``).
    """
    caught, more, less = (counts.get(name, 0) for name in ("caught", "more", "less"))
    waived, was_waived = (counts.get(name, 0) for name in ("waived", "was_waived"))
    old, new = span.before.get("rule"), span.after.get("rule")
    sentences = []
    if new is not None:
        count = caught - waived
        sentences.append(
            f"{count:,} would have {EFFECTS[new['mode']]}, by what {holding_words(count, [new['scope']])}."
        )
        if waived:
            sentences.append(f"{waived:,} more would have been in conflict under a waiver, and not refused.")
    if old is not None and new is not None:
        if (same := caught - more - was_waived) and old["mode"] != new["mode"]:
            sentences.append(f"{same:,} of them would have {EFFECTS[old['mode']]}, as the rule is now.")
        if more:
            sentences.append(f"{more:,} of them not as the rule is now.")
    if old is not None and less:
        sentences.append(
            f"{less:,} that would have {EFFECTS[old['mode']]}, as the rule is now, would not have been caught."
        )
    return [*sentences, *_open_conflict_sentences(span, old, new)]


def holding_words(count: int, scopes: Iterable[str]) -> str:
    """Say by which grants submissions are caught: their own, and others' if a rule looks beyond the automation."""
    self_words = "it holds itself" if count == 1 else "they hold themselves"
    return self_words if set(scopes) <= {Scope.AUTOMATION} else f"{self_words} beside what others hold now"


def _open_conflict_sentences(span: Span, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> list[str]:
    """Return what happens to the open conflicts of the rule."""
    was, becomes = (rule["mode"] if rule is not None else "" for rule in (old, new))
    if new is not None and becomes == Mode.ENFORCE and was != Mode.ENFORCE:
        days = policy_queries.in_force(span.until).resolve_days(new["rating"])
        if old is None:
            return [f"Whatever is held already and caught would have {days} days to be resolved."]
        return [f"{_conflicts(_open(span))} in what is held would begin a time of {days} days to be resolved."]
    if was == Mode.ENFORCE and new is not None and becomes != Mode.ENFORCE and (count := _open(span)):
        return [f"{_conflicts(count)} in what is held would have no day to be resolved by any more."]
    if old is not None and new is None and (count := _open(span)):
        return [f"{_conflicts(count)} in what is held would end."]
    return []


def _conflicts(count: int) -> str:
    return f"{count:,} open conflict{'' if count == 1 else 's'}"


def _open(span: Span) -> int:
    rows = Conflict.objects.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=span.until), code=span.target)
    return rows.filter(opened_at__lte=span.until).count()
