"""Who stands on the ladder of a seat, in order, before anybody is asked or skipped (A9, T3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat

from approvals.models import Approval, Proposal, ProposalState, SeatLabel
from governance.core.database import compiled_queries
from governance.core.models import Membership, Person, RoleAssignment, Team, TeamKind
from governance.core.roles.roles import Role
from inventory.models import Automation, Resource

#: On what basis fallback owners are asked.
FALLBACK = "fallback owner"

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
    #: Since when each does, by id, where that is known.
    fallback_since: Mapping[int, datetime | None] = field(default_factory=dict)
    security_since: Mapping[int, datetime | None] = field(default_factory=dict)
    #: Reviewers whose role one admin ended at once, and no second has countersigned: nobody is asked in their place (S8).
    taken: tuple[Person, ...] = ()

    @property
    def all_security(self) -> tuple[Person, ...]:
        """Security reviewers, and whoever is asked as before because only one admin says that they are none."""
        return (*self.security, *self.taken)

    def bars(self, person: Person, label: str, basis: str) -> bool:
        """Whether somebody is asked for a seat by the role that one admin ended at once: they decide nothing by it meanwhile (S8)."""
        by_role = label not in (SeatLabel.LEAD, SeatLabel.OWNER) and basis != FALLBACK
        return by_role and person in self.taken

    @classmethod
    def load(cls, now: datetime) -> Bench:
        """Read both groups at the instant ``now``: one query."""
        return cls.with_people(now, ())[0]

    @classmethod
    def with_people(cls, now: datetime, ids: Iterable[int]) -> tuple[Bench, dict[int, Person]]:
        """Both groups at the instant ``now`` and, in the same query, the people with these ids: by id, the groups included."""
        people = PEOPLE(now=now, named=set(ids))
        bench = cls(
            tuple(person for person in people if person.is_fallback),
            tuple(person for person in people if person.is_reviewer),
            now,
            {person.pk: person.member_since for person in people},
            {person.pk: person.reviewer_since for person in people},
            tuple(person for person in people if person.is_taken),
        )
        return bench, {person.pk: person for person in people}


def _people() -> QuerySet[Any]:
    """Whoever stands on the bench, and some who are named: whether they do, and since when."""
    fallback = Membership.objects.filter(team__kind=TeamKind.FALLBACK)
    running = Q(until__isnull=True) | Q(until__gt=compiled_queries.NOW)
    ever = RoleAssignment.objects.filter(role=Role.SECURITY_REVIEWER)
    held, taken = ever.filter(running), ever.filter(Exists(_ending_at_once()))
    named = Person.objects.filter(compiled_queries.among_those("named")).order_by()
    wanted = fallback.values("person").union(held.values("person"), taken.values("person"), named.values("pk"))
    member, reviewer = fallback.filter(person=OuterRef("pk")), held.filter(person=OuterRef("pk"))
    was = taken.filter(person=OuterRef("pk"))
    since = Coalesce("restores__confirmed_at", "confirmed_at")
    found = Person.objects.filter(pk__in=wanted).annotate(
        is_fallback=Exists(member),
        is_reviewer=Exists(reviewer),
        member_since=Subquery(member.order_by("since").values("since")[:1]),
        is_taken=Exists(was),
        reviewer_since=Coalesce(Subquery(reviewer.values(at=since)[:1]), Subquery(was.values(at=since)[:1])),
    )
    return found.order_by("name", "pk")


def _ending_at_once() -> QuerySet[Proposal]:
    """What ended a reviewer's role at once and waits for the second admin."""
    target = Concat(Cast(OuterRef("person"), TextField()), Value(f"-{Role.SECURITY_REVIEWER}"))
    return Proposal.objects.filter(
        kind="role", state=ProposalState.AT_ONCE, target=target, proposed_at=OuterRef("until")
    ).order_by()


PEOPLE = compiled_queries.Statement(_people)

#: Somebody who stands on a ladder, and since when, where that is known.
Stander = tuple[Person | None, datetime | None]


def _rungs(*groups: Sequence[tuple[str, Iterable[Stander]]], since: datetime | None = None) -> list[Rung]:
    """Rungs without empty places; a person stands on their highest rung only.

    Args:
        groups: rungs that belong together, each a basis and who stands there. Who was appointed after ``changes`` comes after those of
            the same group who were there: whoever appoints them does not choose who decides what is under way (S8).
        since: when what is decided was submitted; None where that does not matter.
    """
    seen: set[int] = set()
    rungs = []
    for group in groups:
        for late in (False, True):
            for basis, standers in group:
                there = [one for one, at in standers if one is not None and _is_late(at, since) is late]
                here = tuple({one.pk: one for one in there if one.pk not in seen}.values())
                seen |= {one.pk for one in here}
                if here:
                    rungs.append(Rung(basis, here))
    return rungs


def _is_late(at: datetime | None, since: datetime | None) -> bool:
    return at is not None and since is not None and at > since


def resource_ladder(
    resource: Resource, bench: Bench, *, first: Person | None = None, since: datetime | None = None
) -> list[Rung]:
    """Owner, or who answers meanwhile, deputy, lead of the owner's team, fallback owners, security reviewers (A9).

    An interim owner stands where the owner did. Whoever became one of these after ``changes`` comes after those who were there.

    Args:
        resource: what is asked about; owner, deputy and team with its leads should be loaded.
        bench: the groups that stand on every ladder.
        first: who decided about the same before, and is asked again (A15).
        since: when what is decided was submitted; None for what is not submitted yet.
    """
    team, meanwhile = resource.team, resource.interim_owner(bench.now)
    confirmed_at = resource.interim.confirmed_at if meanwhile is not None and resource.interim is not None else None
    answering = [
        ("owner", [(resource.owner if resource.accepted_at else None, resource.accepted_at)]),
        ("interim owner", [(meanwhile, confirmed_at)]),
        ("deputy", [(resource.deputy, resource.deputy_since)]),
    ]
    leading = [("lead of the owner's team", _leads(team) if team else [])]
    return _rungs(_asked_before(first), answering, leading, _fallback(bench), _last(bench), since=since)


def lead_ladder(
    automation: Automation, bench: Bench, *, first: Person | None = None, since: datetime | None = None
) -> list[Rung]:
    """Lead of the automation's team, deputy lead, lead of the team above, fallback owners, security reviewers; see `resource_ladder`."""
    team: Team = automation.led_team
    lead, deputy = _leads(team)
    leading = [("lead", [lead]), ("deputy lead", [deputy])]
    above = [("lead of the team above", _leads(team.parent)[:1] if team.parent else [])]
    return _rungs(_asked_before(first), leading, above, _fallback(bench), _last(bench), since=since)


def _leads(team: Team) -> list[Stander]:
    return [(team.lead, team.lead_since), (team.deputy_lead, team.deputy_lead_since)]


def _asked_before(first: Person | None) -> list[tuple[str, list[Stander]]]:
    return [("decided before", [(first, None)])]


def _fallback(bench: Bench) -> list[tuple[str, list[Stander]]]:
    rows: list[Stander] = [(one, bench.fallback_since.get(one.pk)) for one in bench.fallback]
    return [(FALLBACK, rows)]


def _security(bench: Bench) -> list[tuple[str, list[Stander]]]:
    return [("security reviewer", [(one, bench.security_since.get(one.pk)) for one in bench.all_security])]


def _last(bench: Bench) -> list[tuple[str, list[Stander]]]:
    """Security reviewers where nobody is asked after them, so only those whose role stands."""
    return [("security reviewer", [(one, bench.security_since.get(one.pk)) for one in bench.security])]


def ladder(
    label: str,
    automation: Automation,
    resource: Resource | None,
    bench: Bench,
    *,
    first: Person | None = None,
    since: datetime | None = None,
) -> list[Rung]:
    """The ladder of a seat: by its label, the automation and, in stage 2, the resource asked about; see `resource_ladder`."""
    if label == SeatLabel.LEAD:
        return lead_ladder(automation, bench, first=first, since=since)
    if label == SeatLabel.OWNER and resource is not None:
        return resource_ladder(resource, bench, first=first, since=since)
    if label == SeatLabel.SECURITY:
        groups = [_asked_before(first), _security(bench)]
    elif label == SeatLabel.CONFLICT:
        # security's, and where the other stage has taken them, somebody else's who answers for no side (S6)
        groups = [_asked_before(first), _security(bench), _fallback(bench)]
    else:
        groups = [_asked_before(first), _fallback(bench), _security(bench)]
    return _rungs(*groups, since=since)


def resource_of(approval: Approval) -> Resource | None:
    """What a stage-2 record is about: the entitlement's resource, or where the credential was to be decided when asked (A1, A2)."""
    if approval.privilege is not None:
        return approval.privilege.entitlement.resource
    return approval.decided_on
