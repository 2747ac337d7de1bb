"""Import automations: known ones are found by their platform id, never by name, and a changed file makes a version (I1,
I7).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db.models import QuerySet

from governance.core.access import Actor, Permission, Refusal, access, check, invalid, refuse
from governance.core.database import advisory_locks
from governance.core.engine.step import save_with_history
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Team
from governance.core.texts import free_text
from inventory.automations import lineages
from inventory.importers.manifest import Manifest, platform_name
from inventory.imports import resolution
from inventory.imports.transitions.write_version import write_version
from inventory.models import (
    REGISTERED,
    Automation,
    AutomationKind,
    AutomationState,
    Environment,
    ImportItem,
    ImportState,
    Outcome,
    Resource,
    ResourceState,
    Version,
)
from inventory.models.automation import AMENDED_BY_REVIEW
from inventory.ownership import rules as ownership_rules
from inventory.ownership import transitions as ownership_transitions
from inventory.risk.tiers import Tier
from inventory.versions.diff import diff_versions

#: Fields of an automation that a form or draft may set besides the manifest.
FIELDS = ("name", "purpose", "kind", "business_owner", "technical_owner", "escalation_contact", "environment")

#: Its texts: longest length, and how each is stored.
TEXTS: Mapping[str, tuple[int, Callable[[str], str]]] = {
    "name": (160, free_text.name),
    "escalation_contact": (160, free_text.name),
    "purpose": (4000, free_text.seen),
}

#: Fields that wait for stage 1 after the draft state (A12).
REVIEWED = frozenset(name.removesuffix("_id") for name in AMENDED_BY_REVIEW)

#: Advisory lock for writing to the register, so that two imports never create the same binding or credential.
REGISTER_LOCK = 0x636F756E

OTHER_TEAM = "An automation with this id is in the register already, and belongs to another team."
#: The import has the id of an automation of another team.
ELSEWHERE = Refusal("I1", "permission", OTHER_TEAM, "Ask that team to import it.")


def _confirmed_item(team: Team, actor: Actor, text: str, params: Mapping[str, Any]) -> ImportItem | None:
    """Item that the same builder already confirmed for this team, for a repeated request (A8)."""
    own_items = ImportItem.objects.filter(pk=params["item"].pk, team=team, batch__by=actor.person)
    return own_items.filter(progress=ImportState.CONFIRMED).first()


@transition(Team, event="version.imported", permission=Permission.AUTOMATION_REGISTER, repeats=_confirmed_item)
def confirm_import(
    step: Step[Team],
    *,
    item: ImportItem,
    fields: Mapping[str, Any],
    chosen: Mapping[str, Resource] | None = None,
    automation: Automation | None = None,
    if_new: Mapping[str, Any] | None = None,
    sibling: Automation | None = None,
    then: Callable[[Version], None] | None = None,
) -> Effect:
    """Confirm a preview: find or create its automation, and add a version unless nothing changed (I7).

    Args:
        step: the running step; its subject is the team that owns the automation.
        item: the preview; it is locked and reread, and gets its outcome.
        fields: see `FIELDS`; persons as rows.
        chosen: resources of unconfirmed connections, by `resolution.binding_name`.
        automation: the team's automation for a file without an id; None to find it by the same source or create one.
        if_new: values of `FIELDS` for a new automation only.
        sibling: the team's automation in another environment whose lineage a new one joins (I10).
        then: function that gets the version in the same transaction; its refusal rolls everything back.
    """
    advisory_locks.lock_until_commit(REGISTER_LOCK)
    given, item = item, ImportItem.objects.select_for_update(of=("self",)).select_related("batch").get(pk=item.pk)
    if item.progress != ImportState.PREVIEW:
        raise refuse(Refusal("I7", "state", "This preview was confirmed or discarded already."))
    if step.actor.person is None or item.batch.by_id != step.actor.person.pk:
        raise refuse(Refusal("I7", "permission", "Only the person who imported the file can confirm its preview."))
    manifest, known, chosen = Manifest.from_dict(item.manifest), _checked(fields), _present_choices(chosen or {})
    _check_described(manifest)
    same_id = list(automations_with_id(manifest))
    environment = known.get("environment")
    found = find_automation(step.subject, manifest, environment=environment, named=automation, same_id=same_id)
    if found is None:
        new_fields = {**_checked(if_new or {}), **known}
        automation = _create_automation(step, manifest, new_fields, sibling, has_same_id=bool(same_id))
    else:
        automation = _amend(step, found, known)
    before = automation.versions.order_by("-number").first() if found is not None else None
    version, payload, tier = _add_version(step, automation, manifest, chosen, item.secrets, before)
    _keep_tier(step, automation, tier, is_new=found is None)
    item.version, item.progress, item.team = version, ImportState.CONFIRMED, step.subject
    made = Outcome.NEW if version.number == 1 else Outcome.CHANGED
    item.outcome, item.reason = made if payload["new"] else Outcome.UNCHANGED, ""
    item.save(update_fields=["version", "progress", "team", "outcome", "reason"])
    given.outcome = item.outcome
    return Effect(subject=version, payload=payload, after=partial(then, version) if then is not None else None)


def _add_version(
    step: Step[Team],
    automation: Automation,
    manifest: Manifest,
    chosen: Mapping[str, Resource],
    secrets: Sequence[Mapping[str, Any]],
    before: Version | None,
) -> tuple[Version, dict[str, Any], str]:
    """Find or create the version of a manifest; returns it with facts for the event and its tier. ``before``: the newest version."""
    resolved = resolution.resolve_manifest(
        manifest,
        platform_instance=automation.platform_instance,
        chosen=chosen,
        automation=automation,
        by=step.actor.person,
        with_people=False,
    )
    version, is_new, judged = write_version(step, automation, manifest, resolved, secrets=secrets, before=before)
    payload: dict[str, Any] = {"number": version.number, "manifest": version.manifest_digest, "new": is_new}
    if is_new and before is not None:
        payload["drift"] = diff_versions(before, version).counts
    return version, payload, judged.tier


def _keep_tier(step: Step[Team], automation: Automation, tier: str, *, is_new: bool) -> None:
    """Keep the newest version's tier, before the first approval; a new automation gets no history row for it."""
    if automation.approved_version_id is not None or tier == automation.tier:
        return
    if is_new:
        step.complete(automation, tier=tier)
    else:
        automation.tier = tier
        _save_as(step, automation, "tier.computed")


def automations_with_id(manifest: Manifest) -> QuerySet[Automation]:
    """Automations of a manifest's platform and external id, in all environments; none for a source without an id."""
    external = manifest.source.external_id[:160]
    if not external:
        return Automation.objects.none()
    return Automation.objects.filter(platform_instance=platform_name(manifest), external_id=external).order_by()


def find_automation(
    team: Team,
    manifest: Manifest,
    *,
    environment: str | None = None,
    named: Automation | None = None,
    same_id: Sequence[Automation] | None = None,
) -> Automation | None:
    """Find the automation of a manifest, or None for a new one. Never matched by name (I1). Reads only.

    A source with an id is matched by platform instance, id and environment. A retired automation returns as a new one,
    in its own team only; for other teams its id stays reserved (L1). A source without an id belongs to the automation
    that the builder names. Otherwise it belongs to the team's automation with the same source, so that a repeated
    import finds it (I7).

    Args:
        team: the importing team.
        manifest: the manifest.
        environment: its environment; production by default.
        named: the builder's choice, for a source without an id.
        same_id: see `automations_with_id`; None to read them.
    """
    environment, people = environment or Environment.PRODUCTION, ("team", "business_owner", "technical_owner")
    if manifest.source.external_id:
        rows = automations_with_id(manifest).select_related(*people, "approved_version") if same_id is None else same_id
        here = [row for row in rows if row.environment == environment and not _is_own_retired(row, team)]
        return max(here, key=lambda row: (row.state != AutomationState.RETIRED, row.pk), default=None)
    if named is not None:
        return named
    registered = Automation.objects.select_related(*people)
    place = {"platform_instance": platform_name(manifest), "environment": environment, "external_id": "", "team": team}
    same = registered.filter(**place, versions__source_digest=manifest.source.content)
    automations = list(same.exclude(state=AutomationState.RETIRED).distinct()[:2])
    return automations[0] if len(automations) == 1 else None


def _is_own_retired(automation: Automation, team: Team) -> bool:
    return automation.state == AutomationState.RETIRED and automation.team_id == team.pk


def _present_choices(chosen: Mapping[str, Resource]) -> dict[str, Resource]:
    """Read the chosen resources again, since the caller read them before the lock, and check that each is in use."""
    rows = Resource.objects.in_bulk({resource.pk for resource in chosen.values()}) if chosen else {}
    present = {name: rows[resource.pk] for name, resource in chosen.items()}
    for name, resource in present.items():
        if resource.unresolved or resource.state == ResourceState.RETIRED:
            detail = ((name, "Choose a resource that is in use, or propose one."),)
            raise refuse(Refusal("I8", "input", f"A connection can't open {resource.name}.", detail=detail))
    return present


def _check_described(manifest: Manifest) -> None:
    """Check that the resources of a manual description are in the register."""
    named = {privilege.instance for privilege in manifest.privileges if privilege.connector == REGISTERED}
    resources = Resource.objects.filter(pk__in=named, unresolved=False).exclude(state=ResourceState.RETIRED)
    if named and resources.count() != len(named):
        raise refuse(Refusal("I8", "input", "It touches a resource that is not in the register any more."))


def tidied(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields with their texts as the register stores them."""
    texts = {name: tidy(str(fields[name] or ""))[:longest] for name, (longest, tidy) in TEXTS.items() if name in fields}
    return {**fields, **texts}


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Clean the fields that may be set; a refusal names the field.

    Raises:
        InvalidInput: an unknown kind or environment, or an owner who is not here.
    """
    given = tidied({name: value for name, value in fields.items() if name in FIELDS})
    problems = [("name", "Give it a name.")] if given.get("name") == "" else []
    if given.get("kind") and given["kind"] not in AutomationKind.values:
        problems.append(("kind", "Choose what sort of automation it is."))
    if given.get("environment") and given["environment"] not in Environment.values:
        problems.append(("environment", "Choose where it runs."))
    for name in ("business_owner", "technical_owner"):
        if given.get(name) is not None and not given[name].is_here:
            problems.append((name, f"{given[name].name} is not here any more."))
    if "business_owner" in given and given["business_owner"] is None:
        problems.append(("business_owner", "Name who is accountable for it."))
    if problems:
        raise refuse(Refusal("I1", "input", problems[0][1], detail=tuple(problems)))
    return given


def _check_owners(step: Step[Any], team: Team, automation: Automation | None, given: Mapping[str, Any]) -> None:
    """Check that new owners belong to the automation's team and are no approvers of it (S1, A9).

    Raises:
        InvalidInput: a person of another team; names the field and is recorded.
        DutyConflict: a person is an approver or has decided.
    """
    if refusals := ownership_rules.owner_refusals(team, automation, given, step.now):
        raise refuse(replace(refusals[0][1], detail=tuple((name, refusal.sentence) for name, refusal in refusals)))


def _create_automation(
    step: Step[Team], manifest: Manifest, given: Mapping[str, Any], sibling: Automation | None, *, has_same_id: bool
) -> Automation:
    """Register a new automation; ``has_same_id``: another automation has its external id."""
    _check_owners(step, step.subject, None, given)
    if given.get("business_owner") is None:
        raise invalid("I1", "business_owner", "Name who is accountable for it.")
    made = new_automation(step.subject, manifest, given)
    made.lineage = lineages.lineage_of_new(step.subject, manifest, made.environment, sibling, has_same_id=has_same_id)
    made.created_at = step.now
    step.insert_before_body_ends(made, "automation.registered")  # its tier follows
    step.record("automation.registered", made, {"team": str(step.subject.pk)})
    return made


def new_automation(team: Team, manifest: Manifest, given: Mapping[str, Any]) -> Automation:
    """Return the automation of a manifest with the given `FIELDS`, unsaved."""
    return Automation(
        team=team,
        name=(given.get("name") or manifest.name)[:160],
        purpose=given.get("purpose") or "",
        kind=given.get("kind") or manifest.kind,
        platform_instance=platform_name(manifest),
        external_id=manifest.source.external_id[:160],
        environment=given.get("environment") or Environment.PRODUCTION,
        business_owner=given.get("business_owner"),
        technical_owner=given.get("technical_owner"),
        escalation_contact=given.get("escalation_contact") or "",
    )


def _save_as(step: Step[Any], automation: Automation, why: str) -> None:
    """Save an automation other than the step's subject, with the reason in its history; the history names editors (S1)."""
    save_with_history(automation, person=step.actor.person, at=step.now, why=f"{why} {step.actor.correlation}")


def change_fields(automation: Automation, given: Mapping[str, Any]) -> list[str]:
    """Change fields of an automation, unsaved; fields of stage 1 wait in `amendment` after the draft state.

    Returns:
        The names of the changed fields.
    """
    changed = []
    waits = automation.state != AutomationState.DRAFT
    for name, value in given.items():
        is_person = name.endswith("_owner")
        column = f"{name}_id" if is_person else name
        stored = value.pk if is_person and value is not None else value
        if name == "environment" or automation.requested_fields.get(column, getattr(automation, column)) == stored:
            continue
        if waits and column in AMENDED_BY_REVIEW:
            rest = {key: kept for key, kept in automation.amendment.items() if key != column}
            is_back = getattr(automation, column) == stored
            automation.amendment = rest if is_back else {**rest, column: stored}
        else:
            setattr(automation, name, value)
        changed.append(name)
    return changed


def _amend(step: Step[Team], automation: Automation, given: Mapping[str, Any]) -> Automation:
    """Lock the known automation of an import and change its fields."""
    automation = Automation.objects.select_for_update(of=("self",)).get(pk=automation.pk)
    if automation.team_id != step.subject.pk:
        raise refuse(ELSEWHERE)
    if automation.state == AutomationState.RETIRED:
        raise refuse(Refusal("L1", "state", f"{automation.name} is retired: it takes no new versions."))
    _check_owners(step, step.subject, automation, given)
    waits = automation.state != AutomationState.DRAFT
    changed = change_fields(automation, given)
    if waits and any(name not in REVIEWED for name in changed):
        # it asks for no decision, and a program cannot amend by itself (S5)
        check(access.token_refusal(step.actor, Permission.AUTOMATION_AMEND, automation))
    if changed:
        ownership_transitions.end_settled_interims(automation, step)
        _save_as(step, automation, "automation.amended")
        step.record("automation.amended", automation, {"changed": changed})
    return automation


@transition(
    Automation,
    event="automation.amended",
    permission=Permission.AUTOMATION_AMEND,
    source=(AutomationState.DRAFT, AutomationState.IN_REVIEW, AutomationState.LIVE, AutomationState.SUSPENDED),
)
def amend_automation(step: Step[Automation], *, fields: Mapping[str, Any]) -> Effect:
    """Change the description of an automation; purpose, owners and kind count after a new stage 1 decision (A12).

    Args:
        step: the running step.
        fields: see `FIELDS`; the environment never changes, a promotion creates another automation of the lineage
            (I10).
    """
    given = _checked(fields)
    _check_owners(step, step.subject.team, step.subject, given)
    changed = change_fields(step.subject, given)
    ownership_transitions.end_settled_interims(step.subject, step)
    step.save(step.subject)
    return Effect(payload={"changed": changed})


@transition(
    Automation,
    event="automation.tier_raised",
    permission=Permission.AUTOMATION_RAISE,
    source=(AutomationState.DRAFT, AutomationState.IN_REVIEW, AutomationState.LIVE, AutomationState.SUSPENDED),
    reason_needed=True,
)
def raise_tier(step: Step[Automation], *, tier: str) -> Effect:
    """Raise the risk tier above the computed one; no person can lower it (T2)."""
    automation = step.subject
    if tier not in ("standard", "high"):
        raise refuse(Refusal("T2", "input", "Raise it to standard or high."))
    wanted = Tier.from_word(tier)
    stands = max(Tier.from_word(automation.tier), Tier.from_word(automation.raised_to or "low"))
    if wanted <= stands:
        raise refuse(Refusal("T2", "input", f"It is {stands.word} already: a tier is raised, never lowered."))
    before, automation.raised_to, automation.tier = automation.tier, tier, tier
    step.save(automation)
    return Effect(payload={"was": before, "tier": tier})
