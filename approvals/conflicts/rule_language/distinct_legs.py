"""Whether a conflict takes as many different things as its rule has legs (S6). Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def are_distinct(by_leg: Sequence[Collection[str]]) -> bool:
    """Whether a different thing can be named for each leg (a maximum bipartite matching, Kuhn 1955).

    Args:
        by_leg: the keys that fill each leg.
    """
    # Whatever the others take, one is left for a leg that has as many as there are legs.
    scarce = [set(keys) for keys in by_leg if len(set(keys)) < len(by_leg)]
    taken: dict[str, int] = {}

    def place(leg: int, tried: set[str]) -> bool:
        for key in scarce[leg]:
            if key in tried:
                continue
            tried.add(key)
            if key not in taken or place(taken[key], tried):
                taken[key] = leg
                return True
        return False

    return all(place(leg, set()) for leg in range(len(scarce)))
