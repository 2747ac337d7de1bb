"""Teams of a person."""

from django.db.models import Q

from governance.core.models import Person, Team


def teams_of(person: Person) -> list[Team]:
    """Teams that a person belongs to or leads, and may import for."""
    teams = Team.objects.filter(Q(memberships__person=person) | Q(lead=person) | Q(deputy_lead=person))
    return list(teams.select_related("lead", "deputy_lead", "parent__lead").distinct().order_by("name", "pk"))
