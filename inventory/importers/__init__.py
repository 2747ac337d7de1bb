"""The importers: from an export to a manifest, pure. No Django, no ORM, no settings, no network, nothing executed.

`read` takes one uploaded file, `read_paths` files and folders; both give results that hold a `Manifest` and the secrets
found, without their values, or an `ImportProblem` in words. What the register needs to find things again (bindings,
entitlements, privileges, digests) are functions of the manifest. How each format is read stands in the modules below.
"""

from inventory.importers.documents import Limits
from inventory.importers.files import NotRead, read_paths
from inventory.importers.levels import access_of
from inventory.importers.manifest import (
    Credential,
    CredentialRef,
    Finding,
    Identity,
    Manifest,
    Privilege,
    Source,
    Trigger,
    binding_key,
    entitlement_code,
    manifest_digest,
    manifest_digests,
    privilege_key,
    with_shared_credentials,
)
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import (
    FORMATS,
    VERSION,
    Format,
    ReadResult,
    file_shown,
    fingerprint_of,
    read,
    with_shared,
)
from inventory.importers.secrets.findings import SecretFound
from inventory.importers.secrets.slots import looks_secret
from inventory.importers.secrets.typed_input import published_secret

__all__ = [
    "FORMATS",
    "VERSION",
    "Credential",
    "CredentialRef",
    "Finding",
    "Format",
    "Identity",
    "ImportProblem",
    "Limits",
    "Manifest",
    "NotRead",
    "Privilege",
    "ReadResult",
    "SecretFound",
    "Source",
    "Trigger",
    "access_of",
    "binding_key",
    "entitlement_code",
    "file_shown",
    "fingerprint_of",
    "looks_secret",
    "manifest_digest",
    "manifest_digests",
    "privilege_key",
    "published_secret",
    "read",
    "read_paths",
    "with_shared",
    "with_shared_credentials",
]
