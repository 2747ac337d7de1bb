"""Check that the organisation has enough people: a builder, approvers of both stages, and more for high risk, all
different (S9).

Counting roles is not enough: a builder approves nothing of their own, a person decides in one stage only and fills
one seat. So the seats of the policy in force are matched with the people on their escalation chains, all at once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from approvals.assignment.escalation_chain import Bench, chain_of_lead, chain_of_resource
from approvals.assignment.matching import unfilled_places
from approvals.models import SeatLabel
from approvals.policies import queries as policy_queries
from governance.core.access import Role
from governance.core.database.grouping import grouped
from governance.core.models import Membership, Person, Team
from inventory.models import Automation, Resource, ResourceState

#: Tiers that are checked. Low needs no more people than standard.
TIERS = ("standard", "high")

#: More people than seats, for the one place that any person can take.
ANYBODY = 12

Wanted = tuple[str, frozenset[int]]


@dataclass(frozen=True)
class _Pools:
    """Person keys by the seats that they could fill.

    Args:
        teams: by team: its builders, and the people on the escalation chain of its lead.
        answering: people on the escalation chain of an active resource; without one, the last rungs.
        security: security reviewers.
        anybody: some active people.
    """

    teams: tuple[tuple[frozenset[int], frozenset[int]], ...]
    answering: frozenset[int]
    security: frozenset[int]
    anybody: frozenset[int]


def shortage_sentences(now: datetime) -> list[str]:
    """Return one sentence per tier (standard, high) about missing people; empty if both can be decided.

    A fixed number of queries.

    Args:
        now: business time.
    """
    policy, pools = policy_queries.in_force(now), _pools(now)
    sentences = []
    for tier in TIERS:
        tried = [_wanted_seats(policy, tier, builders, leads, pools) for builders, leads in pools.teams]
        wanted, short = min(((seats, unfilled_places(seats)) for seats in tried), key=lambda pair: len(pair[1]))
        if short:
            sentences.append(_shortage_sentence(tier, wanted, short))
    return sentences


def _wanted_seats(
    policy: policy_queries.Policy, tier: str, builders: frozenset[int], leads: frozenset[int], pools: _Pools
) -> list[Wanted]:
    """Return each seat of a submission with one privilege, for distinct people, the most important first."""
    escalation_chains = {
        ("app", SeatLabel.LEAD): ("an approver of stage 1 (the team's lead)", leads),
        ("app", SeatLabel.SECURITY): ("a security reviewer for stage 1", pools.security),
        ("privilege", SeatLabel.OWNER): ("an approver of stage 2 (a resource's owner)", pools.answering),
        ("privilege", SeatLabel.SECURITY): ("a security reviewer for stage 2", pools.security),
    }
    keys = [(kind, SeatLabel(label)) for kind in ("app", "privilege") for label in policy.seats(kind, tier)]
    keys.sort(key=lambda key: key[1] == SeatLabel.SECURITY)
    owners = [("a second owner beside the builder", pools.anybody)] if policy.needs_two_owners(tier) else []
    return [
        ("a builder, in a team", builders),
        *(escalation_chains[key] for key in keys if key in escalation_chains),
        *owners,
    ]


def _shortage_sentence(tier: str, wanted: list[Wanted], short: list[int]) -> str:
    present = len(wanted) - len(short)
    words = [_lacking_seat(*wanted[number]) for number in short]
    verb = "is" if present == 1 else "are"
    needed = f"{tier.capitalize()} risk takes {len(wanted)} different people at once and {present} {verb} there."
    return f"{needed} Missing: {'; '.join(words)}."


def _lacking_seat(name: str, could: frozenset[int]) -> str:
    """Name the missing seat, and say whether its people are needed elsewhere."""
    people = "the one who could is" if len(could) == 1 else f"the {len(could)} who could are"
    return f"{name}: {people} needed elsewhere" if could else name


def _pools(now: datetime) -> _Pools:
    bench = Bench.load(now)
    active = Person.objects.filter(is_active=True, left_at__isnull=True)
    resources = Resource.objects.filter(state=ResourceState.ACTIVE)
    related = ("owner", "deputy", "team__lead", "team__deputy_lead", "interim__person")
    owned = list(resources.select_related(*related)) or [Resource()]
    escalation_chains = [chain_of_resource(resource, bench) for resource in owned]
    return _Pools(
        tuple(_teams(bench, now)),
        _active_keys(person for rungs in escalation_chains for rung in rungs for person in rung.people),
        _active_keys(bench.security),
        frozenset(active.order_by("pk").values_list("pk", flat=True)[:ANYBODY]),
    )


def _active_keys(people: Iterable[Person]) -> frozenset[int]:
    return frozenset(person.pk for person in people if person.is_here)


def _teams(bench: Bench, now: datetime) -> Iterator[tuple[frozenset[int], frozenset[int]]]:
    """Yield builders and leads of each team. If no team has a builder, yield no builders and the leads of all."""
    teams = list(Team.objects.select_related("lead", "deputy_lead", "parent__lead").order_by("pk"))
    memberships = Membership.objects.filter(person__in=Person.objects.with_role(Role.BUILDER, now))
    builders = grouped(memberships.values_list("team", "person"))
    leads = {team.pk: _leads(team, bench) for team in teams}
    yield from ((frozenset(people), leads[team]) for team, people in sorted(builders.items()))
    if not builders:
        yield frozenset(), frozenset[int]().union(*leads.values())


def _leads(team: Team, bench: Bench) -> frozenset[int]:
    rungs = chain_of_lead(Automation(team=team), bench)
    return _active_keys(person for rung in rungs for person in rung.people)
