"""Names of platform instances and keys of credentials, by which the register recognises them (I1, I5, I6). Pure."""

from __future__ import annotations

from inventory.importers.manifest import Manifest
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
    # An id is local if no credential store of the platform issued it.
    where = {
        each.key: platform_instance if each.where == "node" and each.external_id else local
        for each in manifest.credentials
    }
    return [
        (where[each.key], each.type, (each.external_id or f"name:{each.name}")[:160]) for each in manifest.credentials
    ]
