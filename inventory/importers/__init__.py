"""Importers: pure functions from an export to a manifest. No Django, no ORM, no settings, no network, no execution.

`read` reads an uploaded file, `read_paths` files and folders. A result holds a `Manifest` and the secrets found,
without their values. An `ImportProblem` explains a failure. Functions of the manifest compute the register's keys:
bindings, entitlements, privileges, digests.
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
    "privilege_key",
    "published_secret",
    "read",
    "read_paths",
    "with_shared",
    "with_shared_credentials",
]
