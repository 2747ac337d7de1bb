"""Write a resolved manifest to the register: new rows, then one version (I2, I7)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Q, QuerySet

from governance.core.access import Refusal, refuse
from governance.core.engine import hooks
from governance.core.engine.transition import Step
from governance.core.texts import free_text
from inventory.chains import chain_ends
from inventory.chains import queries as chain_queries
from inventory.chains import transitions as chain_transitions
from inventory.importers import reader
from inventory.importers.manifest import Manifest, manifest_digest, privilege_key, sha256
from inventory.imports.resolution import Resolution, local_instance_of
from inventory.models import (
    REGISTERED,
    Assessment,
    Automation,
    AutomationState,
    Binding,
    Entitlement,
    NonHumanIdentity,
    Privilege,
    Resource,
    Trigger,
    Version,
    VersionAuthor,
    VersionCredential,
    VersionIdentity,
)
from inventory.ownership import parties
from inventory.ownership import transitions as ownership_transitions
from inventory.resources.queries import Bindings
from inventory.resources.transitions.bindings import notify_claims
from inventory.versions import transitions as version_transitions

#: Event for handlers only: an import has added these entitlements, each with its resource.
ENTITLEMENTS_IMPORTED = "entitlements.imported"


def write_version(
    step: Step[Any],
    automation: Automation,
    manifest: Manifest,
    resolved: Resolution,
    *,
    secrets: Sequence[Mapping[str, Any]] = (),
    before: Version | None = None,
) -> tuple[Version, bool, Assessment]:
    """Find or create the version with this content, with all rows and a first assessment (I2, I7).

    The same content changes nothing, except that newer detectors add an assessment of the known version.

    Args:
        step: the running step.
        automation: locked by the caller.
        manifest: the manifest.
        resolved: the resolved manifest; its unsaved rows are saved.
        secrets: secrets of the source, without values.
        before: newest version of the automation; None for a new automation.

    Returns:
        The version, whether it is new, and its newest assessment.
    """
    _save_resources(step, automation, resolved)
    _save_credentials(step, automation, resolved)
    _save_entitlements(step, resolved)
    privileges = _by_key(resolved)
    digest, bound = manifest_digest(manifest), sha256(sorted(privileges))
    same = automation.versions.filter(manifest_digest=digest, binding_digest=bound)
    existing = same.first() if before is not None else None
    if existing is not None:
        last = existing.latest_assessment  # a better detector adds one, never a version (I2)
        if last is None or last.importer_version != reader.VERSION:
            last = version_transitions.assess_version(existing, now=step.now, manifest=manifest)
        _save_author(existing, manifest)
        return existing, False, last
    running = automation.approved_version
    if running is not None and running.source_digest == manifest.source.content:  # a higher tier causes a review (I2)
        version_transitions.assess_version(running, now=step.now, manifest=manifest)
    version = Version(
        automation=automation,
        number=before.number + 1 if before is not None else 1,
        source_digest=manifest.source.content,
        manifest_digest=digest,
        binding_digest=bound,
        secrets=list(secrets),
        imported_by=step.actor.person,
        created_at=step.now,
    )
    _save_rows(version, manifest, resolved, list(privileges.values()))
    _save_identities(step, automation, version, resolved)
    _save_author(version, manifest, is_new=True)
    identities = sorted(resolved.identities, key=lambda identity: identity.pk) if before is None else None
    parts = (list(privileges.values()), list(resolved.credentials.values()), resolved.triggers)
    # As they were when it was resolved: a submission reads them again.
    bindings = Bindings(resolved.bindings.values(), resolved.bindings_read)
    rows = version_transitions.VersionRows(automation, *parts, manifest, identities, bindings=bindings)
    return version, True, version_transitions.assess_version(version, now=step.now, rows=rows)


def _save_rows(version: Version, manifest: Manifest, resolved: Resolution, privileges: list[Privilege]) -> None:
    """Save a version with its privileges, credentials and triggers."""
    without_hint = replace(manifest, source=replace(manifest.source, owner_hint=""))  # it can't be erased here (H6)
    version.manifest = without_hint.to_dict()
    parts = (privileges, resolved.credentials.values(), resolved.triggers)
    ends = chain_ends.VersionParts(version.automation, *parts, on_error=manifest.on_error)
    version.meets = chain_ends.meeting_points(ends)  # after the rows that they name are saved (A16)
    version.save()
    for privilege in privileges:
        privilege.version = version
    for trigger in resolved.triggers:
        trigger.version = version
    Privilege.objects.bulk_create(privileges)
    Trigger.objects.bulk_create(resolved.triggers)
    VersionCredential.objects.bulk_create(
        VersionCredential(version=version, credential=credential, at=resolved.places[key])
        for key, credential in resolved.credentials.items()
    )


def _save_author(version: Version, manifest: Manifest, *, is_new: bool = False) -> None:
    """Save the authors that the source names. A known version also gets a newly named author (S1)."""
    hint = free_text.clean(manifest.source.owner_hint)
    if not hint or (not is_new and version.authors.filter(said__text=hint).exists()):
        return
    if (text := free_text.keep(hint)) is not None:
        VersionAuthor.objects.create(version=version, said=text, person=parties.single_matches([hint]).get(hint))


def _save_resources(step: Step[Any], automation: Automation, resolved: Resolution) -> None:
    """Propose unknown resources, and a binding for every connection without one (I8)."""
    new = [resource for resource in resolved.resources.values() if resource._state.adding]
    for resource in new:
        resource.proposed_by, resource.created_at = step.actor.person, step.now
        resource.environment = automation.environment
    step.insert(new)
    for resource in new:
        step.record("resource.proposed", resource)
    connections = {key: resource for key, resource in resolved.resources.items() if key[0] != REGISTERED}
    first = [
        _proposed(step, Binding(connector=key[0], instance_name=key[1]), resource)
        for key, resource in connections.items()
        if key not in resolved.bindings
    ]
    again = [
        _proposed(step, _as_resolved(resolved.bindings[key]), resource)
        for key, resource in connections.items()
        if resolved.is_rebound(key)
    ]
    step.insert(first)
    for row in again:
        step.save(row)
    resolved.bindings |= {row.key: row for row in (*first, *again)}
    for row in (*first, *again):
        step.record("binding.proposed", row, {"resource": str(row.resource_id)})
    notify_claims([*first, *again], step.now)


def _proposed(step: Step[Any], row: Binding, resource: Resource) -> Binding:
    """Binding as this import proposes it; former refusals stay in `refused_for`."""
    row.resource, row.proposed_by, row.proposed_at = resource, step.actor.capacity_of, step.now
    row.refused_by = row.refused_at = None
    return row


def _as_resolved(read: Binding) -> Binding:
    """Lock a known binding and check that it is as resolved: an owner's answer is never overwritten (I8).

    Raises:
        OutOfTurn: the binding was confirmed, refused or proposed in between.
    """
    row = Binding.objects.select_for_update(of=("self",), no_key=True).get(pk=read.pk)
    if any(getattr(row, name) != getattr(read, name) for name in ("resource_id", "confirmed_at", "refused_for")):
        sentence = f"The connection {row.instance_name} changed during the import, so nothing was imported."
        raise refuse(Refusal("I8", "stale", sentence, "Look at the preview again."))
    return row


def _save_credentials(step: Step[Any], automation: Automation, resolved: Resolution) -> None:
    """Register new credentials, and set the resources that this import may set (I6)."""
    new = [credential for credential in resolved.credentials.values() if credential._state.adding]
    for credential in resolved.credentials.values():
        if not credential.platform_instance:
            credential.platform_instance = local_instance_of(automation)
        credential.opens = credential.opens  # takes the key of a resource that was just saved
    step.insert(new)
    for credential in new:
        step.record("credential.registered", credential, {"kind": credential.kind})
    for credential in (new_credential for new_credential in resolved.opened if new_credential not in new):
        step.save(credential)
        step.record("credential.amended", credential, {"opens": str(credential.opens_id)})


def _save_entitlements(step: Step[Any], resolved: Resolution) -> None:
    """Add new entitlements, each once, and point the privileges at the saved rows."""
    new: dict[tuple[int, str], Entitlement] = {}
    for privilege in resolved.privileges.values():
        entitlement = privilege.entitlement
        if entitlement._state.adding:
            entitlement.resource = entitlement.resource  # takes the key of a resource that was just saved
            privilege.entitlement = new.setdefault((entitlement.resource_id, entitlement.code), entitlement)
    step.insert(list(new.values()))
    for entitlement in new.values():
        step.record("entitlement.added", entitlement, {"code": entitlement.code})
    if new:
        hooks.follow(ENTITLEMENTS_IMPORTED, list(new.values()), step)
    for privilege in resolved.privileges.values():  # take the keys of rows that were just saved
        privilege.entitlement, privilege.credential = privilege.entitlement, privilege.credential


def _by_key(resolved: Resolution) -> dict[str, Privilege]:
    """Privileges by key, after every resource has a row; `resolution` merged privileges of several places (I7)."""
    for draft_key, privilege in resolved.privileges.items():
        privilege.key = privilege_key(resolved.manifest_privileges[draft_key], str(privilege.entitlement.resource_id))
    return {privilege.key: privilege for privilege in resolved.privileges.values()}


def identities_to_take_over(automation: Automation, named: Iterable[NonHumanIdentity]) -> QuerySet[NonHumanIdentity]:
    """Those of the named identities that an automation takes over with its submission: see `hand_over_identities`.

    No query if no other automation has one of them.
    """
    never = Q(automation__approved_version=None, automation__state__in=(AutomationState.DRAFT, AutomationState.RETIRED))
    ids = [identity.pk for identity in named if identity.automation_id != automation.pk]
    return NonHumanIdentity.objects.filter(never, pk__in=ids)


def hand_over_identities(step: Step[Automation], named: Iterable[NonHumanIdentity]) -> None:
    """Assign identities that serve only a draft, or an automation retired unapproved, to the submitted automation (I5).

    Before a submission, an identity serves the first automation that named it. An unreviewed draft cannot reserve it.
    """
    automation = step.subject
    free = identities_to_take_over(automation, named)
    for identity in free.select_for_update(of=("self",), no_key=True).order_by("pk"):
        identity.owner, identity.automation = automation.business_owner, automation
        ownership_transitions.end_settled_interims(identity, step)
        step.save(identity)
        step.record("identity.handed_over", identity)
    if automation.state in chain_queries.IN_USE:
        chain_transitions.refresh_chains(automation.pk)


def _save_identities(step: Step[Any], automation: Automation, version: Version, resolved: Resolution) -> None:
    """Register the identities that the source names; each serves the first automation that names it (I5)."""
    new = [identity for identity in resolved.identities if identity._state.adding]
    for identity in new:
        identity.owner, identity.automation = automation.business_owner, automation
    step.insert(new)
    for identity in new:
        step.record("identity.registered", identity, {"kind": identity.kind})
    VersionIdentity.objects.bulk_create(VersionIdentity(version=version, identity=each) for each in resolved.identities)
    if new and automation.state in chain_queries.IN_USE:
        chain_transitions.refresh_chains(automation.pk)
