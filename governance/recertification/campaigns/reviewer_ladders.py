"""Who is asked about many items at once: ladders are read once for each automation and each resource, not for each item (A9). Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from approvals.assignment.escalation_chain import Bench
from governance.core.models import Person
from governance.recertification.items import reviewers
from governance.recertification.models import Asks, Item
from inventory.models import Automation, Resource

#: What a ladder reads of each.
OF_AUTOMATION = (
    *("business_owner", "technical_owner", "interim__person"),
    *("team__lead", "team__deputy_lead", "team__parent__lead"),
)
OF_RESOURCE = ("owner", "deputy", "interim__person", "team__lead", "team__deputy_lead")

#: Rows that are read with one query.
AT_ONCE = 1000


@dataclass(frozen=True)
class Put:
    """One question that is put to somebody: which, to whom, and who stands on its ladder, in order."""

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
    _resources: dict[int, Resource] = field(default_factory=dict)
    _needed: dict[int, list[Person]] = field(default_factory=dict)
    _acceptable: dict[int | None, list[Person]] = field(default_factory=dict)
    _parties: dict[int, set[int]] = field(default_factory=dict)
    _put: dict[tuple[int, int | None, bool], list[Put]] = field(default_factory=dict)

    def read(self, pairs: Iterable[tuple[int, int | None]]) -> None:
        """Read what the ladders of some pairs of automation and resource need, as far as it was not read yet."""
        automations, resources = set[int](), set[int]()
        for automation, resource in pairs:
            automations.add(automation)
            if resource is not None:
                resources.add(resource)
        for some in _some(automations - self._automations.keys()):
            self._automations |= Automation.objects.select_related(*OF_AUTOMATION).in_bulk(some)
            self._parties |= reviewers.parties_of(some)
        for some in _some(resources - self._resources.keys()):
            self._resources |= Resource.objects.select_related(*OF_RESOURCE).in_bulk(some)

    def put(self, automation: int, resource: int | None, *, both: bool) -> list[Put]:
        """Whom the questions about a pair go to; empty where one of them could be asked of nobody: then none is asked (A9).

        Args:
            automation: id of what holds it, which was read.
            resource: id of what it is held on; None for a credential of which nobody knows what it opens.
            both: whether both questions are asked, or whether it is needed alone.
        """
        key = (automation, resource, both)
        if key not in self._put:
            self._put[key] = self._read_off(*key)
        return self._put[key]

    def _read_off(self, automation: int, resource: int | None, both: bool) -> list[Put]:
        about = self._automations[automation]
        if automation not in self._needed:
            self._needed[automation] = reviewers.who_needs(about, self.bench)
        ladders = {Asks.NEEDED: self._needed[automation]}
        if both:
            if resource not in self._acceptable:
                on = self._resources[resource] if resource is not None else None
                self._acceptable[resource] = reviewers.who_accepts(on, self.bench)
            ladders[Asks.ACCEPTABLE] = self._acceptable[resource]
        short, first = reviewers.firsts(ladders, Item(automation=about), parties=self._parties.get(automation, ()))
        if short:
            return []
        return [Put(asks, first[asks], tuple(one.pk for one in people)) for asks, people in ladders.items()]


def _some(keys: set[int]) -> Iterable[list[int]]:
    ordered = sorted(keys)
    return (ordered[at : at + AT_ONCE] for at in range(0, len(ordered), AT_ONCE))
