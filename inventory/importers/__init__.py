"""Importers: pure functions from an export to a manifest. No Django, no ORM, no settings, no network, no execution.

`read` reads an uploaded file, `read_paths` files and folders. A result holds a `Manifest` and the secrets found,
without their values. An `ImportProblem` explains a failure. Functions of the manifest compute the register's keys:
bindings, entitlements, privileges, digests.
"""

from inventory.importers.documents import Limits
from inventory.importers.files import NotRead, read_paths
from inventory.importers.manifest import (
    Credential,
    CredentialRef,
    Finding,
    Identity,
    Manifest,
    Privilege,
    Trigger,
    binding_key,
    entitlement_code,
    manifest_digest,
    privilege_key,
    with_shared_credentials,
)
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import FORMATS, VERSION, ReadResult, file_shown, read, with_shared
from inventory.importers.secrets.slots import looks_secret, published_secret
