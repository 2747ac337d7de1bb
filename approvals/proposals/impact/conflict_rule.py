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


def sentences(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int]
) -> list[str]:
    """Return sentences about the submissions that some rules would have caught.

    Args:
        old: the rules in force that the proposal changes, by code.
        new: the proposed rules, by code.
        counts: submissions caught (``caught``), those of them under a waiver (``waived``; ``was_waived`` under the current
            rules), those caught only by the new rules (``more``), and those caught only by the current rules (``less``).
    """
    caught, more, less = (counts.get(name, 0) for name in ("caught", "more", "less"))
    waived, was_waived = (counts.get(name, 0) for name in ("waived", "was_waived"))
    was, effect, now = _effect(old), _effect(new), "rule is" if len(new or old) == 1 else "rules are"
    sentences = []
    if new:
        count, scopes = caught - waived, [rule["scope"] for rule in new.values()]
        sentences.append(f"{count:,} would have {effect}, by what {_holding_words(count, scopes)}.")
        if waived:
            sentences.append(f"{waived:,} more would have been in conflict under a waiver, and not refused.")
    if old and new:
        if (same := caught - more - was_waived) and was != effect:
            sentences.append(f"{same:,} of them would have {was}, as the {now} now.")
        if more:
            sentences.append(f"{more:,} of them not as the {now} now.")
    if old and less:
        sentences.append(f"{less:,} that would have {was}, as the {now} now, would not have been caught.")
    return sentences


def _effect(rules: Mapping[str, Mapping[str, Any]]) -> str:
    modes = {rule["mode"] for rule in rules.values()}
    return EFFECTS[modes.pop()] if len(modes) == 1 else "been in conflict"


def _holding_words(count: int, scopes: Iterable[str]) -> str:
    """Say by which grants submissions are caught: their own, and others' if a rule looks beyond the automation."""
    self_words = "it holds itself" if count == 1 else "they hold themselves"
    return self_words if set(scopes) <= {Scope.AUTOMATION} else f"{self_words} beside what others hold now"


def open_conflict_sentences(span: Span) -> list[str]:
    """Return what happens to the open conflicts of the rule."""
    old, new = span.before.get("rule"), span.after.get("rule")
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
