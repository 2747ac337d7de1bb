"""The manifest: what one automation is, is started by, and would touch, in one shape for every source.

Answers for the shape (schema ``countersign.manifest/1``), its digest (I2) and the keys by which the register finds
resources, entitlements and privileges again. Reading sources is left to the modules beside this one; levels and
findings stand here as data, but belong to an assessment and are no part of the digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import rfc8785

from inventory.importers.connectors import canonical_connector, service_of

SCHEMA = "countersign.manifest/1"

Access = Literal["read", "write", "admin", "execute", "unknown"]
Kind = Literal["workflow", "ai_app", "agent", "script", "integration", "pipeline"]
Severity = Literal["high", "medium", "low"]

QUERY_OPERATIONS = frozenset({"executeQuery", "query", "*"})
"""Operations whose level is not in their name: it depends on a literal query or on a switch such as ``--read-only``."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the manifest was read from. `content` is the source digest (I2).

    `earlier` is the digest that importers before 1.4 gave to the same source, in the order of the file; empty where it is the same.
    """

    format: str
    files: tuple[str, ...]
    external_id: str = ""
    owner_hint: str = ""
    platform_instance: str = ""
    content: str = ""
    earlier: str = ""

    @property
    def digests(self) -> tuple[str, ...]:
        """The digests by which the register may know this source: what was stored before an upgrade is found again (I7)."""
        return tuple(filter(None, (self.content, self.earlier)))


@dataclass(frozen=True, slots=True)
class Trigger:
    """One thing that starts the automation. `authenticated` is False where anybody who knows the address can."""

    type: str
    at: str
    detail: str = ""
    authenticated: bool = True
    active: bool = True


@dataclass(frozen=True, slots=True)
class Identity:
    """One non-human identity that the source itself names (I5)."""

    kind: str
    name: str
    scope: str = ""


@dataclass(frozen=True, slots=True)
class CredentialRef:
    """Which credential a privilege is used with. `bound` is False where the source needs one and names none."""

    type: str
    name: str = ""
    external_id: str = ""
    bound: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """Type and id; the name only where the source knows no id."""
        return self.type, self.external_id or self.name


@dataclass(frozen=True, slots=True)
class Privilege:
    """One thing that the automation would do to something outside itself.

    `instance` is the HTTP host, else the server's name, else the credential's external id, else the platform itself;
    empty where it is decided at run time. `assumed` names the members that the source left to a default or that were
    read from a name. `target_name` is a label for people, and no part of any key.
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
class Credential:
    """Metadata of one credential that the source names (I6); never its value. `at` are the places that use it."""

    type: str
    name: str = ""
    external_id: str = ""
    where: str = "node"
    lifetime: str = "static"
    at: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Type and id; the name only where the source knows no id."""
        return self.type, self.external_id or self.name


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a reviewer should know. `detail` is the importer's own words and quotes no value."""

    code: str
    at: str
    severity: Severity
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One automation, as its source describes it. Order in lists is the source's. `enabled` is None where unsaid."""

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
    #: The id of what the platform starts when it fails (A16); the source digest holds it, so no other does.
    on_error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The manifest as JSON-able values: dicts, lists, text, booleans and None."""
        members = asdict(self)
        source = members.pop("source")
        if not self.on_error:
            del members["on_error"]
        if not self.source.earlier:
            del source["earlier"]
        document: dict[str, Any] = _lists({"schema": SCHEMA, "source": source, **members})
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Manifest:
        """The manifest that `to_dict` wrote.

        Raises:
            ValueError: the document is of another schema.
        """
        if document.get("schema") != SCHEMA:
            raise ValueError("not a manifest of schema " + SCHEMA)
        source = document["source"]
        return cls(
            source=Source(**{**source, "files": tuple(source["files"])}),
            name=document["name"],
            kind=document["kind"],
            platform=document["platform"],
            enabled=document["enabled"],
            triggers=tuple(Trigger(**each) for each in document["triggers"]),
            identities=tuple(Identity(**each) for each in document["identities"]),
            privileges=tuple(_privilege(each) for each in document["privileges"]),
            credentials=tuple(Credential(**{**each, "at": tuple(each["at"])}) for each in document["credentials"]),
            findings=tuple(Finding(**each) for each in document["findings"]),
            on_error=document.get("on_error", ""),
        )


def canonical_json(document: object) -> bytes:
    """RFC 8785 bytes of JSON-able values."""
    return rfc8785.dumps(document)  # type: ignore[arg-type]


def sha256(document: object) -> str:
    """``sha256:`` and the hex digest of the RFC 8785 bytes."""
    return "sha256:" + hashlib.sha256(canonical_json(document)).hexdigest()


def manifest_digest(manifest: Manifest) -> str:
    """The digest that makes a version a version (I2): triggers, privileges, identities, credentials, source digest.

    What an importer infers is left out (levels, findings, and members marked `assumed`), and so is where in the source
    something stands, and in which order: a better importer, a renamed node or a relabelled credential makes no new version.
    """
    return _digest(manifest, manifest.source.content, in_order=False)


def manifest_digests(manifest: Manifest) -> tuple[str, ...]:
    """The digest, and those of importers before 1.4 for the same file: a version that was stored then is found again (I7)."""
    earlier = (_digest(manifest, content, in_order=True) for content in manifest.source.digests)
    return tuple(dict.fromkeys([manifest_digest(manifest), *earlier]))


def _digest(manifest: Manifest, content: str, *, in_order: bool) -> str:
    lists: dict[str, list[list[Any]]] = {
        "triggers": [[t.type, t.detail, t.authenticated, t.active] for t in manifest.triggers],
        "identities": [[i.kind, i.name, i.scope] for i in manifest.identities],
        "credentials": [[*c.key, c.where] for c in manifest.credentials],
        "privileges": [_stated(p) for p in manifest.privileges],
    }
    if not in_order:
        lists = {name: sorted(rows, key=canonical_json) for name, rows in lists.items()}
    return sha256({"schema": SCHEMA, "content": content, **lists})


def entitlement_code(privilege: Privilege) -> str:
    """The code of the entitlement on its resource (I4): ``resource:operation``, or the tool.

    Where the level is not in the operation's name, what narrowed it is part of the code: ``database:executeQuery/read``
    is a literal SELECT and another entitlement than ``database:executeQuery``, which runs whatever it is given.
    """
    code = f"{privilege.resource}:{privilege.operation}" if privilege.resource else privilege.operation
    widest = "unknown" if privilege.operation == "*" else "execute"
    if privilege.operation in QUERY_OPERATIONS and privilege.access not in ("unknown", widest):
        return f"{code}/{privilege.access}"
    return code


def binding_key(privilege: Privilege) -> tuple[str, str]:
    """(connector, instance): by what the register looks up which resource this opens (I8).

    A credential opens one thing whatever kind of node uses it, so where the instance is a credential the connector is
    the credential's service: chat memory, vector store and query node with one Postgres credential are one binding.
    The instance is empty where it is decided at run time; such a privilege has no binding.
    """
    ref = privilege.credential
    if ref is not None and ref.external_id and privilege.instance == ref.external_id:
        return service_of(ref.type) or canonical_connector(privilege.connector), privilege.instance
    return canonical_connector(privilege.connector), privilege.instance


def privilege_key(privilege: Privilege, resource: str) -> str:
    """What makes a privilege the same one again: resource, connection, entitlement, target, scope, credential.

    The connection is a part of it, also where two of them are said to open one resource: whoever answers for that resource
    decides about each, and by that says of each whether it opens theirs (I8). One privilege for both would be held by the
    word about the first.

    Args:
        privilege: as read.
        resource: the register's key of the resource that `binding_key` resolved to; any text while there is none.

    Returns:
        64 hex digits. Several nodes with one key are one privilege with several places.
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
    """The same manifests, each with a `shared_credential` finding for a credential that others of the batch use (I5).

    Matched by id within one platform instance, never by name; references such as environment variables are local to
    one configuration and are not compared.
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
    """A privilege as its source states it: what was assumed is null, what was inferred is absent."""
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


def _privilege(document: Mapping[str, Any]) -> Privilege:
    ref = document["credential"]
    members = {**document, "credential": CredentialRef(**ref) if ref else None, "assumed": tuple(document["assumed"])}
    return Privilege(**members)


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lists(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lists(each) for each in value]
    return value
