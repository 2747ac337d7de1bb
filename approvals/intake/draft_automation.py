"""What a draft says, as rows: people, resources, and the automation as it would be; what is not there any more, or may not be seen,
is left out. Reads only.
"""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

from approvals.intake.drafts import Draft
from governance.core.actors.actor import Actor
from governance.core.models import Person, Team
from governance.core.texts import free_text
from inventory.automations import environments, platform_instance
from inventory.importers.manifest import Manifest
from inventory.models import Automation, AutomationState, Environment, ImportItem, Resource, ResourceState
from inventory.models.automation import AMENDED_BY_REVIEW

#: What is said where a sibling was chosen, and is none for the environment that was chosen beside it (I10).
SIBLING_IS_HERE = "What it is promoted from is in this environment already: choose another, or nothing."
#: What is loaded of a resource, so that its ladder is known without asking again.
LADDER = ("owner", "deputy", "team__lead", "team__deputy_lead")


def environment_of(draft: Draft) -> str:
    """Where it runs; production unless said."""
    found = str(draft.fields.get("environment") or "")
    return found if found in Environment.values else Environment.PRODUCTION


def named_by(item: ImportItem, draft: Draft, team: Team) -> Automation | None:
    """The automation that the builder says it is a version of, else the one that it was confirmed for already."""
    if draft.automation:
        return Automation.objects.filter(pk=draft.automation, team=team, external_id="").first()
    return item.version.automation if item.version is not None else None


def sibling_of(known: Automation | None, manifest: Manifest, draft: Draft, team: Team) -> Automation | None:
    """The automation of another environment whose lineage a new one is of: for certain, as said, else as is likely (I10)."""
    if known is not None:
        return None
    environment = environment_of(draft)
    sibling = environments.certain(team, manifest, environment)
    if sibling is not None or draft.sibling == 0:
        return sibling
    if draft.sibling is not None:
        return environments.chosen(team, draft.sibling, environment)
    return environments.likely(team, manifest, environment)


def fields_before(known: Automation | None, actor: Actor, sibling: Automation | None = None) -> dict[str, Any]:
    """What the form begins with: what is said about a known automation, or about the sibling that a new one is promoted from (I10);
    for any other new one, its builder is the technical owner.
    """
    before = known or sibling
    if before is None:
        return {"technical_owner": actor.person.pk if actor.person is not None else None}
    said = {
        "purpose": before.asked["purpose"],
        "business_owner": before.asked["business_owner_id"],
        "technical_owner": before.asked["technical_owner_id"],
        "escalation_contact": before.escalation_contact,
    }
    return said if known is None else {**said, "environment": known.environment}


def _people(draft: Draft) -> dict[int, Person]:
    ids = [draft.fields.get(name) for name in ("business_owner", "technical_owner")]
    return Person.objects.in_bulk([one for one in ids if isinstance(one, int)])


def chosen_resources(draft: Draft, actor: Actor, now: datetime) -> dict[str, Resource]:
    """The resources that a draft says its connections open, by connection; only those that the builder may see."""
    seen = Resource.objects.visible_to(actor, now).resolved().exclude(state=ResourceState.RETIRED)
    rows = {row.pk: row for row in seen.filter(pk__in=draft.chosen.values()).select_related(*LADDER)}
    return {name: rows[pk] for name, pk in draft.chosen.items() if pk in rows}


def fields_of(draft: Draft) -> dict[str, Any]:
    """What a draft says about the automation, as the register takes it: people as rows, nothing that was not said."""
    people = _people(draft)
    fields: dict[str, Any] = {
        name: draft.fields[name] for name in ("purpose", "environment", "escalation_contact") if name in draft.fields
    }
    for name in ("business_owner", "technical_owner"):
        if name in draft.fields:
            fields[name] = people.get(draft.fields[name] or 0)
    return fields


def as_it_would_be(
    known: Automation | None,
    manifest: Manifest,
    draft: Draft,
    team: Team,
    actor: Actor,
) -> Automation:
    """The automation with the draft over it, unsaved; what stage 1 decides about waits in `amendment` once it is past draft.

    Args:
        known: as stored; None for a new one.
        manifest: what was read.
        draft: what was typed.
        team: whom it is built for.
        actor: who brings it in; stands in for the business owner until one is named.
    """
    people, environment = _people(draft), environment_of(draft)
    owners = {name: people.get(draft.fields.get(name) or 0) for name in ("business_owner", "technical_owner")}
    if known is None:
        return Automation(
            team=team,
            name=manifest.name[:160],
            kind=manifest.kind,
            platform_instance=platform_instance.platform_of(manifest),
            external_id=manifest.source.external_id[:160],
            environment=environment,
            purpose=str(draft.fields.get("purpose") or ""),
            escalation_contact=str(draft.fields.get("escalation_contact") or ""),
            business_owner=owners["business_owner"] or actor.person,
            technical_owner=owners["technical_owner"],
        )
    made = copy.copy(known)
    said: dict[str, Any] = {
        f"{name}_id": who.pk if who else None for name, who in owners.items() if name in draft.fields
    }
    said |= {"purpose": free_text.seen(str(draft.fields["purpose"]))} if "purpose" in draft.fields else {}
    if known.state == AutomationState.DRAFT:
        made.purpose = said.get("purpose", known.purpose)
        made.business_owner = owners["business_owner"] or known.business_owner
        made.technical_owner = owners["technical_owner"] if "technical_owner" in draft.fields else known.technical_owner
        return made
    differs = {name: value for name, value in said.items() if getattr(known, name) != value}
    kept = {name: value for name, value in known.amendment.items() if name not in said}
    made.amendment = {name: value for name, value in {**kept, **differs}.items() if name in AMENDED_BY_REVIEW}
    return made
