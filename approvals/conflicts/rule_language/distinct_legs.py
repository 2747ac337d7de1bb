"""Check that a conflict has as many different items as its rule has legs (S6). Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def are_distinct(by_leg: Sequence[Collection[str]]) -> bool:
    """Return whether each leg can get a different item (maximum bipartite matching, Kuhn 1955).

    Args:
        by_leg: the keys that fill each leg.
    """
    # A leg with at least as many keys as there are legs always keeps one.
    scarce = [set(keys) for keys in by_leg if len(set(keys)) < len(by_leg)]
    leg_by_key: dict[str, int] = {}

    def place(leg: int, tried: set[str]) -> bool:
        for key in scarce[leg]:
            if key in tried:
                continue
            tried.add(key)
            if key not in leg_by_key or place(leg_by_key[key], tried):
                leg_by_key[key] = leg
                return True
        return False

    return all(place(leg, set()) for leg in range(len(scarce)))
