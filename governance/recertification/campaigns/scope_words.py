"""A campaign's scope in the words that a person would say. One query for each thing that it names by its key."""

from __future__ import annotations

from governance.core.models import Person, Team
from governance.recertification.campaigns.scope import AUTOMATIONS, BOTH, GRANTS, Scope
from inventory.models import AutomationKind, DataClass, Environment, Resource

ABOUT = {
    GRANTS: "What automations may do",
    AUTOMATIONS: "The automations themselves",
    BOTH: "Automations, and what they may do",
}


def sentence(about: Scope) -> str:
    """One sentence: "What automations may do, of high risk, on Finance ERP, not used for 60 days"."""
    return ", ".join([ABOUT[about.about], *parts(about)])


def parts(about: Scope) -> list[str]:
    """What narrows it, each in words."""
    found: list[str] = []
    if about.tier:
        found.append(f"of {about.tier} risk")
    if about.team:
        team = Team.objects.filter(pk=about.team).first()
        found.append(f"of {team.name if team else 'a team that is no more'} and the teams below it")
    if about.resource:
        resource = Resource.objects.filter(pk=about.resource).first()
        found.append(f"on {resource.name if resource else 'a resource that is no more'}")
    if about.data_class:
        found.append(f"on {DataClass(about.data_class).label.lower()} data")
    if about.kind:
        found.append(f"of the kind {AutomationKind(about.kind).label.lower()}")
    if about.environment:
        found.append(f"in {Environment(about.environment).label.lower()}")
    if about.owner:
        owner = Person.objects.filter(pk=about.owner).first()
        found.append(f"owned by {owner.name if owner else 'somebody who is no more'}")
    if about.connector:
        found.append(f"by the connector {about.connector}")
    if about.code:
        found.append(f"of the form {about.code}")
    if about.unused_days:
        found.append(f"not used for {about.unused_days} days, as far as use is measured")
    if about.reviewed_before:
        found.append(f"neither approved nor reviewed since {about.reviewed_before}")
    return found
