"""Whether the organisation has the people that it takes: a builder, approvers of both stages, and for high risk more, all different (S9).

Counting roles is not enough: a builder approves nothing of their own, nobody decides in both stages, and one person fills one seat.
So the seats that the policy in force asks for are matched with the people who stand on their ladders, all at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from approvals.assignment.escalation_chain import Bench, lead_ladder, resource_ladder
from approvals.assignment.matching import unfilled
from approvals.models import SeatLabel
from approvals.policies import queries as policy_queries
from governance.core.models import Membership, Person, Team
from governance.core.people.transitions import people_with
from governance.core.roles.roles import Role
from inventory.models import Automation, Resource, ResourceState

#: Of which tiers it is asked. What is low takes no more people than what is standard.
TIERS = ("standard", "high")

#: More people than there are seats, for the one place that anybody can take.
ANYBODY = 12

Wanted = tuple[str, frozenset[int]]


@dataclass(frozen=True)
class _Pools:
    """Who could fill what: keys of people.

    Args:
        teams: by team, its builders and everybody on the ladder of its lead's seat.
        answering: on the ladder of some resource in use; the last rungs of any where none is.
        security: security reviewers.
        anybody: some of those who are here.
    """

    teams: tuple[tuple[frozenset[int], frozenset[int]], ...]
    answering: frozenset[int]
    security: frozenset[int]
    anybody: frozenset[int]


def missing(now: datetime) -> list[str]:
    """Who is missing for standard and for high risk, one sentence a tier; empty when both can be decided. A fixed number of queries.

    Args:
        now: business time.
    """
    policy, pools = policy_queries.in_force(now), _pools(now)
    found = []
    for tier in TIERS:
        tried = [_wanted(policy, tier, builders, leads, pools) for builders, leads in pools.teams]
        wanted, short = min(((seats, unfilled(seats)) for seats in tried), key=lambda pair: len(pair[1]))
        if short:
            found.append(_sentence(tier, wanted, short))
    return found


def _wanted(
    policy: policy_queries.Policy, tier: str, builders: frozenset[int], leads: frozenset[int], pools: _Pools
) -> list[Wanted]:
    """Every seat that one submission with one privilege needs somebody for, each somebody else; what matters most comes first."""
    ladders = {
        ("app", SeatLabel.LEAD): ("an approver of stage 1 (the team's lead)", leads),
        ("app", SeatLabel.SECURITY): ("a security reviewer for stage 1", pools.security),
        ("privilege", SeatLabel.OWNER): ("an approver of stage 2 (a resource's owner)", pools.answering),
        ("privilege", SeatLabel.SECURITY): ("another security reviewer, for stage 2", pools.security),
    }
    seats = [("a builder, in a team", builders)]
    asked = [(kind, SeatLabel(label)) for kind in ("app", "privilege") for label in policy.seats(kind, tier)]
    named = [ladders[one] for one in sorted(asked, key=lambda one: one[1] == SeatLabel.SECURITY) if one in ladders]
    owners = [("a second owner beside the builder", pools.anybody)] if policy.needs_two_owners(tier) else []
    return [*seats, *named, *owners]


def _sentence(tier: str, wanted: list[Wanted], short: list[int]) -> str:
    there = len(wanted) - len(short)
    words = [_lacking(*wanted[number]) for number in short]
    verb = "is" if there == 1 else "are"
    return (
        f"{tier.capitalize()} risk takes {len(wanted)} different people at once and {there} {verb} there. "
        f"Missing: {'; '.join(words)}."
    )


def _lacking(name: str, could: frozenset[int]) -> str:
    """What is missing, and whether there are people who are needed elsewhere."""
    if not could:
        return name
    return (
        f"{name}: {'the one who could is' if len(could) == 1 else f'the {len(could)} who could are'} needed elsewhere"
    )


def _pools(now: datetime) -> _Pools:
    bench = Bench.load(now)
    here = Person.objects.filter(is_active=True, left_at__isnull=True)
    resources = Resource.objects.filter(state=ResourceState.ACTIVE)
    related = ("owner", "deputy", "team__lead", "team__deputy_lead", "interim__person")
    ladders = [resource_ladder(one, bench) for one in resources.select_related(*related)] or [
        resource_ladder(Resource(), bench)
    ]
    return _Pools(
        tuple(_teams(bench, now)),
        _keys(person for rungs in ladders for rung in rungs for person in rung.people),
        _keys(bench.security),
        frozenset(here.order_by("pk").values_list("pk", flat=True)[:ANYBODY]),
    )


def _keys(people: Iterable[Person]) -> frozenset[int]:
    return frozenset(person.pk for person in people if person.is_here)


def _teams(bench: Bench, now: datetime) -> Iterator[tuple[frozenset[int], frozenset[int]]]:
    """Builders and leads, a team at a time; where no team has a builder, nobody and the leads of all."""
    teams = list(Team.objects.select_related("lead", "deputy_lead", "parent__lead").order_by("pk"))
    builders: dict[int, set[int]] = defaultdict(set)
    found = Membership.objects.filter(person__in=people_with(Role.BUILDER, now))
    for team, person in found.values_list("team", "person"):
        builders[team].add(person)
    leads = {team.pk: _leads(team, bench) for team in teams}
    yield from ((frozenset(people), leads[team]) for team, people in sorted(builders.items()))
    if not builders:
        yield frozenset(), frozenset[int]().union(*leads.values())


def _leads(team: Team, bench: Bench) -> frozenset[int]:
    rungs = lead_ladder(Automation(team=team), bench)
    return _keys(person for rung in rungs for person in rung.people)
