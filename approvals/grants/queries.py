"""Shares of the ways in which grants are enforced, in words (G4)."""

from __future__ import annotations

from django.db.models import Count

from approvals.models import EnforcedBy
from approvals.models.grant import GrantQuerySet


def shares(rows: GrantQuerySet) -> str:
    """Describe how grants are enforced, for example "20 % brokered, 80 % gated"; empty for no grants. One query.

    Args:
        rows: the grants.
    """
    counts = dict(
        rows.order_by().values_list("enforcement").annotate(number=Count("pk")).values_list("enforcement", "number")
    )
    total = sum(counts.values())
    if not total:
        return ""
    counted = [(counts.get(enforcement, 0), enforcement.label.lower()) for enforcement in EnforcedBy]
    return ", ".join(f"{_percent(number, total)} {label}" for number, label in counted if number)


def _percent(number: int, total: int) -> str:
    """Round to a percentage, but never to 0 % of some or 100 % of a part."""
    rounded = round(100 * number / total)
    if number == total:
        return "100 %"
    return f"{min(max(rounded, 1), 99)} %"
