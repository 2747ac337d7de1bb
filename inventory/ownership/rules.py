"""Who can be named an owner of an automation: somebody of its side, and nobody who is asked about it (I1, S1, A9).

An owner is a party, and a party decides nothing. Whoever names owners would choose who decides, could they name anybody.
Forms offer whom `possible_owners` finds; the writes ask `refusals`, which is the same rule.
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

#: What names an owner, by the column that holds it.
OWNERS = ("business_owner", "technical_owner")


def possible_owners(team: Team, automation: Automation | None, now: datetime) -> list[Person]:
    """Who can be named an owner, by name: people of its side who are here and not asked about it, and whoever is it already.

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


def refusals(
    team: Team, automation: Automation | None, named: Mapping[str, Person | None], now: datetime
) -> list[tuple[str, Refusal]]:
    """Why people can't be named owners, each with the field that names them. Who is an owner already can stay one.

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
    """Ids of who is an owner, or becomes one by what waits for stage 1."""
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
    """A person is a member, lead or deputy lead of a team or of one above or below it in the tree; one query, whatever its depth."""
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
