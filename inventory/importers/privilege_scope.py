"""Equality of privileges' targets across sources: the same operation on the same parts (A13, A15, I9).

The compared form is computed when needed and never stored. A privilege's key keeps the source's text, because grants
continue by it (docs/decisions/0027-what-is-the-same.md). The form is coarse on purpose: equal privileges are shown or
reviewed, never auto-approved. Pure.
"""

from collections.abc import Iterable, Sequence
from string import ascii_lowercase, ascii_uppercase

SEPARATOR = ", "
_FOLDED = str.maketrans(ascii_uppercase, ascii_lowercase)


def target_parts(target: str, scope: Sequence[str]) -> tuple[str, ...]:
    """Compared form of a privilege's target: its parts, otherwise the target; empty for everything.

    Sorted and in lower case: databases fold unquoted names, and a query may join tables in any order.

    Args:
        target: target in the source.
        scope: its parts, if there are several.
    """
    return tuple(sorted({folded for part in (scope or [target]) if (folded := part.strip(" ").translate(_FOLDED))}))


def privilege_matter(entitlement: int | None, target: str, scope: Sequence[str]) -> str:
    """Matter of a privilege without connection and credential: entitlement and parts (see `target_parts`)."""
    return f"{entitlement} {SEPARATOR.join(target_parts(target, scope))}"


def targets_overlap(parts: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two targets of `target_parts` overlap: equal parts, a table with or without its schema, a folder and its content."""
    other_parts = list(other)
    return any(_touch(part, its) for part in parts for its in other_parts)


def _touch(part: str, other: str) -> bool:
    short, long = sorted((part, other), key=len)
    if short == long or long.endswith(f".{short}"):
        return True
    return short.startswith("/") and long.startswith(f"{short.rstrip('/')}/")
