"""How the register names where an automation runs, and where it keeps the credentials that a manifest names: by these it finds one
again (I1, I5, I6). Pure.
"""

from __future__ import annotations

from inventory.importers.manifest import Credential, Manifest
from inventory.models import Automation


def platform_of(manifest: Manifest) -> str:
    """How the register names where an automation runs: the platform, and which one where the source says so."""
    return f"{manifest.platform} {manifest.source.platform_instance[:16]}".strip()[:120]


def local_to(automation: Automation) -> str:
    """The platform instance under which credentials are kept that mean nothing outside one automation.

    An environment variable or a prompt's input of the same name in another configuration is another credential.
    """
    return f"automation {automation.pk}"


def credential_places(
    manifest: Manifest, platform_instance: str, automation: Automation | None
) -> list[tuple[str, str, str]]:
    """Where the register keeps each credential of a manifest: platform instance, kind, id; the first is empty for what a new
    automation alone knows.
    """
    local = local_to(automation) if automation is not None else ""
    where = {
        credential.key: local if _is_local(credential) else platform_instance for credential in manifest.credentials
    }
    return [(where[credential.key], credential.type, external_id_of(credential)) for credential in manifest.credentials]


def _is_local(credential: Credential) -> bool:
    """Whether its id says something within one automation only: no credential store of the platform gave it."""
    return credential.where != "node" or not credential.external_id


def external_id_of(credential: Credential) -> str:
    """The id under which it is kept: its own, else its name."""
    return (credential.external_id or f"name:{credential.name}")[:160]
