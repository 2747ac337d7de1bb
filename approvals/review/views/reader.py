"""The reader of the review page, with the open row and typed input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.http import QueryDict

from approvals.models import Decision
from governance.core.access import Actor, Refusal, access
from governance.core.models import Person


@dataclass(frozen=True)
class Reader:
    """The reader of the page, with the open row and typed input.

    Args:
        actor: the reader.
        now: business time.
        opened: key of the open row; empty for none.
        typed: the refused form, so that nothing is lost; else empty.
        errors: error sentences by field name.
        also_open: keys of other open rows.
        kept: keys of the rows that the page showed as the reader's to decide.
        refusals: why decisions were refused, by the key of the row.
    """

    actor: Actor
    now: datetime
    opened: str = ""
    typed: QueryDict = field(default_factory=QueryDict)
    errors: Mapping[str, str] = field(default_factory=dict)
    also_open: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    refusals: Mapping[str, Refusal] = field(default_factory=dict)

    def for_row(self, key: str) -> Reader:
        """The reader for one row: errors belong to the opened row only."""
        return self if key == self.opened else replace(self, errors={})

    def is_me(self, person: Person | None) -> bool:
        """Whether a person is the reader."""
        return person is not None and self.actor.person is not None and person.pk == self.actor.person.pk

    def stands_in_for(self, giver: Person) -> bool:
        """Whether the reader is a delegate of another person now (A11)."""
        return not self.is_me(giver) and giver.pk in access.answers_as(self.actor, self.now)

    def name(self, person: Person | None, *, start: bool = False) -> str:
        """Name of a person, or "you" for the reader."""
        if person is None:
            return ""
        if self.is_me(person):
            return "You" if start else "you"
        return person.name

    def decided_by(self, decision: Decision, *, start: bool = True) -> str:
        """Decider in words, with the giver: "Mei Tanaka for you"."""
        name = self.name(decision.person, start=start)
        return f"{name} for {self.name(decision.for_person)}" if decision.for_person else name
