"""Versions that run as an identity (I5), for the shared tier and for the identity's page."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet, Subquery

from inventory.models import AutomationState, NonHumanIdentity, Version, VersionIdentity
from inventory.models.version import counted_versions, newest_version


def versions_of_identities(identities: Iterable[int], *, drafts_of: int | None) -> QuerySet[Version]:
    """Counted versions that run as one of some identities, without retired automations.

    They are `counted_versions` and drafts of one team.

    Args:
        identities: their keys.
        drafts_of: key of the team whose drafts count; None for no team.
    """
    keys = list(identities)
    served = NonHumanIdentity.objects.filter(pk__in=keys, automation__isnull=False)
    named = VersionIdentity.objects.filter(identity__in=keys).values("version")
    tied = Version.objects.filter(automation__in=served.values("automation")).order_by().values("pk")
    own_drafts = Q(automation__state=AutomationState.DRAFT, automation__team=drafts_of, pk=Subquery(newest_version()))
    versions = Version.objects.filter(counted_versions() | own_drafts, pk__in=named.union(tied))
    return versions.exclude(automation__state=AutomationState.RETIRED)


def versions_of_identity(identity: NonHumanIdentity) -> QuerySet[Version]:
    """Versions that run as one identity, with drafts of the team that it serves."""
    team_id = identity.automation.team_id if identity.automation is not None else None
    return versions_of_identities([identity.pk], drafts_of=team_id)
