"""What a conflict rule would have done, in sentences: by what it does with what it catches, before and after (S6, S8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from approvals.models import Conflict
from approvals.models.conflict import Mode, Scope
from approvals.policies import queries as policy_queries
from approvals.proposals.kinds.kind import Span

#: What happens to a submission that a rule catches, by the rule's mode.
DONE: Mapping[str, str] = {
    Mode.RECORD: "been in conflict, which is written down and no more",
    Mode.APPROVAL: "needed a signature of security more",
    Mode.ENFORCE: "been refused",
}


def said(span: Span, counts: Mapping[str, int]) -> list[str]:
    """How many submissions it would have caught, what would have become of them, and what becomes of what is held.

    Args:
        span: over what it was counted.
        counts: how many it would have caught (``beneficiaries``), how many of these a waiver keeps from being refused (``waived``), or does as the
            rule is now (``was_waived``); how many of them are not caught as it is now (``more``), and how many are by that alone (``less``).
    """
    caught, more, less = (counts.get(name, 0) for name in ("caught", "more", "less"))
    waived, was_waived = (counts.get(name, 0) for name in ("waived", "was_waived"))
    old, new = span.before.get("rule"), span.after.get("rule")
    found = []
    if new is not None:
        count = caught - waived
        found.append(f"{count:,} would have {DONE[new['mode']]}, by what {holds(count, [new['scope']])}.")
        if waived:
            found.append(f"{waived:,} more would have been in conflict under a waiver, and not refused.")
    if old is not None and new is not None:
        if (same := caught - more - was_waived) and old["mode"] != new["mode"]:
            found.append(f"{same:,} of them would have {DONE[old['mode']]}, as the rule is now.")
        if more:
            found.append(f"{more:,} of them not as the rule is now.")
    if old is not None and less:
        found.append(f"{less:,} that would have {DONE[old['mode']]}, as the rule is now, would not have been caught.")
    return [*found, *_held(span, old, new)]


def holds(count: int, scopes: Iterable[str]) -> str:
    """By what so many are caught, in words; beside what others hold where a rule looks further than the automation."""
    own = "it holds itself" if count == 1 else "they hold themselves"
    return own if set(scopes) <= {Scope.AUTOMATION} else f"{own} beside what others hold now"


def _held(span: Span, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> list[str]:
    """What becomes of what is held: of the conflicts of the rule that were open when it was counted."""
    was, then = (one["mode"] if one is not None else "" for one in (old, new))
    if new is not None and then == Mode.ENFORCE and was != Mode.ENFORCE:
        days = policy_queries.in_force(span.until).resolve_days(new["rating"])
        if old is None:
            return [f"Whatever is held already and caught would have {days} days to be resolved."]
        return [f"{_conflicts(_open(span))} in what is held would begin a time of {days} days to be resolved."]
    if was == Mode.ENFORCE and new is not None and then != Mode.ENFORCE and (count := _open(span)):
        return [f"{_conflicts(count)} in what is held would have no day to be resolved by any more."]
    if old is not None and new is None and (count := _open(span)):
        return [f"{_conflicts(count)} in what is held would end."]
    return []


def _conflicts(count: int) -> str:
    return f"{count:,} open conflict{'' if count == 1 else 's'}"


def _open(span: Span) -> int:
    rows = Conflict.objects.filter(Q(ended_at__isnull=True) | Q(ended_at__gt=span.until), code=span.target)
    return rows.filter(opened_at__lte=span.until).count()
