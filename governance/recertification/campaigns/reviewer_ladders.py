"""Reviewers for many items at once: reads each automation's and each resource's ladder only once (A9). Reads only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from approvals.assignment.escalation_chain import Bench
from governance.core.models import Person
from governance.recertification.items import reviewers
from governance.recertification.items.item_context import OF_AUTOMATION
from governance.recertification.models import Asks
from inventory.models import Automation, Resource

#: Relations of a resource that its ladder reads.
OF_RESOURCE = ("owner", "deputy", "interim__person", "team__lead", "team__deputy_lead")


@dataclass(frozen=True)
class AssignedQuestion:
    """One question with its reviewer and the people on its ladder, in order."""

    asks: Asks
    reviewer: Person
    ladder: tuple[int, ...]


@dataclass
class Ladders:
    """The ladders of some automations and resources at one instant.

    Args:
        bench: the groups that stand on every ladder.
    """

    bench: Bench
    _automations: dict[int, Automation] = field(default_factory=dict)
    _needed: dict[int, list[Person]] = field(default_factory=dict)
    _acceptable: dict[int | None, list[Person]] = field(default_factory=dict)
    _parties: dict[int, set[int]] = field(default_factory=dict)
    _put: dict[tuple[int, int | None, bool], list[AssignedQuestion]] = field(default_factory=dict)

    def read(self, pairs: Collection[tuple[int, int | None]]) -> None:
        """Read the ladders of these pairs, at least one, that were not read before."""
        held_by, held_on = map(set, zip(*pairs, strict=True))
        rows = Automation.objects.select_related(*OF_AUTOMATION, "interim__person")
        automations = rows.in_bulk(held_by - self._automations.keys())
        self._automations |= automations
        self._needed |= {pk: reviewers.needed_ladder(row, self.bench) for pk, row in automations.items()}
        self._parties |= reviewers.parties_of(automations)
        keys = held_on - self._acceptable.keys()
        resources = Resource.objects.select_related(*OF_RESOURCE).in_bulk(keys - {None})
        self._acceptable |= {pk: reviewers.acceptable_ladder(resources.get(pk), self.bench) for pk in keys}

    def put(self, automation: int, resource: int | None, *, both: bool) -> list[AssignedQuestion]:
        """Assign the questions about a pair; empty if one of them has no eligible reviewer (A9).

        Args:
            automation: id of the automation that holds the grant; `read` has loaded it.
            resource: id of the resource; None for a credential with an unknown target.
            both: whether both questions are asked, or only *needed*.
        """
        key = (automation, resource, both)
        if key not in self._put:
            self._put[key] = self._read_off(*key)
        return self._put[key]

    def _read_off(self, automation: int, resource: int | None, both: bool) -> list[AssignedQuestion]:
        held_by = self._automations[automation]
        ladders = {Asks.NEEDED: self._needed[automation]}
        if both:
            ladders[Asks.ACCEPTABLE] = self._acceptable[resource]
        short, first = reviewers.first_reviewers(ladders, held_by, self._parties.get(automation, ()))
        if short:
            return []
        return [
            AssignedQuestion(asks, first[asks], tuple(person.pk for person in people))
            for asks, people in ladders.items()
        ]
