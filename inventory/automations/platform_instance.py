"""Names of platform instances and keys of credentials, by which the register recognises them (I1, I5, I6). Pure."""

from __future__ import annotations

from inventory.importers.manifest import Credential, Manifest
from inventory.models import Automation


def platform_name(manifest: Manifest) -> str:
    """Name of the platform, with its instance if the source names one."""
    return f"{manifest.platform} {manifest.source.platform_instance[:16]}".strip()[:120]


def local_instance_of(automation: Automation) -> str:
    """Platform instance of credentials that are valid within one automation only.

    The same environment variable or prompt input in another configuration is another credential.
    """
    return f"automation {automation.pk}"


def credential_places(
    manifest: Manifest, platform_instance: str, automation: Automation | None
) -> list[tuple[str, str, str]]:
    """Key of each credential of a manifest: platform instance, kind, id. The instance is empty for a local credential of a
    new automation.
    """
    local = local_instance_of(automation) if automation is not None else ""
    where = {
        credential.key: local if _is_local(credential) else platform_instance for credential in manifest.credentials
    }
    return [(where[credential.key], credential.type, external_id_of(credential)) for credential in manifest.credentials]


def _is_local(credential: Credential) -> bool:
    """Whether the id is valid in one automation only: no credential store of the platform issued it."""
    return credential.where != "node" or not credential.external_id


def external_id_of(credential: Credential) -> str:
    """Id of a credential in the register: its external id, otherwise its name."""
    return (credential.external_id or f"name:{credential.name}")[:160]
