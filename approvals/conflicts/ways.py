"""How something is held, as waivers and conflicts name it: a waiver lifts what is held so, or less, and nothing that is more (S7). Pure.

Beside its key each thing has a word: its level, and whether a model chooses or what is run can't be read. A waiver keeps every word that is no
more than what it was granted for, so that the database compares them as sets.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from approvals.conflicts.holding import WAYS, way_of
from approvals.conflicts.selectors import Held
from inventory.risk import POWER, is_within

#: The word of what is held without a grant: an open way in, or running as an identity. There is no more and no less of it.
PLAIN = "-"
_MODEL, _OPAQUE = "+model", "+opaque"


def word_of(level: str, *, model_controlled: bool = False, opaque: bool = False) -> str:
    """The word for one way of holding something."""
    return f"{level}{_MODEL if model_controlled else ''}{_OPAQUE if opaque else ''}"


def of_held(held: Held) -> str:
    """How something would be held, with its key."""
    return f"{held.key} {PLAIN}" if held.entry else of_way(held.key, way_of(held))


def of_way(key: str, way: int | None) -> str:
    """How something is held by a grant, from the number that it keeps; by none where that is None."""
    if way is None:
        return f"{key} {PLAIN}"
    level, model_controlled, opaque, _ = WAYS[way]
    return f"{key} {word_of(level, model_controlled=model_controlled, opaque=opaque)}"


def at_most(held: Iterable[str]) -> set[str]:
    """These and all that is no more than one of them."""
    found: set[str] = set()
    for one in held:
        key, _, word = one.rpartition(" ")
        found.update(f"{key} {less}" for less in _less(word))
    return found


def _less(word: str) -> list[str]:
    level, is_model, is_opaque = word.partition("+")[0], _MODEL in word, _OPAQUE in word
    if level not in POWER:
        return [word]
    flags = product((False, True)[: 1 + is_model], (False, True)[: 1 + is_opaque])
    levels = [one for one in POWER if is_within(one, level)]
    return [word_of(one, model_controlled=model, opaque=opaque) for model, opaque in flags for one in levels]
