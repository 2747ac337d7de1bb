"""Tier rules of the policy in force, which a higher app keeps (T1, S8).

Higher apps read the other parts of the policy: seats, terms and deadlines.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from inventory.risk import tiers

#: ``rules_at(now)`` returns the policy's ``tiers``; see `risk.DEFAULT_RULES`.
RulesAt = Callable[[datetime], Mapping[str, Any]]

_keeper: list[RulesAt] = []


def register_rules(rules_at: RulesAt) -> None:
    """Register the function that returns the rules at an instant. Call it in an app's `ready()`; the last call counts."""
    _keeper[:] = [rules_at]


def rules_at(now: datetime) -> Mapping[str, Any]:
    """Tier rules at ``now``; the default rules without a registered function."""
    return _keeper[0](now) if _keeper else tiers.DEFAULT_RULES
