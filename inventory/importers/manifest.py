"""Manifest: an automation with triggers, privileges and identities, in one shape for every source.

Defines the shape (schema ``countersign.manifest/1``), its digest (I2) and the keys of resources, entitlements and
privileges in the register. Other modules read sources. Levels and findings are included as data; they belong to an
assessment and are no part of the digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import rfc8785

from inventory.importers.connectors import canonical_connector, service_of
from inventory.risk.levels import Access

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = "countersign.manifest/1"

Kind = Literal["workflow", "ai_app", "agent", "script", "integration", "pipeline"]
Severity = Literal["high", "medium", "low"]

#: Operations whose level is not in their name: it depends on a literal query or on a switch such as ``--read-only``.
QUERY_OPERATIONS = frozenset({"executeQuery", "query", "*"})


@dataclass(frozen=True, slots=True)
class Source:
    """Source of the manifest. `content` is the source digest (I2); empty for a manual description."""

    format: str
    files: tuple[str, ...]
    external_id: str = ""
    owner_hint: str = ""
    platform_instance: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Trigger of the automation. `authenticated` is False if knowing the address is enough."""

    type: str
    at: str
    detail: str = ""
    authenticated: bool = True
    active: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """Non-human identity that the source names (I5)."""

    kind: str
    name: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class _NamedCredential:
    type: str
    name: str = ""
    external_id: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Type and id; the name only without an id."""
        return self.type, self.external_id or self.name


@dataclass(frozen=True, slots=True)
class CredentialRef(_NamedCredential):
    """Credential of a privilege. `bound` is False if the source needs a credential and names none."""

    bound: bool = True


@dataclass(frozen=True, slots=True)
class Privilege:
    """Operation of the automation on something outside itself.

    `instance` is the HTTP host, otherwise the server's name, the credential's external id, or the platform; empty if
    chosen at run time. `assumed` lists fields that the source left to a default or that come from a name. `target_name`
    is a label and no part of any key.
    """

    at: str
    connector: str
    instance: str = ""
    resource: str = ""
    operation: str = "*"
    access: Access = "unknown"
    scope: str = ""
    target: str = ""
    target_name: str = ""
    credential: CredentialRef | None = None
    origin: str = ""
    assumed: tuple[str, ...] = ()
    active: bool = True
    model_controlled: bool = False
    sensitive: bool = False


@dataclass(frozen=True, slots=True)
class Credential(_NamedCredential):
    """Metadata of one credential in the source (I6); never its value. `at` has the places that use it."""

    where: str = "node"
    lifetime: str = "static"
    at: tuple[str, ...] = ()


def merged_credentials(
    credentials: Iterable[Credential], key: Callable[[Credential], tuple[str, ...]]
) -> list[Credential]:
    """Each credential once by its key, with all its places."""
    merged: dict[tuple[str, ...], Credential] = {}
    for each in credentials:
        first = merged.setdefault(key(each), each)
        merged[key(each)] = replace(first, at=tuple(dict.fromkeys((*first.at, *each.at))))
    return list(merged.values())


@dataclass(frozen=True, slots=True)
class Finding:
    """Finding for a reviewer. `detail` is the importer's own text and quotes no value."""

    code: str
    at: str
    severity: Severity
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One automation as its source describes it, lists in the source's order. `enabled` is None if the source does not
    state it.
    """

    source: Source
    name: str
    kind: Kind
    platform: str
    enabled: bool | None = None
    triggers: tuple[Trigger, ...] = ()
    identities: tuple[Identity, ...] = ()
    privileges: tuple[Privilege, ...] = ()
    credentials: tuple[Credential, ...] = ()
    findings: tuple[Finding, ...] = ()
    #: Id of the automation that the platform starts on an error (A16); included in the source digest only.
    on_error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The manifest as JSON-able values: dicts, lists, text, booleans and None."""
        document: dict[str, Any] = json.loads(json.dumps({"schema": SCHEMA, **_members(self)}, default=_members))
        if not self.on_error:
            del document["on_error"]
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Manifest:
        """Manifest from the output of `to_dict`.

        Raises:
            ValueError: the document is of another schema.
        """
        if document.get("schema") != SCHEMA:
            raise ValueError("not a manifest of schema " + SCHEMA)
        return _adapter().validate_python(document)


def _members(part: Any) -> dict[str, Any]:
    """Members of a part of a manifest by name."""
    return {member.name: getattr(part, member.name) for member in fields(part)}


@cache
def _adapter() -> TypeAdapter[Manifest]:
    """Reader of stored manifests."""
    from pydantic import TypeAdapter  # slow to import, and the importers only write manifests

    return TypeAdapter(Manifest)


def canonical_json(document: object) -> bytes:
    """RFC 8785 bytes of JSON-able values."""
    return rfc8785.dumps(document)  # type: ignore[arg-type]


def sha256(document: object) -> str:
    """``sha256:`` and the hex digest of the RFC 8785 bytes."""
    return "sha256:" + hashlib.sha256(canonical_json(document)).hexdigest()


def manifest_digest(manifest: Manifest) -> str:
    """Digest that identifies a version (I2): triggers, privileges, identities, credentials, source digest.

    Inferred data (levels, findings, `assumed` fields) and places and order in the source are left out. So a better
    importer, a renamed node or a relabelled credential makes no new version.
    """
    lists: dict[str, list[list[Any]]] = {
        "triggers": [[t.type, t.detail, t.authenticated, t.active] for t in manifest.triggers],
        "identities": [[i.kind, i.name, i.scope] for i in manifest.identities],
        "credentials": [[*c.key, c.where] for c in manifest.credentials],
        "privileges": [_stated(p) for p in manifest.privileges],
    }
    in_order = {name: sorted(rows, key=canonical_json) for name, rows in lists.items()}
    return sha256({"schema": SCHEMA, "content": manifest.source.content, **in_order})


def platform_name(manifest: Manifest) -> str:
    """Name of the platform instance in the register (I1): the platform, with its instance if the source names one."""
    return f"{manifest.platform} {manifest.source.platform_instance[:16]}".strip()[:120]


def entitlement_code(privilege: Privilege) -> str:
    """Code of the entitlement on its resource (I4): ``resource:operation``, or the tool.

    If the operation's name has no level, the restriction is part of the code. ``database:executeQuery/read`` is a
    literal SELECT; ``database:executeQuery`` runs any query.
    """
    code = f"{privilege.resource}:{privilege.operation}" if privilege.resource else privilege.operation
    widest = "unknown" if privilege.operation == "*" else "execute"
    if privilege.operation in QUERY_OPERATIONS and privilege.access not in ("unknown", widest):
        return f"{code}/{privilege.access}"
    return code


def binding_key(privilege: Privilege) -> tuple[str, str]:
    """(connector, instance): key of the binding in the register (I8).

    A credential opens the same resource for every node type. So if the instance is a credential, the connector is the
    credential's service: memory, vector store and query node with one Postgres credential share a binding. The instance
    is empty if chosen at run time; then there is no binding.
    """
    ref = privilege.credential
    if ref is not None and ref.external_id and privilege.instance == ref.external_id:
        return service_of(ref.type) or canonical_connector(privilege.connector), privilege.instance
    return canonical_connector(privilege.connector), privilege.instance


def privilege_key(privilege: Privilege, resource: str) -> str:
    """Key of a privilege: resource, connection, entitlement, target, scope, credential.

    The connection is included even if two connections open the same resource: its owner decides about each of them
    (I8). With a common key, a decision about one would cover both.

    Args:
        privilege: of the manifest.
        resource: register key of the resource of `binding_key`; any text without one.

    Returns:
        64 hex digits. Nodes with the same key are one privilege with several places.
    """
    ref = privilege.credential
    parts = [
        resource,
        list(binding_key(privilege)),
        entitlement_code(privilege),
        privilege.target,
        privilege.scope,
        list(ref.key) if ref else None,
    ]
    return hashlib.sha256(canonical_json(parts)).hexdigest()


def with_shared_credentials(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Manifests with a `shared_credential` finding for each credential that others of the batch use (I5).

    Credentials match by id within one platform instance, never by name. References such as environment variables are
    local to one configuration and are not compared.
    """
    manifests = list(manifests)
    users: dict[tuple[str, ...], int] = {}
    for manifest in manifests:
        for key in {key for c in manifest.credentials if (key := _across(manifest, c))}:
            users[key] = users.get(key, 0) + 1
    return [_with_sharing(manifest, users) for manifest in manifests]


def _with_sharing(manifest: Manifest, users: Mapping[tuple[str, ...], int]) -> Manifest:
    findings = []
    for credential in manifest.credentials:
        key = _across(manifest, credential)
        others = users.get(key, 1) - 1 if key else 0
        if others:
            others_text = "1 other automation" if others == 1 else f"{others} other automations"
            at = f"credentials/{credential.name or credential.external_id}"
            findings.append(Finding("shared_credential", at, "medium", f"Also used by {others_text} of this import"))
    return replace(manifest, findings=(*manifest.findings, *findings)) if findings else manifest


def _across(manifest: Manifest, credential: Credential) -> tuple[str, ...] | None:
    if credential.where != "node" or not credential.external_id:
        return None
    return manifest.platform, manifest.source.platform_instance, credential.type, credential.external_id


def _stated(privilege: Privilege) -> list[Any]:
    """Privilege as its source states it: assumed fields are null, inferred ones absent."""
    ref = privilege.credential
    return [
        privilege.connector,
        privilege.instance,
        None if "resource" in privilege.assumed else privilege.resource,
        None if "operation" in privilege.assumed else privilege.operation,
        privilege.scope,
        privilege.target,
        [*ref.key, ref.bound] if ref else None,
        privilege.active,
        privilege.model_controlled,
    ]
