"""Who stands on the ladder of a seat, in order, before anybody is asked or skipped (A9, T3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, Q

from approvals.models import Approval, SeatLabel
from governance.controls.models import Membership, Person, RoleAssignment, Team, TeamKind
from governance.controls.roles import Role
from inventory.models import Automation, Resource

#: What the ladders of a submission's records read of each, for ``select_related``.
LADDER = (
    "privilege__entitlement__resource__owner",
    "privilege__entitlement__resource__deputy",
    "privilege__entitlement__resource__team__lead",
    "privilege__entitlement__resource__team__deputy_lead",
    "credential__kept_in",
    "credential__opens",
    "decided_on__owner",
    "decided_on__deputy",
    "decided_on__team__lead",
    "decided_on__team__deputy_lead",
)


@dataclass(frozen=True)
class Rung:
    """One step of a ladder: on what basis, and who stands on it."""

    basis: str
    people: tuple[Person, ...]


@dataclass
class Bench:
    """The people who stand on every ladder: fallback owners and security reviewers."""

    fallback: tuple[Person, ...]
    security: tuple[Person, ...]
    #: When they stand there; and who answers for something meanwhile is asked of the same instant (I3).
    now: datetime

    @classmethod
    def load(cls, now: datetime) -> Bench:
        """Read both groups at the instant ``now``: one query."""
        return cls.with_people(now, ())[0]

    @classmethod
    def with_people(cls, now: datetime, ids: Iterable[int]) -> tuple[Bench, dict[int, Person]]:
        """Both groups at the instant ``now`` and, in the same query, the people with these ids: by id, the groups included."""
        fallback = Membership.objects.filter(team__kind=TeamKind.FALLBACK)
        held = RoleAssignment.objects.filter(role=Role.SECURITY_REVIEWER).filter(
            Q(confirmed_at__isnull=False) | Q(by_bootstrap=True), Q(until__isnull=True) | Q(until__gt=now)
        )
        named = Person.objects.filter(pk__in=set(ids)).order_by()
        wanted = fallback.values("person").union(held.values("person"), named.values("pk"))
        is_fallback = Exists(fallback.filter(person=OuterRef("pk")))
        is_reviewer = Exists(held.filter(person=OuterRef("pk")))
        found = Person.objects.filter(pk__in=wanted).annotate(is_fallback=is_fallback, is_reviewer=is_reviewer)
        people = list(found.order_by("name", "pk"))
        bench = cls(
            tuple(person for person in people if person.is_fallback),
            tuple(person for person in people if person.is_reviewer),
            now,
        )
        return bench, {person.pk: person for person in people}


def _rungs(*steps: tuple[str, Iterable[Person | None]]) -> list[Rung]:
    """Rungs without empty places; a person stands on their highest rung only."""
    seen: set[int] = set()
    rungs = []
    for basis, people in steps:
        here = tuple(p for p in people if p is not None and p.pk not in seen)
        here = tuple({p.pk: p for p in here}.values())
        seen |= {p.pk for p in here}
        if here:
            rungs.append(Rung(basis, here))
    return rungs


def resource_ladder(
    resource: Resource, bench: Bench, *, first: Person | None = None, since: datetime | None = None
) -> list[Rung]:
    """Owner, or who answers meanwhile, deputy, lead of the owner's team, fallback owners, security reviewers (A9).

    An interim owner stands where the owner did. In what was submitted before they were confirmed the deputy, who was there, comes
    first: whom the two named does not choose who decides it (S8).

    Args:
        resource: what is asked about; owner, deputy and team with its leads should be loaded.
        bench: the groups that stand on every ladder.
        first: who decided about the same before, and is asked again (A15).
        since: when what is decided was submitted; None for what is not submitted yet.
    """
    team, meanwhile = resource.team, resource.interim_owner(bench.now)
    confirmed_at = resource.interim.confirmed_at if meanwhile is not None and resource.interim is not None else None
    is_late = since is not None and confirmed_at is not None and since < confirmed_at
    return _rungs(
        ("decided before", [first]),
        ("owner", [resource.owner if resource.accepted_at else None]),
        ("interim owner", [] if is_late else [meanwhile]),
        ("deputy", [resource.deputy]),
        ("interim owner", [meanwhile] if is_late else []),
        ("lead of the owner's team", [team.lead, team.deputy_lead] if team else []),
        ("fallback owner", bench.fallback),
        ("security reviewer", bench.security),
    )


def lead_ladder(automation: Automation, bench: Bench, *, first: Person | None = None) -> list[Rung]:
    """Lead of the automation's team, deputy lead, lead of the team above, fallback owners, security reviewers."""
    team: Team = automation.led_team
    above = team.parent
    return _rungs(
        ("decided before", [first]),
        ("lead", [team.lead]),
        ("deputy lead", [team.deputy_lead]),
        ("lead of the team above", [above.lead] if above else []),
        ("fallback owner", bench.fallback),
        ("security reviewer", bench.security),
    )


def ladder(
    label: str,
    automation: Automation,
    resource: Resource | None,
    bench: Bench,
    *,
    first: Person | None = None,
    since: datetime | None = None,
    insiders: Collection[int] = (),
) -> list[Rung]:
    """The ladder of a seat: by its label, the automation and, in stage 2, the resource asked about; see `resource_ladder`.

    On that of somebody from outside nobody stands who is one of ``insiders`` (S10).
    """
    if label == SeatLabel.OUTSIDE:
        steps = (("decided before", [first]), ("fallback owner", bench.fallback), ("security reviewer", bench.security))
        return _rungs(*((basis, [one for one in people if one and one.pk not in insiders]) for basis, people in steps))
    if label == SeatLabel.SECURITY:
        return _rungs(("decided before", [first]), ("security reviewer", bench.security))
    if (
        label == SeatLabel.CONFLICT
    ):  # security's, and where the other stage has taken them, somebody else's who answers for no side (S6)
        return _rungs(
            ("decided before", [first]), ("security reviewer", bench.security), ("fallback owner", bench.fallback)
        )
    if label == SeatLabel.SECOND:
        return _rungs(
            ("decided before", [first]), ("fallback owner", bench.fallback), ("security reviewer", bench.security)
        )
    if label == SeatLabel.LEAD:
        return lead_ladder(automation, bench, first=first)
    if resource is None:
        return _rungs(
            ("decided before", [first]), ("fallback owner", bench.fallback), ("security reviewer", bench.security)
        )
    return resource_ladder(resource, bench, first=first, since=since)


def resource_of(approval: Approval) -> Resource | None:
    """What a stage-2 record is about: the entitlement's resource, or where the credential was to be decided when asked (A1, A2)."""
    if approval.privilege is not None:
        return approval.privilege.entitlement.resource
    return approval.decided_on
