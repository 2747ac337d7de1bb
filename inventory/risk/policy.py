"""By which rules tiers are computed: those of the policy in force, which a higher app keeps (T1, S8).

Nothing else of a policy is asked here: who signs, how long and by when is decided above.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from inventory.risk import tiers

#: ``rules_at(now)`` answers the policy's ``tiers``; see `risk.DEFAULT_RULES`.
RulesAt = Callable[[datetime], Mapping[str, Any]]

_keeper: list[RulesAt] = []


def kept_by(rules_at: RulesAt) -> None:
    """Have ``rules_at(now)`` say what holds. Call it in an app's `ready()`; the last one counts."""
    _keeper[:] = [rules_at]


def rules(now: datetime) -> Mapping[str, Any]:
    """The rules by which something is judged at ``now``; those that ship where nobody keeps any."""
    return _keeper[0](now) if _keeper else tiers.DEFAULT_RULES
