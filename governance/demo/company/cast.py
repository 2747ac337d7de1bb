"""The people, teams and resources of the demo's company, and the instant at which one of the people acts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from governance.core.actors.actor import Actor
from governance.core.clock import business_time
from governance.core.models import Person, Team
from inventory.models import Resource


@dataclass
class Cast:
    """People, teams and resources of one demo by key, and the instant of the present step."""

    now: datetime
    people: dict[str, Person] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    #: Seeded, so that every demo is the same.
    dice: random.Random = field(default_factory=lambda: random.Random(20))  # noqa: S311  figures, no secrets

    def actor(self, person: Person | str) -> Actor:
        """A person, or the person of a key, with a fresh session, as a high-risk decision needs (S5)."""
        found = self.people[person] if isinstance(person, str) else person
        return Actor.of(found, signed_in_at=business_time.real())

    def by(self, person: Person | str, reason: str = "") -> dict[str, Any]:
        """Arguments of an operation: the actor, the present instant, and the reason if there is one."""
        return {"actor": self.actor(person), "now": self.now, **({"reason": reason} if reason else {})}
