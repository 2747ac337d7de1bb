"""Eligible delegates: people who share each responsibility of the giver (A11). Reads only.

An owner or a lead delegates to their deputy, their team's leads and fallback owners. The database's `may_stand_in` is the rule;
this module has the choices of the form and the words of a refusal.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet, Value

from governance.controls import access
from governance.controls.actors import Actor
from governance.controls.duty import Duty
from governance.controls.models import Person, Team, TeamKind
from governance.controls.models.people import MayStandIn
from governance.controls.people import people_with
from governance.controls.refusals import Refusal
from governance.controls.roles import SAME_DUTY
from inventory.models import (
    Automation,
    AutomationState,
    Credential,
    IdentityState,
    NonHumanIdentity,
    Resource,
    ResourceState,
)

TO_DO = "Choose your deputy, a lead of your team or a fallback owner."


def offered(giver: Person, now: datetime) -> QuerySet[Person]:
    """The eligible delegates of a person at ``now``, sorted by name."""
    others = Person.objects.filter(is_active=True, left_at__isnull=True).exclude(pk=giver.pk).order_by("name", "pk")
    for role in access.roles_of(giver, now) & {*SAME_DUTY}:
        others = others.filter(pk__in=people_with(role, now).order_by().values("pk"))
    if responsibility(giver, None, now) is None:
        return others
    near = others.filter(pk__in=_near(giver, now))
    return near.filter(MayStandIn(Value(giver.pk), F("pk"), Value(now)))


def _near(giver: Person, now: datetime) -> QuerySet[Any, Any]:
    """Candidates: fallback owners, leads of the giver's teams, and the other side of the giver's resources."""
    teams = Team.objects.filter(
        Q(lead=giver)
        | Q(deputy_lead=giver)
        | Q(memberships__person=giver)
        | Q(resources__in=_resources(giver, now))
        | Q(automations__in=_automations(giver, now))
    ).order_by()
    resources = _resources(giver, now).order_by()
    found = Person.objects.filter(memberships__team__kind=TeamKind.FALLBACK).order_by().values("pk")
    return found.union(
        teams.values("lead"), teams.values("deputy_lead"), resources.values("owner"), resources.values("deputy")
    )


def _resources(giver: Person, now: datetime) -> QuerySet[Resource]:
    interim = Q(interim__person=giver, interim__until__gt=now, interim__ended_at__isnull=True)
    return Resource.objects.filter(Q(owner=giver) | Q(deputy=giver) | interim, state=ResourceState.ACTIVE)


def _automations(giver: Person, now: datetime) -> QuerySet[Automation]:
    interim = Q(interim__person=giver, interim__until__gt=now, interim__ended_at__isnull=True)
    own = Q(business_owner=giver) | Q(technical_owner=giver) | interim
    return Automation.objects.filter(own).exclude(state=AutomationState.RETIRED)


def responsibility(giver: Person, taker: Person | None, now: datetime) -> str | None:
    """The words for something that the giver answers for and the taker does not; of nobody, for anything that the giver answers for."""
    led = Team.objects.filter(Q(lead=giver) | Q(deputy_lead=giver))
    resources, automations = _resources(giver, now), _automations(giver, now)
    if taker is not None:
        leads = Q(lead=taker) | Q(deputy_lead=taker)
        of_team = Q(team__lead=taker) | Q(team__deputy_lead=taker)
        led = led.exclude(pk__in=Team.objects.filter(leads).values("pk"))
        sides = Resource.objects.filter(Q(owner=taker) | Q(deputy=taker) | of_team)
        resources = resources.exclude(pk__in=sides.order_by().values("pk"))
        automations = automations.exclude(pk__in=Automation.objects.filter(of_team).order_by().values("pk"))
    team, resource = led.order_by("name").first(), resources.order_by("name").first()
    if team is not None:
        return f"the team {team.name}"
    if resource is not None:
        return resource.name
    automation = automations.order_by("name").first()
    if automation is not None:
        return automation.name
    identity = NonHumanIdentity.objects.filter(owner=giver).exclude(state=IdentityState.RETIRED).first()
    credential = Credential.objects.filter(owner=giver).order_by("pk").first()
    return str(identity or credential) if identity or credential else None


def _shares(subject: Person, actor: Actor, now: datetime) -> Refusal | None:
    """The subject is the taker; somebody who lacks a role is refused by the operation itself, with the role's name."""
    giver = actor.person
    if giver is None or actor.standing_for is not None or giver == subject:
        return None
    roles = access.roles_of(giver, now) & {*SAME_DUTY}
    if roles - access.roles_of(subject, now):
        return None
    may = Person.objects.filter(pk=subject.pk).filter(MayStandIn(Value(giver.pk), F("pk"), Value(now)))
    if may.exists():
        return None
    about = responsibility(giver, subject, now) or "everything that you answer for"
    return Refusal("A11", "duty", f"{subject.name} does not share your responsibility for {about}.", TO_DO)


SHARES_RESPONSIBILITY = Duty(
    "A11",
    "A11",
    "An owner or lead delegates only to their deputy, their team's leads or fallback owners.",
    _shares,
    ("delegation_same_responsibility",),
)
