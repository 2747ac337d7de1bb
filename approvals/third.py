"""The third signature: on high risk, where whoever would decide has a signal together with the builder, somebody from outside both
teams signs too (S10). Reads only.

It is a seat as others are (`SeatLabel.OUTSIDE`), added when the record is made and, where the signal came up since, when it opens; and as
somebody approves who has a signal and whom none of that foresaw (`transitions.outside`). It is not taken away when the signal goes (A1).
Fallback owners stand on its ladder, then security reviewers, each only where they are in neither team: the one that builds, with its leads
and whoever's work it is, and the one that answers for the resource, with its owner and deputy. Nor does anybody who has such a signal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from approvals.ladders import Rung, resource_of
from approvals.models import Approval, Seat, SeatLabel, Submission
from approvals.policies import Policy
from governance.controls.models import Membership, Team, TeamKind
from governance.controls.refusals import Refusal
from inventory.models import Automation, Resource

#: Rungs of every ladder: who stands there has no team of the two.
OF_EVERYBODY = ("fallback owner", "security reviewer")

#: Why nobody approves what would take such a signature where there is nobody who could give it; it can be rejected (A9).
NOBODY_LEFT = Refusal(
    "S10",
    "duty",
    "You and a builder of this approve for each other often, and nobody from outside both teams is left to sign too.",
    "Somebody else who may decide it does; or an admin names one more fallback owner.",
)


def is_needed(tier: str, rungs: Iterable[Rung], partners: Collection[int], policy: Policy) -> bool:
    """Whether a record takes a third signature.

    Args:
        tier: the record's.
        rungs: the ladder of its first seat, lead or owner.
        partners: ids of those who have a signal together with a builder (`pairs.partners`).
        policy: says on which tiers.
    """
    if tier not in policy.third_signature or not partners:
        return False
    own = (rung for rung in rungs if rung.basis not in OF_EVERYBODY)
    return any(person.pk in partners for rung in own for person in rung.people)


@dataclass(frozen=True)
class Sides:
    """The two sides of a record, as ids: people whose teams count, and teams that count by themselves."""

    people: frozenset[int]
    teams: frozenset[int]

    @classmethod
    def of(cls, builders: Collection[int], automation: Automation, resource: Resource | None) -> Sides:
        """Those of a record about a resource, or of the app where there is none; ``builders`` are ids of whoever's work it is."""
        team = automation.led_team
        people: set[int | None] = {*builders, team.lead_id, team.deputy_lead_id}
        teams: set[int | None] = {team.pk}
        if resource is not None:
            people |= {resource.owner_id, resource.deputy_id}
            teams |= {resource.team_id}
        return cls(frozenset(pk for pk in people if pk is not None), frozenset(pk for pk in teams if pk is not None))


@dataclass
class Insiders:
    """Who is of some teams, read once for all records of a submission: one query."""

    teams_of: dict[int, set[int]] = field(default_factory=dict)
    people_of: dict[int, set[int]] = field(default_factory=dict)

    @classmethod
    def read(cls, sides: Iterable[Sides]) -> Insiders:
        """Read whoever is of any of these sides; fallback owners are no team of theirs by being that."""
        sides, found = list(sides), cls()
        people = {pk for one in sides for pk in one.people}
        own = Membership.objects.filter(person__in=people).exclude(team__kind=TeamKind.FALLBACK).values("team")
        wanted = Team.objects.filter(Q(pk__in={pk for one in sides for pk in one.teams}) | Q(pk__in=own)).order_by()
        for team, kind, person, *leads in wanted.values_list(
            "pk", "kind", "memberships__person", "lead", "deputy_lead"
        ):
            inside = found.people_of.setdefault(team, set())
            inside.update(pk for pk in leads if pk is not None)
            if person is not None and kind != TeamKind.FALLBACK:
                inside.add(person)
                found.teams_of.setdefault(person, set()).add(team)
        return found

    def among(self, sides: Sides) -> frozenset[int]:
        """Ids of everybody of a record's two sides."""
        teams = sides.teams.union(*(self.teams_of.get(pk, set()) for pk in sides.people))
        return sides.people.union(*(self.people_of.get(pk, set()) for pk in teams))


def asking(submission: Submission, policy: Policy) -> list[Approval]:
    """The records of a submission with a seat for somebody from outside; of those that a page has read, all that might take one."""
    read = submission.approvals.all() if _is_read(submission, "approvals") else ()
    if read and all(_is_read(one, "seats") for one in read):  # with all that they name
        return [one for one in read if one.tier in policy.third_signature]
    asked = Approval.objects.filter(submission=submission, seats__label=SeatLabel.OUTSIDE).order_by("pk")
    return list(asked.select_related("privilege__entitlement__resource", "decided_on"))


def insiders(
    submission: Submission, records: Iterable[Approval], builders: Collection[int], partners: Collection[int]
) -> dict[int, frozenset[int]]:
    """By record of a submission: ids of who is of one of its sides, or has a signal with a builder. One query.

    Args:
        submission: with its automation.
        records: some of its records, whether or not they have such a seat yet.
        builders: ids of whoever's work it is.
        partners: ids of those who have a signal together with one of them (`pairs.partners`).
    """
    sides = {one.pk: Sides.of(builders, submission.automation, resource_of(one)) for one in records}
    known = Insiders.read(sides.values())
    return {pk: known.among(one).union(partners) for pk, one in sides.items()}


def _is_read(row: Submission | Approval, what: str) -> bool:
    return what in row.__dict__.get("_prefetched_objects_cache", {})


def seats_for(records: Iterable[Approval]) -> list[Seat]:
    """The seat of somebody from outside for each of some records, not saved yet."""
    return [Seat(approval=record, label=SeatLabel.OUTSIDE) for record in records]
