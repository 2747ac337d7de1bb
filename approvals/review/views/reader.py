"""Who reads the review page, and what they opened and typed on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal
from governance.core.models import Person

Shape = dict[str, Any]


@dataclass(frozen=True)
class Reader:
    """Who reads the page, and what they opened and typed.

    Args:
        actor: who reads.
        now: business time.
        opened: key of the open row; empty for none.
        typed: what a refused form held, by field name, so that nothing is lost.
        errors: what was refused: a sentence to show beside each field, by its name.
        also_open: keys of other rows that are open beside it.
        refusal: why what they decided on the open row does not count, where that row changed since it was shown to them (A6).
    """

    actor: Actor
    now: datetime
    opened: str = ""
    typed: Shape | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    refusal: Refusal | None = None
    also_open: frozenset[str] = frozenset()

    def at(self, key: str) -> Reader:
        """The same reader at one row: what they typed, and why it was refused, is of the row that they opened and of no other."""
        if key == self.opened:
            return self
        return replace(self, typed=None, errors={}, refusal=None)

    def is_me(self, person: Person | None) -> bool:
        """Whether a person is the reader."""
        return person is not None and self.actor.person is not None and person.pk == self.actor.person.pk

    def name(self, person: Person | None, *, start: bool = False) -> str:
        """A name, or "you" for the reader."""
        if person is None:
            return ""
        if self.is_me(person):
            return "You" if start else "you"
        return person.name
