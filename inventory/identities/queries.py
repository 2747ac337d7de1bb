"""What runs as which identity (I5): one answer for the tier of those that share one, and for the identity's page."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q, QuerySet, Subquery

from inventory.models import AutomationState, NonHumanIdentity, Version, VersionIdentity
from inventory.models.version import counted_versions, newest_version


def versions(identities: Iterable[int], *, drafts_of: int | None) -> QuerySet[Version]:
    """Versions that run as one of some identities and count for what their automation is, retired ones aside.

    These are what `counted_versions` says, and a draft of one team.

    Args:
        identities: their keys.
        drafts_of: the key of the team whose drafts count; None for no team.
    """
    keys = list(identities)
    served = NonHumanIdentity.objects.filter(pk__in=keys, automation__isnull=False)
    named = VersionIdentity.objects.filter(identity__in=keys).values("version")
    tied = Version.objects.filter(automation__in=served.values("automation")).order_by().values("pk")
    own_drafts = Q(automation__state=AutomationState.DRAFT, automation__team=drafts_of, pk=Subquery(newest_version()))
    versions = Version.objects.filter(counted_versions() | own_drafts, pk__in=named.union(tied))
    return versions.exclude(automation__state=AutomationState.RETIRED)


def as_identity(identity: NonHumanIdentity) -> QuerySet[Version]:
    """Those that run as one identity; of drafts those of the team that it serves."""
    return versions([identity.pk], drafts_of=identity.automation.team_id if identity.automation is not None else None)
