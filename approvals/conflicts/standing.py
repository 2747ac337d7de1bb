"""The conflict rules in force, read and typed (S6). Read-only: changing one is a proposal that two people sign (S8)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from approvals.conflicts.rules import Rule, read
from approvals.models import ConflictRule


@dataclass(frozen=True)
class Standing:
    """One rule in force.

    Args:
        version: the row that it was read from.
        rule: what that says.
    """

    version: ConflictRule
    rule: Rule


def in_force(now: datetime) -> tuple[Standing, ...]:
    """All rules that count at the instant ``now``, by their codes: one query."""
    return tuple(of(version) for version in ConflictRule.objects.in_force(now))


def of(version: ConflictRule) -> Standing:
    """The typed form of a stored version."""
    return Standing(version, _read(json.dumps(version.document, sort_keys=True)))


@lru_cache(maxsize=2_000)
def _read(document: str) -> Rule:
    """A document never changes once it is stored, so it is read once a process."""
    return read(json.loads(document))
