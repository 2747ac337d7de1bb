"""Resolve a manifest to unsaved register rows, with resources found by binding (I7, I8).

The preview shows these rows and the confirmation saves them, so both have the same result. No function here writes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from governance.core.models import Person
from inventory.credentials import rules as credential_rules
from inventory.importers import capabilities, sentences
from inventory.importers.manifest import Manifest, binding_key, entitlement_code, privilege_key
from inventory.importers.manifest import Privilege as ManifestPrivilege
from inventory.models import (
    REGISTERED,
    Automation,
    AutomationState,
    Binding,
    Credential,
    DataClass,
    Entitlement,
    Lifetime,
    NonHumanIdentity,
    Privilege,
    Reach,
    Resource,
    ResourceState,
    Trigger,
)
from inventory.models.binding import BindingKey
from inventory.resources.queries import RESOURCE_RELATIONS, Bindings, of_connections
from inventory.risk.levels import higher_level
from inventory.versions.privilege_levels import is_opaque, is_recognised, level_of, places_by_finding

#: Relations loaded with bindings and credentials, so that their approvers need no further query.
BINDING_RELATIONS = (*(f"resource__{name}" for name in RESOURCE_RELATIONS), "refused_by", "proposed_by")


@dataclass
class Resolution:
    """Register rows of a manifest.

    Args:
        resources: by binding key; unsaved ones are unknown and will be proposed.
        bindings: saved bindings by binding key; the import adds those that it saves.
        bindings_read: all bindings that were read, also those of other connections that confirm the same hosts.
        held: keys of bindings that another person proposed and that wait for their owner; the builder cannot change
            them.
        privileges: unsaved, by draft key, which is equal in preview and confirmation.
        credentials: by reference key; unsaved ones are new.
        places: places that use a credential, by reference key.
        manifest_privileges: privileges of the manifest by draft key.
        opened: credentials whose resource this import sets in `opens`.
        triggers: unsaved.
        identities: identities that the source names; unsaved ones are new.
    """

    resources: dict[BindingKey, Resource] = field(default_factory=dict)
    bindings: dict[BindingKey, Binding] = field(default_factory=dict)
    bindings_read: list[Binding] = field(default_factory=list)
    held: dict[BindingKey, Binding] = field(default_factory=dict)
    privileges: dict[str, Privilege] = field(default_factory=dict)
    credentials: dict[tuple[str, ...], Credential] = field(default_factory=dict)
    places: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    manifest_privileges: dict[str, ManifestPrivilege] = field(default_factory=dict)
    opened: list[Credential] = field(default_factory=list)
    triggers: list[Trigger] = field(default_factory=list)
    identities: list[NonHumanIdentity] = field(default_factory=list)

    @property
    def unknown(self) -> list[BindingKey]:
        """Connections whose resource is unknown."""
        return [key for key, resource in self.resources.items() if resource._state.adding or resource.unresolved]

    def as_bound(self, by: Person | None) -> Bindings:
        """Bindings as after the import by a person: new ones are proposed by them (I8)."""
        new = [
            Binding(connector=key[0], instance_name=key[1], resource=resource, proposed_by=by)
            for key, resource in self.resources.items()
            if key[1] and key[0] != REGISTERED and (key not in self.bindings or self.is_rebound(key))
        ]
        return Bindings([*self.bindings.values(), *new], self.bindings_read)

    @property
    def nameable(self) -> list[BindingKey]:
        """Connections whose resource the builder may choose: unknown, refused or unconfirmed (I8)."""
        keys = (key for key in self.resources if key[1] and key[0] != REGISTERED and key not in self.held)
        return [key for key in keys if key not in self.bindings or self.bindings[key].is_open]

    def is_rebound(self, key: BindingKey) -> bool:
        """Whether the builder chose another resource than the unconfirmed binding names."""
        binding = self.bindings.get(key)
        return binding is not None and binding.resource_id != self.resources[key].pk

    def refusal_of(self, key: BindingKey) -> str:
        """Sentence that the owner of the proposed resource refused a connection; empty without a refusal (I8)."""
        row = self.bindings.get(key)
        if row is None or not row.is_refused or self.resources[key].pk is not None:
            return ""
        name = row.refused_by.name if row.refused_by is not None else "Its owner"
        return f"{name} said that it does not open {row.resource.name}"

    def proposal_of(self, key: BindingKey) -> str:
        """Sentence that another person already proposed the resource of a connection; empty if the builder may choose
        (I8).
        """
        row = self.held.get(key)
        if row is None:
            return ""
        name = row.proposed_by.name if row.proposed_by is not None else "Somebody"
        return f"{name} proposed already that it opens {row.resource.name}: its owner confirms or refuses that"


def binding_name(key: BindingKey) -> str:
    """Form name of a connection: ``connector|instance``."""
    return "|".join(key)


def credential_draft_key(credential: Credential) -> str:
    """Key of a credential in a draft, before it has a row."""
    return f"credential:{credential.kind}|{credential.external_id or credential.name}"


def local_instance_of(automation: Automation) -> str:
    """Platform instance of credentials that are valid within one automation only.

    The same environment variable or prompt input in another configuration is another credential.
    """
    return f"automation {automation.pk}"


def credential_places(
    manifest: Manifest, platform_instance: str, automation: Automation | None
) -> list[tuple[str, str, str]]:
    """Key of each credential of a manifest (I6): platform instance, kind, id. The instance is empty for a local credential
    of a new automation.
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


def resolve_manifest(
    manifest: Manifest,
    *,
    platform_instance: str,
    chosen: Mapping[str, Resource],
    automation: Automation | None = None,
    by: Person | None = None,
    with_people: bool = True,
) -> Resolution:
    """Resolve a manifest against the register.

    Args:
        manifest: the manifest.
        platform_instance: register name of the automation's platform instance.
        chosen: the builder's choice for unconfirmed connections, by `binding_name`.
        automation: the known automation of the version; None for a new one.
        by: the importer; they may change their own proposals.
        with_people: whether to load the owners of the rows, as a preview shows them.
    """
    resolved = Resolution()
    _resources(resolved, manifest, chosen, automation, by, BINDING_RELATIONS if with_people else ("resource",))
    _credentials(resolved, manifest, platform_instance, automation, RESOURCE_RELATIONS if with_people else ())
    entitlements = _entitlements(resolved)
    places = places_by_finding(manifest)
    for privilege in manifest.privileges:
        _privilege(resolved, privilege, entitlements, places)
    _settle_credentials(resolved, automation)
    resolved.triggers = [
        Trigger(type=t.type[:40], at=t.at[:300], detail=t.detail[:300], authenticated=t.authenticated, active=t.active)
        for t in manifest.triggers
    ]
    _identities(resolved, manifest, platform_instance)
    return resolved


def _resources(
    resolved: Resolution,
    manifest: Manifest,
    chosen: Mapping[str, Resource],
    automation: Automation | None,
    by: Person | None,
    related: Sequence[str],
) -> None:
    keys = {binding_key(privilege): privilege for privilege in manifest.privileges}
    connections = [key for key in keys if key[0] != REGISTERED]
    if connections:
        rows = Binding.objects.filter(of_connections(connections)).select_related(*related)
        resolved.bindings_read = list(rows)
    resolved.bindings = {row.key: row for row in resolved.bindings_read if row.key in keys}
    resolved.held = _reserved_by_others(resolved.bindings, automation, by)
    described = _described(keys)
    for key, privilege in keys.items():
        row = resolved.bindings.get(key)
        # A connection chosen at run time stays open for everybody; no builder's choice decides it (I8).
        may_choose = key[1] and (row is None or row.is_open) and key not in resolved.held
        choice = chosen.get(binding_name(key)) if may_choose else None
        if row is not None and choice is not None and choice.pk in row.refused_for:
            choice = None  # its owner refused this resource
        stands = row.resource if row is not None and not row.is_refused else None
        resolved.resources[key] = described.get(key) or choice or stands or proposed_resource(key, privilege)


def _reserved_by_others(
    bindings: Mapping[BindingKey, Binding], automation: Automation | None, by: Person | None
) -> dict[BindingKey, Binding]:
    """Bindings that another person proposed and another automation uses; a later draft cannot change them during that
    review (I8).
    """
    waiting = {
        key: row
        for key, row in bindings.items()
        if row.is_open
        and not row.is_refused
        and row.resource.state != ResourceState.RETIRED
        and (by is None or row.proposed_by_id != by.pk)
    }
    uses = Privilege.objects.filter(instance__in={instance for _, instance in waiting} - {""})
    others = uses.exclude(version__automation__state=AutomationState.RETIRED)
    if automation is not None:
        others = others.exclude(version__automation=automation)
    rests = set(others.values_list("connector", "instance").distinct())
    return {key: row for key, row in waiting.items() if key in rests}


def _described(keys: Iterable[BindingKey]) -> dict[BindingKey, Resource]:
    """Resources of a manual description."""
    named = [instance for connector, instance in keys if connector == REGISTERED]
    rows = Resource.objects.select_related(*RESOURCE_RELATIONS).in_bulk(named)
    return {(REGISTERED, str(pk)): row for pk, row in rows.items()}


def proposed_resource(key: BindingKey, privilege: ManifestPrivilege) -> Resource:
    """Unsaved resource of an unknown connection, with the name and kind that the source suggests."""
    (connector, instance), ref = key, privilege.credential
    if not instance:
        name = f"{connector.removesuffix('Trigger')} (not known which)"[:160]
        return Resource(kind=sentences.kind_of(connector), name=name, unresolved=True, directory=False)
    name = ref.name if ref is not None and instance == ref.external_id else ""
    return Resource(kind=sentences.kind_of(connector), name=(name or instance)[:160])


def _credentials(
    resolved: Resolution,
    manifest: Manifest,
    platform_instance: str,
    automation: Automation | None,
    related: Sequence[str],
) -> None:
    places = credential_places(manifest, platform_instance, automation)
    rows = Credential.objects.filter(
        platform_instance__in={platform for platform, _, _ in places} - {""},
        external_id__in=[external_id for _, _, external_id in places],
    )
    credentials = {(row.platform_instance, row.kind, row.external_id): row for row in rows}
    _load_stores(credentials.values(), resolved, related)
    for credential, place in zip(manifest.credentials, places, strict=True):
        if credential.key not in resolved.credentials:
            resolved.credentials[credential.key] = credentials.get(place) or Credential(
                kind=credential.type[:80],
                name=credential.name[:160],
                platform_instance=place[0],
                external_id=place[2],
                lifetime=credential.lifetime if credential.lifetime in Lifetime.values else Lifetime.UNKNOWN,
            )
        resolved.places.setdefault(credential.key, []).extend(at[:300] for at in credential.at)


def _load_stores(credentials: Iterable[Credential], resolved: Resolution, related: Sequence[str]) -> None:
    """Set the resources that keep credentials and that these open; a query only for resources that no connection opens."""
    known = {row.resource_id: row.resource for row in resolved.bindings.values()}
    wanted = {pk for row in credentials for pk in (row.kept_in_id, row.opens_id) if pk is not None}
    if missing := wanted - known.keys():
        known |= Resource.objects.select_related(*related).order_by().in_bulk(missing)
    for row in credentials:
        row.kept_in = known[row.kept_in_id] if row.kept_in_id is not None else None
        row.opens = known[row.opens_id] if row.opens_id is not None else None


def _settle_credentials(resolved: Resolution, automation: Automation | None) -> None:
    uses = [
        (privilege.credential, (privilege.connector, privilege.instance))
        for privilege in resolved.privileges.values()
        if privilege.credential is not None
    ]
    rows = resolved.resources, resolved.bindings
    for credential, resource in credential_rules.resources_of_credentials(uses, *rows, automation):
        credential.opens = resource
        # Its entitlement codes belong to the former resource; the reach of this one is unknown (I6, T1).
        credential.reach_kind, credential.reach = Reach.UNKNOWN, []
        resolved.opened.append(credential)


def _entitlements(resolved: Resolution) -> dict[tuple[int, str], Entitlement]:
    saved = {resource.pk: resource for resource in resolved.resources.values() if not resource._state.adding}
    entitlements = {}
    for row in Entitlement.objects.filter(resource__in=saved).order_by():
        row.resource = saved[row.resource_id]
        entitlements[row.resource_id, row.code] = row
    return entitlements


def _privilege(
    resolved: Resolution,
    privilege: ManifestPrivilege,
    entitlements: dict[tuple[int, str], Entitlement],
    places: Mapping[str, set[str]],
) -> None:
    connector, instance = binding_key(privilege)
    resource = resolved.resources[connector, instance]
    level, ref = level_of(privilege, places), privilege.credential
    scope_kind, parts = sentences.scope_of(privilege.connector, privilege.target, privilege.scope)
    entitlement = entitlements.get((resource.pk or 0, entitlement_code(privilege)[:160]))
    credential = resolved.credentials.get(ref.key) if ref is not None else None
    made = Privilege(
        entitlement=entitlement or _new_entitlement(resource, privilege, scope_kind, level),
        connector=connector,
        instance=instance,
        target=privilege.target,
        target_name=privilege.target_name[:300],
        scope=parts,
        level=level,
        credential=credential,
        credential_missing=credential is None and ref is not None and not ref.bound,
        key=privilege_key(privilege, str(resource.pk or binding_name((connector, instance)))),
        at=[privilege.at[:300]],
        assumed=list(privilege.assumed),
        active=privilege.active,
        model_controlled=privilege.model_controlled,
        sensitive=privilege.sensitive,
        opaque=is_opaque(privilege, places),
        recognised=is_recognised(privilege, places),
    )
    draft_key = privilege_key(privilege, "")
    same = resolved.privileges.setdefault(draft_key, made)
    resolved.manifest_privileges.setdefault(draft_key, privilege)
    if same is not made:
        _merge(same, made)


def _merge(privilege: Privilege, other: Privilege) -> None:
    """Merge two privileges with the same key; the higher risk of each field counts."""
    privilege.at = list(dict.fromkeys([*privilege.at, *other.at]))
    privilege.assumed = list(dict.fromkeys([*privilege.assumed, *other.assumed]))
    privilege.level = higher_level(privilege.level, other.level)
    privilege.recognised = privilege.recognised and other.recognised
    for name in ("active", "model_controlled", "sensitive", "opaque", "credential_missing"):
        setattr(privilege, name, getattr(privilege, name) or getattr(other, name))


def _new_entitlement(resource: Resource, privilege: ManifestPrivilege, scope_kind: str, level: str) -> Entitlement:
    code = entitlement_code(privilege)
    phrase = sentences.phrase_of(privilege.connector, code[:160])
    opens_secrets = privilege.sensitive and privilege.access == "read"
    return Entitlement(
        resource=resource,
        code=code[:160],
        words=phrase.words[:200],
        form=phrase.form[:300],
        level=level,
        scope_kind=scope_kind,
        data_class=DataClass.RESTRICTED if opens_secrets else "",
        outbound=sentences.is_outbound(privilege.connector, privilege.access),
        tags=capabilities.tags_of(privilege.connector, code, level, kind=resource.kind, opens_secrets=opens_secrets),
    )


def _identities(resolved: Resolution, manifest: Manifest, platform_instance: str) -> None:
    named = {
        (f"{identity.scope}/{identity.name}" if identity.scope else identity.name)[:2048]: identity
        for identity in manifest.identities
    }
    rows = NonHumanIdentity.objects.filter(issuer=platform_instance, subject__in=named) if named else ()
    identities = {row.subject: row for row in rows}
    resolved.identities = [
        identities.get(subject) or NonHumanIdentity(kind=identity.kind[:40], issuer=platform_instance, subject=subject)
        for subject, identity in named.items()
    ]
