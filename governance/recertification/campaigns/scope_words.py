"""A campaign's scope in words. One query for each row that the scope names by id."""

from __future__ import annotations

from governance.core.models import Person, Team
from governance.recertification.campaigns.scope import AUTOMATIONS, BOTH, GRANTS, Scope
from inventory.models import AutomationKind, DataClass, Environment, Resource

ABOUT = {
    GRANTS: "What automations may do",
    AUTOMATIONS: "The automations themselves",
    BOTH: "Automations, and what they may do",
}


def scope_sentence(scope: Scope) -> str:
    """One sentence: "What automations may do, of high risk, on Finance ERP, not used for 60 days"."""
    return ", ".join([ABOUT[scope.about], *scope_phrases(scope)])


def scope_phrases(scope: Scope) -> list[str]:
    """Phrases for the fields that narrow the scope."""
    phrases: list[str] = []
    if scope.tier:
        phrases.append(f"of {scope.tier} risk")
    if scope.team:
        team = Team.objects.filter(pk=scope.team).first()
        phrases.append(f"of {team.name if team else 'a team that is no more'} and the teams below it")
    if scope.resource:
        resource = Resource.objects.filter(pk=scope.resource).first()
        phrases.append(f"on {resource.name if resource else 'a resource that is no more'}")
    if scope.data_class:
        phrases.append(f"on {DataClass(scope.data_class).label.lower()} data")
    if scope.kind:
        phrases.append(f"of the kind {AutomationKind(scope.kind).label.lower()}")
    if scope.environment:
        phrases.append(f"in {Environment(scope.environment).label.lower()}")
    if scope.owner:
        owner = Person.objects.filter(pk=scope.owner).first()
        phrases.append(f"owned by {owner.name if owner else 'somebody who is no more'}")
    if scope.connector:
        phrases.append(f"by the connector {scope.connector}")
    if scope.code:
        phrases.append(f"of the form {scope.code}")
    if scope.unused_days:
        phrases.append(f"not used for {scope.unused_days} days, as far as use is measured")
    if scope.reviewed_before:
        phrases.append(f"neither approved nor reviewed since {scope.reviewed_before}")
    return phrases
