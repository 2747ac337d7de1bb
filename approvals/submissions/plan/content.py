"""The content of a version that is submitted or previewed. A saved version and a preview have the same rows (A1, I7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from inventory.chains.chain_ends import VersionParts
from inventory.importers.manifest import Manifest
from inventory.models import Automation, Credential, NonHumanIdentity, Privilege, Trigger, Version
from inventory.resources import queries as resource_queries
from inventory.resources.queries import Bindings


@dataclass(frozen=True)
class VersionContent:
    """Content of a version, saved or not.

    Args:
        automation: with the answers that are submitted, in its amendment after the draft state; saved or not.
        registered: the stored automation; None for a new one.
        version: the saved version with this content; None before the import.
        manifest: its manifest.
        source: the digest of its source.
        privileges: each with its entitlement, resource and credential.
        credentials: each with the resources that keep it and that it opens.
        triggers: its triggers.
        identities: the identities that it names.
        bindings: its connections, as they would be.
    """

    automation: Automation
    registered: Automation | None
    version: Version | None
    manifest: Manifest
    source: str
    privileges: Sequence[Privilege]
    credentials: Sequence[Credential]
    triggers: Sequence[Trigger]
    identities: Sequence[NonHumanIdentity]
    bindings: Bindings

    @property
    def identity_ids(self) -> list[int]:
        """Ids of the registered identities that it names."""
        return [identity.pk for identity in self.identities if identity.pk is not None]

    def parts(self, identities: Sequence[NonHumanIdentity]) -> VersionParts:
        """Return its parts that can connect it with other automations (A16).

        Args:
            identities: those that it names, and those that serve its automation.
        """
        return VersionParts(
            self.automation, self.privileges, self.credentials, self.triggers, identities, self.manifest.on_error
        )


def content_of_version(automation: Automation, version: Version) -> VersionContent:
    """Load the content of a saved version. A fixed number of queries."""
    privileges = list(version.privileges.select_related("entitlement", "credential"))
    used = version.version_credentials.select_related("credential__owner", "credential__interim__person")
    credentials = [use.credential for use in used]
    opened = {pk for credential in credentials for pk in (credential.kept_in_id, credential.opens_id)}
    resources = resource_queries.with_people({row.entitlement.resource_id for row in privileges} | opened)
    for row in privileges:
        row.entitlement.resource = resources[row.entitlement.resource_id]
    for credential in credentials:
        credential.kept_in = resources.get(credential.kept_in_id or 0)
        credential.opens = resources.get(credential.opens_id or 0)
    named = NonHumanIdentity.objects.filter(used_by__version=version).select_related("owner", "interim__person")
    return VersionContent(
        automation=automation,
        registered=automation,
        version=version,
        manifest=Manifest.from_dict(version.manifest),
        source=version.source_digest,
        privileges=privileges,
        credentials=credentials,
        triggers=list(version.triggers.all()),
        identities=list(named.order_by("pk")),
        bindings=resource_queries.bindings_of(privileges),
    )
