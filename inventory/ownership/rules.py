"""Eligible owners of an automation: members of its team who are not its approvers (I1, S1, A9).

An owner is a party and decides nothing, so naming an approver as owner would choose who decides. Forms offer
`possible_owners`; writes check the same rule in `owner_refusals`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from django.db.models import Q

from governance.core.duties.refusals import Refusal
from governance.core.engine import hooks
from governance.core.models import Person, Team
from inventory.models import Automation
from inventory.ownership.transitions import NAMING_OWNERS

#: Fields that name an owner, by column.
OWNERS = ("business_owner", "technical_owner")


def possible_owners(team: Team, automation: Automation | None, now: datetime) -> list[Person]:
    """Eligible owners by name: active people of the team who are not approvers, and the present owners.

    Args:
        team: of the automation.
        automation: the automation; None for a new one.
        now: business time.
    """
    current = _owners_of(automation)
    active = Person.objects.filter(_is_member_of(team) | Q(pk__in=current), is_active=True, left_at__isnull=True)
    barred = _barred_people(automation, now)
    return [
        person for person in active.distinct().order_by("name", "pk") if person.pk in current or person.pk not in barred
    ]


def owner_refusals(
    team: Team, automation: Automation | None, named: Mapping[str, Person | None], now: datetime
) -> list[tuple[str, Refusal]]:
    """Refusals of named owners, each with its field. Present owners may stay.

    Args:
        team: of the automation.
        automation: the automation, locked in a write; None for a new one.
        named: people by the names of `OWNERS`; others are left out.
        now: business time.
    """
    current = _owners_of(automation)
    new = {
        name: person
        for name, person in named.items()
        if name in OWNERS and person is not None and person.pk not in current
    }
    if not new:
        return []
    wanted = {person.pk for person in new.values()}
    near = set(Person.objects.filter(_is_member_of(team), pk__in=wanted).values_list("pk", flat=True))
    barred = _barred_people(automation, now)
    refusals = []
    for name, person in new.items():
        if person.pk not in near:
            refusals.append((name, _refuse_other_team(person, team)))
        elif person.pk in barred:
            refusals.append((name, barred[person.pk]))
    return refusals


def _refuse_other_team(person: Person, team: Team) -> Refusal:
    sentence = f"{person.name} belongs neither to {team.name} nor to a team above or below it."
    to_do = "Name somebody of the side that builds it; an admin adds people to teams."
    return Refusal("I1", "input", sentence, to_do, is_attempt=True)


def _owners_of(automation: Automation | None) -> set[int]:
    """Ids of the owners, and of the owners in an open amendment."""
    if automation is None:
        return set()
    owner_ids = {
        automation.business_owner_id,
        automation.technical_owner_id,
        *(automation.asked[f"{name}_id"] for name in OWNERS),
    }
    return {pk for pk in owner_ids if pk is not None}


def _barred_people(automation: Automation | None, now: datetime) -> dict[int, Refusal]:
    return hooks.barred(NAMING_OWNERS, automation, now) if automation is not None else {}


def _is_member_of(team: Team) -> Q:
    """Condition that a person is member, lead or deputy lead of a team, or of a team above or below it; one query at any
    depth.
    """
    above = dict(Team.objects.order_by().values_list("pk", "parent"))
    below = defaultdict(list)
    for pk, parent in above.items():
        below[parent].append(pk)
    line, down = set(), [team.pk]
    up: int | None = team.pk
    while up is not None and up not in line:
        line.add(up)
        up = above.get(up)
    while down:
        automation_id = down.pop()
        line.add(automation_id)
        down += [pk for pk in below[automation_id] if pk not in line]
    return Q(memberships__team__in=line) | Q(leads__in=line) | Q(deputy_leads__in=line)
