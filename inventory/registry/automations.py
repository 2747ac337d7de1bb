"""Bringing automations into the register: found by where they run, never by name; a changed file makes a version (I1, I7)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.controls.models import Person, Team
from governance.controls.refusals import Refusal, refuse
from governance.controls.roles import Permission
from governance.controls.transitions import Effect, Step, transition
from inventory import assessing, resolving
from inventory.importers.manifest import Manifest, manifest_digest, privilege_key, sha256
from inventory.models import (
    Automation,
    AutomationState,
    Binding,
    Entitlement,
    ImportItem,
    ImportState,
    Privilege,
    Resource,
    Version,
    VersionCredential,
)
from inventory.models.automation import AMENDED_BY_REVIEW
from inventory.resolving import Resolution

#: What a form or draft may set about an automation beside its manifest.
FIELDS = ("name", "purpose", "kind", "business_owner", "technical_owner", "escalation_contact", "environment")


@dataclass(frozen=True)
class Drift:
    """What differs between two versions, privilege by privilege (I7)."""

    added: tuple[Privilege, ...]
    removed: tuple[Privilege, ...]
    changed: tuple[tuple[Privilege, Privilege], ...]

    @property
    def is_empty(self) -> bool:
        """Whether both would hold the same."""
        return not (self.added or self.removed or self.changed)


def drift(old: Version, new: Version) -> Drift:
    """Compare what two versions would hold; a privilege whose key stayed but whose level changed counts as changed."""
    before = {one.key: one for one in _held(old)}
    after = {one.key: one for one in _held(new)}
    changed = [(before[key], one) for key, one in after.items() if key in before and before[key].level != one.level]
    return Drift(
        tuple(one for key, one in after.items() if key not in before),
        tuple(one for key, one in before.items() if key not in after),
        tuple(changed),
    )


def _held(version: Version) -> list[Privilege]:
    return list(version.privileges.select_related("entitlement__resource", "credential"))


@transition(Team, event="version.imported", permission=Permission.AUTOMATION_REGISTER)
def confirm_import(
    step: Step[Team],
    *,
    item: ImportItem,
    fields: Mapping[str, Any],
    chosen: Mapping[str, Resource] | None = None,
    suggested: Mapping[str, Person] | None = None,
) -> Effect:
    """A builder confirms a preview: the automation is found or made, and a version of it unless nothing changed (I7).

    Args:
        step: the running step; its subject is the team that answers for the automation.
        item: the preview.
        fields: see `FIELDS`; persons as rows.
        chosen: which resource a connection opens that the register does not know, by `resolving.binding_name`.
        suggested: suggested owners of resources that are proposed along, by the same name.
    """
    if item.state != ImportState.PREVIEW:
        raise refuse(Refusal("I7", "state", "This preview was confirmed or discarded already."))
    manifest = Manifest.from_dict(item.manifest)
    platform = _platform_instance(manifest)
    automation = _find_or_make(step, manifest, platform, fields)
    found = resolving.resolve(manifest, platform_instance=platform, chosen=chosen or {})
    _save_resources(step, found, suggested or {})
    version = _version(step, automation, manifest, found, secrets=item.secrets)
    item.version, item.state, item.team = version, ImportState.CONFIRMED, step.subject
    item.save()
    return Effect(subject=version, payload={"number": version.number, "manifest": version.manifest_digest})


def _platform_instance(manifest: Manifest) -> str:
    instance = manifest.source.platform_instance[:16]
    return f"{manifest.platform} {instance}".strip()[:120]


def _find_or_make(step: Step[Team], manifest: Manifest, platform: str, fields: Mapping[str, Any]) -> Automation:
    external = manifest.source.external_id[:160]
    environment = fields.get("environment") or "production"
    known = (
        Automation.objects.select_for_update()
        .filter(platform_instance=platform, external_id=external, environment=environment)
        .first()
        if external
        else None
    )
    if known is None:
        return _make(step, manifest, platform, external, environment, fields)
    if known.team_id != step.subject.pk:
        raise refuse(
            Refusal("I1", "permission", f"{known.name} belongs to another team.", "Ask that team to bring it in.")
        )
    if known.state == AutomationState.RETIRED:
        raise refuse(
            Refusal("L1", "state", f"{known.name} is retired; it comes back as a new submission by its owner.")
        )
    _amend(step, known, fields)
    return known


def _make(
    step: Step[Team], manifest: Manifest, platform: str, external: str, environment: str, fields: Mapping[str, Any]
) -> Automation:
    owner = fields.get("business_owner")
    if owner is None:
        raise refuse(Refusal("I1", "input", "Name a business owner.", detail=(("business_owner", "Name somebody."),)))
    made = Automation(
        team=step.subject,
        name=str(fields.get("name") or manifest.name)[:160],
        purpose=str(fields.get("purpose") or ""),
        kind=fields.get("kind") or manifest.kind,
        platform_instance=platform,
        external_id=external,
        environment=environment,
        lineage=uuid.uuid4(),
        business_owner=owner,
        technical_owner=fields.get("technical_owner"),
        escalation_contact=str(fields.get("escalation_contact") or "")[:160],
        created_at=step.now,
    )
    step.save(made)
    step.record("automation.registered", made, {"team": str(step.subject.pk)})
    return made


def _amend(step: Step[Any], automation: Automation, fields: Mapping[str, Any]) -> list[str]:
    """Change what is said about an automation; what stage 1 decides about waits in `amendment` once it is past draft."""
    changed = []
    waits = automation.state != AutomationState.DRAFT
    for name in FIELDS:
        if name not in fields or name == "environment":
            continue
        value = fields[name]
        column = f"{name}_id" if name.endswith("_owner") else name
        stored = (value.pk if value is not None else None) if name.endswith("_owner") else value
        if column in AMENDED_BY_REVIEW and waits:
            if automation.asked[column] != stored:
                automation.amendment = {**automation.amendment, column: stored}
                changed.append(name)
        elif getattr(automation, column) != stored:
            setattr(automation, column, stored)
            changed.append(name)
    if changed:
        automation_step = Step(automation, step.actor, step.now, "automation.amended", step.reason, step.text)
        automation_step.save(automation)
        step.record("automation.amended", automation, {"changed": changed})
    return changed


def _save_resources(step: Step[Team], found: Resolution, suggested: Mapping[str, Person]) -> None:
    """Propose the resources that nobody knows yet, and the bindings of every connection that has none (I8)."""
    for key, resource in found.resources.items():
        if resource.pk is None:
            resource.proposed_by, resource.created_at = step.actor.person, step.now
            resource.suggested_owner = suggested.get(resolving.binding_name(key))
            step.save(resource)
            step.record("resource.proposed", resource)
        connector, instance = key
        row = Binding.objects.filter(connector=connector, instance_name=instance).first()
        if row is None:
            row = Binding(connector=connector, instance_name=instance, resource=resource)
            row.proposed_by, row.proposed_at = step.actor.person, step.now
            step.save(row)
            step.record("binding.proposed", row, {"resource": str(resource.pk)})
        elif row.resource_id != resource.pk and row.confirmed_at is None:
            row.resource, row.proposed_by, row.proposed_at = resource, step.actor.person, step.now
            step.save(row)
            step.record("binding.proposed", row, {"resource": str(resource.pk)})


def _version(
    step: Step[Team],
    automation: Automation,
    manifest: Manifest,
    found: Resolution,
    *,
    secrets: list[dict[str, Any]] | None = None,
) -> Version:
    """The version with this content: the known one, or a new one with all its rows and a first assessment."""
    _save_facts(step, found)
    privileges = _merged(found)
    digest = manifest_digest(manifest)
    binding = sha256(sorted(privileges))
    known = automation.versions.filter(manifest_digest=digest, binding_digest=binding).first()
    if known is not None:
        return known
    last = automation.versions.order_by("-number").first()
    version = Version.objects.create(
        automation=automation,
        number=last.number + 1 if last else 1,
        source_digest=manifest.source.content,
        manifest_digest=digest,
        binding_digest=binding,
        manifest=manifest.to_dict(),
        secrets=secrets or [],
        imported_by=step.actor.person,
        created_at=step.now,
    )
    for privilege in privileges.values():
        privilege.version = version
        privilege.save(force_insert=True)
    for key, credential in found.credentials.items():
        VersionCredential.objects.create(version=version, credential=credential, at=found.places.get(key, []))
    for trigger in found.triggers:
        trigger.version = version
        trigger.save(force_insert=True)
    assessing.assess(version, now=step.now)
    return version


def _save_facts(step: Step[Team], found: Resolution) -> None:
    """Save credentials and entitlements that are new, then let the privileges point at the saved rows."""
    for credential in found.credentials.values():
        if credential.pk is None:
            if credential.opens is not None and credential.opens.unresolved:
                credential.opens = None
            step.save(credential)
            step.record("credential.registered", credential, {"kind": credential.kind})
    saved: dict[tuple[int, str], Entitlement] = {}
    for privilege in found.privileges.values():
        entitlement = privilege.entitlement
        if entitlement.pk is None:
            place = (entitlement.resource.pk, entitlement.code)
            if place not in saved:
                entitlement.resource = entitlement.resource
                step.save(entitlement)
                step.record("entitlement.added", entitlement, {"code": entitlement.code})
                saved[place] = entitlement
            privilege.entitlement = saved[place]
        privilege.entitlement = privilege.entitlement
        privilege.credential = privilege.credential


def _merged(found: Resolution) -> dict[str, Privilege]:
    """By key: what would hold the same is one privilege with several places (I7)."""
    merged: dict[str, Privilege] = {}
    for draft_key, one in found.privileges.items():
        one.key = privilege_key(found.said[draft_key], str(one.entitlement.resource_id))
        same = merged.setdefault(one.key, one)
        if same is not one:
            same.at = list(dict.fromkeys([*same.at, *one.at]))
            same.model_controlled = same.model_controlled or one.model_controlled
    return merged


@transition(Automation, event="automation.amended", permission=Permission.AUTOMATION_AMEND)
def amend(step: Step[Automation], *, fields: Mapping[str, Any]) -> Effect:
    """Its side changes what is said about it; purpose, owners and kind count once stage 1 has decided again (A12)."""
    changed = _amend(step, step.subject, fields)
    return Effect(payload={"changed": changed})


@transition(Team, event="version.registered_by_hand", permission=Permission.AUTOMATION_REGISTER)
def register_by_hand(
    step: Step[Team], *, manifest: Manifest, fields: Mapping[str, Any], chosen: Mapping[str, Resource]
) -> Effect:
    """A builder describes what has no export; the description is a manifest like any other.

    Args:
        step: the running step; its subject is the team.
        manifest: format ``manual``, with an external id of its own so that it can be amended.
        fields: see `FIELDS`.
        chosen: the resource of each connection, by `resolving.binding_name`.
    """
    platform = _platform_instance(manifest)
    automation = _find_or_make(step, manifest, platform, fields)
    found = resolving.resolve(manifest, platform_instance=platform, chosen=chosen)
    _save_resources(step, found, {})
    version = _version(step, automation, manifest, found)
    return Effect(subject=version, payload={"number": version.number})
