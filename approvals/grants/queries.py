"""The share of each way in which grants are enforced, in words: whether their end takes hold by itself (G4)."""

from __future__ import annotations

from django.db.models import Count

from approvals.models import EnforcedBy
from approvals.models.grant import GrantQuerySet


def shares(rows: GrantQuerySet) -> str:
    """How many of some grants are enforced in which way: "100 % detached", "20 % brokered, 80 % gated"; nothing of none. One query.

    Args:
        rows: of what is held.
    """
    counts = dict(
        rows.order_by().values_list("enforcement").annotate(number=Count("pk")).values_list("enforcement", "number")
    )
    whole = sum(counts.values())
    if not whole:
        return ""
    said = [(counts.get(one, 0), one.label.lower()) for one in EnforcedBy]
    return ", ".join(f"{_percent(number, whole)} {label}" for number, label in said if number)


def _percent(number: int, whole: int) -> str:
    """Never 0 of something, nor 100 of less than all."""
    rounded = round(100 * number / whole)
    if number == whole:
        return "100 %"
    return f"{min(max(rounded, 1), 99)} %"
