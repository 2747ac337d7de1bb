"""From a manifest to what it would be in the register: unsaved rows, with resources looked up by binding (I7, I8).

Preview draws these rows and confirming saves them, so that both say the same. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from inventory import words
from inventory.importers.manifest import Credential as ManifestCredential
from inventory.importers.manifest import CredentialRef, Manifest, binding_key, entitlement_code, privilege_key
from inventory.importers.manifest import Privilege as ManifestPrivilege
from inventory.models import Binding, Credential, Entitlement, Lifetime, Privilege, Resource, Trigger

BindingKey = tuple[str, str]

#: Findings that say: what this touches was not recognised.
NOT_RECOGNISED = ("unrecognised", "dynamic_host")


@dataclass
class Resolution:
    """What a manifest would be in the register.

    Args:
        resources: by binding key; unsaved ones are not known yet and would be proposed.
        privileges: by draft key, which is stable between preview and confirmation; rows are unsaved.
        credentials: by reference key; unsaved ones are new to the register.
        places: where a credential is used, by reference key.
        said: the manifest's own words about each privilege, by draft key.
        triggers: unsaved.
        bound: binding keys that the register knows already.
    """

    resources: dict[BindingKey, Resource] = field(default_factory=dict)
    privileges: dict[str, Privilege] = field(default_factory=dict)
    credentials: dict[tuple[str, ...], Credential] = field(default_factory=dict)
    places: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    said: dict[str, ManifestPrivilege] = field(default_factory=dict)
    triggers: list[Trigger] = field(default_factory=list)
    bound: set[BindingKey] = field(default_factory=set)

    @property
    def unknown(self) -> list[BindingKey]:
        """Connections that open something nobody has named yet."""
        return [key for key, resource in self.resources.items() if resource.pk is None or resource.unresolved]


def binding_name(key: BindingKey) -> str:
    """How a form names a connection: ``connector|instance``."""
    return "|".join(key)


def credential_draft_key(credential: Credential) -> str:
    """The key under which a draft keeps what is said about a credential, before it has a row."""
    return f"credential:{credential.kind}|{credential.external_id or credential.name}"


def resolve(manifest: Manifest, *, platform_instance: str, chosen: Mapping[str, Resource]) -> Resolution:
    """Look everything up.

    Args:
        manifest: as read.
        platform_instance: the register's name of where the automation runs.
        chosen: the builder's choice for connections that the register does not know, by `binding_name`.
    """
    found = Resolution()
    _resources(found, manifest, chosen)
    _credentials(found, manifest, platform_instance)
    entitlements = _entitlements(found)
    vague = {finding.at for finding in manifest.findings if finding.code in NOT_RECOGNISED}
    for said in manifest.privileges:
        _privilege(found, said, entitlements, vague)
    for credential in found.credentials.values():
        if credential.pk is None and credential.opens is None:
            credential.opens = _opened_by(found, credential)
    found.triggers = [
        Trigger(type=t.type, at=t.at[:300], detail=t.detail[:300], authenticated=t.authenticated, active=t.active)
        for t in manifest.triggers
    ]
    return found


def _resources(found: Resolution, manifest: Manifest, chosen: Mapping[str, Resource]) -> None:
    keys = {binding_key(one): one for one in manifest.privileges}
    instances = {instance for _, instance in keys}
    known = {
        (row.connector, row.instance_name): row.resource
        for row in Binding.objects.filter(instance_name__in=instances).select_related(
            "resource__owner", "resource__deputy", "resource__team__lead", "resource__team__deputy_lead"
        )
    }
    for key, said in keys.items():
        if key in known:
            found.bound.add(key)
        resource = known.get(key)
        if resource is None or resource.unresolved:
            resource = chosen.get(binding_name(key)) or resource
        found.resources[key] = resource or _proposed(key, said)


def _proposed(key: BindingKey, said: ManifestPrivilege) -> Resource:
    connector, instance = key
    named = said.credential.name if said.credential is not None and instance == said.credential.external_id else ""
    name = named or instance or f"Whatever {said.at} talks to"
    return Resource(kind=words.kind_of(connector), name=name[:160], unresolved=not instance)


def _credentials(found: Resolution, manifest: Manifest, platform_instance: str) -> None:
    external = [one.external_id for one in manifest.credentials if one.external_id]
    rows = Credential.objects.filter(platform_instance=platform_instance, external_id__in=external).select_related(
        "kept_in__owner", "opens__owner", "kept_in__deputy", "opens__deputy"
    )
    known = {(row.kind, row.external_id): row for row in rows}
    for one in manifest.credentials:
        row = known.get((one.type, one.external_id)) or _new_credential(one, platform_instance)
        found.credentials[one.key] = row
        found.places.setdefault(one.key, []).extend(one.at)


def _new_credential(one: ManifestCredential, platform_instance: str) -> Credential:
    lifetime = one.lifetime if one.lifetime in Lifetime.values else Lifetime.UNKNOWN
    return Credential(
        kind=one.type,
        name=one.name[:160],
        platform_instance=platform_instance,
        external_id=one.external_id[:160],
        lifetime=lifetime,
    )


def _entitlements(found: Resolution) -> dict[tuple[int, str], Entitlement]:
    saved = [resource for resource in found.resources.values() if resource.pk is not None]
    rows = Entitlement.objects.filter(resource__in=saved)
    by_pk = {resource.pk: resource for resource in saved}
    known = {}
    for row in rows:
        row.resource = by_pk[row.resource_id]
        known[row.resource_id, row.code] = row
    return known


def _privilege(
    found: Resolution,
    said: ManifestPrivilege,
    entitlements: dict[tuple[int, str], Entitlement],
    vague: set[str],
) -> None:
    draft_key = privilege_key(said, "")
    same = found.privileges.get(draft_key)
    if same is not None:
        same.at = list(dict.fromkeys([*same.at, said.at]))
        same.active = same.active or said.active
        same.model_controlled = same.model_controlled or said.model_controlled
        return
    found.said[draft_key] = said
    connector, instance = binding_key(said)
    resource = found.resources[connector, instance]
    code = entitlement_code(said)
    scope_kind, parts = words.scope_of(said.connector, said.target, said.scope)
    known = entitlements.get((resource.pk or 0, code)) or _new_entitlement(resource, said, code, scope_kind)
    found.privileges[draft_key] = Privilege(
        entitlement=known,
        connector=connector,
        instance=instance,
        target=said.target[:300],
        target_name=said.target_name[:300],
        scope=[part[:300] for part in parts],
        level=said.access,
        credential=_credential_of(found, said.credential),
        credential_missing=said.credential is not None and not said.credential.bound,
        at=[said.at],
        assumed=list(said.assumed),
        active=said.active,
        model_controlled=said.model_controlled,
        sensitive=said.sensitive,
        opaque=said.access == "execute" and said.operation in ("*", "execute", "executeQuery", "runCode"),
        recognised=bool(instance) and said.at not in vague,
    )


def _credential_of(found: Resolution, ref: CredentialRef | None) -> Credential | None:
    return found.credentials.get(ref.key) if ref is not None and ref.bound else None


def _new_entitlement(resource: Resource, said: ManifestPrivilege, code: str, scope_kind: str) -> Entitlement:
    phrase = words.phrase(said.connector, code)
    return Entitlement(
        resource=resource,
        code=code[:160],
        words=phrase.words[:200],
        form=phrase.form[:300],
        level=said.access,
        scope_kind=scope_kind,
        outbound=words.carries_out(said.connector, said.access),
    )


def _opened_by(found: Resolution, credential: Credential) -> Resource | None:
    """What a credential opens, as far as the manifest says: the resource of the first privilege that uses it."""
    for privilege in found.privileges.values():
        if privilege.credential is credential:
            return privilege.entitlement.resource
    return None

