"""When two privileges are about the same, however a source writes that: what may be done to which parts of what (A13, A15, I9).

Compared is a form that is computed where it is needed, and never stored: a privilege's key, by which a grant runs on, stays what its source says
to the letter (docs/decisions/0027-what-is-the-same.md). The form is coarse on purpose. What it takes for the same is shown, or asked of people,
never let through. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import LiteralString

SEPARATOR = ", "
_FOLDED = str.maketrans(ascii_uppercase, ascii_lowercase)
#: The same as `parts` by the database, for a row with ``scope`` and ``target``: letters of ASCII in lower case, each part once, in order.
PARTS_SQL: LiteralString = """ARRAY(
    SELECT DISTINCT translate(btrim(part), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') COLLATE "C"
    FROM unnest(CASE WHEN cardinality({scope}) > 0 THEN {scope} ELSE ARRAY[{target}]::text[] END) AS part
    WHERE btrim(part) <> '' ORDER BY 1)"""


def parts(target: str, scope: Sequence[str]) -> tuple[str, ...]:
    """What a privilege is held on, as it is compared: its parts where it has any, else its target; none for all that is there.

    In no order and in lower case: databases fold names without quotation marks, and a query may join its tables either way round.

    Args:
        target: as the source has it.
        scope: its parts, where it has several.
    """
    return tuple(sorted({folded for part in (scope or [target]) if (folded := part.strip(" ").translate(_FOLDED))}))


def matter(entitlement: int | None, target: str, scope: Sequence[str]) -> str:
    """What a privilege is about, by whatever connection or credential: what may be done to what (see `parts`)."""
    return f"{entitlement} {SEPARATOR.join(parts(target, scope))}"


def overlap(parts: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two have a part in common, as `parts` gives them: the same, a table with or without its schema, a folder and what is in it."""
    other_parts = list(other)
    return any(_touch(part, its) for part in parts for its in other_parts)


def _touch(part: str, other: str) -> bool:
    short, long = sorted((part, other), key=len)
    if short == long or long.endswith(f".{short}"):
        return True
    return short.startswith("/") and long.startswith(f"{short.rstrip('/')}/")
