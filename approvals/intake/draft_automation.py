"""Rows that a draft refers to: people, resources, and the automation as it would be. Deleted and invisible rows are left out. Reads only."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from approvals.intake.drafts import Draft
from governance.core.actors.actor import Actor
from governance.core.models import Person, Team
from governance.core.texts import free_text
from inventory.automations import lineages
from inventory.importers.manifest import Manifest
from inventory.imports.transitions import confirmation
from inventory.models import Automation, AutomationState, Environment, ImportItem, Resource, ResourceState
from inventory.resources.queries import RESOURCE_RELATIONS

OWNERS = ("business_owner", "technical_owner")


def environment_of(draft: Draft) -> str:
    """Environment of the draft; production by default."""
    environment = str(draft.fields.get("environment") or "")
    return environment if environment in Environment.values else Environment.PRODUCTION


def named_by(item: ImportItem, draft: Draft, team: Team) -> Automation | None:
    """Return the automation that the draft names, or else the one that the preview was confirmed for."""
    if draft.automation:
        return Automation.objects.filter(pk=draft.automation, team=team, external_id="").first()
    return item.version.automation if item.version is not None else None


def sibling_of(registered: Automation | None, manifest: Manifest, draft: Draft, team: Team) -> Automation | None:
    """Return the automation of another environment that a new one belongs to: certain, named, or likely (I10)."""
    if registered is not None:
        return None
    environment = environment_of(draft)
    sibling = lineages.certain_sibling(team, manifest, environment)
    if sibling is not None or draft.sibling == 0:
        return sibling
    if draft.sibling is not None:
        return lineages.chosen_sibling(team, draft.sibling, environment)
    return lineages.likely_sibling(team, manifest, environment)


def initial_fields(registered: Automation | None, actor: Actor, sibling: Automation | None = None) -> dict[str, Any]:
    """Initial values of the form: the answers of the registered automation, or of the sibling that a new one is promoted from (I10).

    For any other new automation, the builder is the technical owner.
    """
    before = registered or sibling
    if before is None:
        return {"technical_owner": actor.person.pk if actor.person is not None else None}
    answers = {
        "purpose": before.asked["purpose"],
        "business_owner": before.asked["business_owner_id"],
        "technical_owner": before.asked["technical_owner_id"],
        "escalation_contact": before.escalation_contact,
    }
    return answers if registered is None else {**answers, "environment": registered.environment}


def choosable_resources(actor: Actor, now: datetime) -> QuerySet[Resource]:
    """Resources that a connection may open, as far as the builder sees them."""
    return Resource.objects.visible_to(actor, now).resolved().exclude(state=ResourceState.RETIRED)


def chosen_resources(draft: Draft, actor: Actor, now: datetime) -> dict[str, Resource]:
    """Resources that the draft's connections open, by connection; only those that the builder may see."""
    if not draft.chosen:
        return {}
    seen = choosable_resources(actor, now).filter(pk__in=draft.chosen.values())
    rows = {row.pk: row for row in seen.select_related(*RESOURCE_RELATIONS)}
    return {name: rows[pk] for name, pk in draft.chosen.items() if pk in rows}


def fields_of(draft: Draft) -> dict[str, Any]:
    """Answers of a draft in the form that the register takes: people as rows, missing answers left out."""
    texts = ("purpose", "environment", "escalation_contact")
    fields: dict[str, Any] = {name: draft.fields[name] for name in texts if name in draft.fields}
    ids = [draft.fields.get(name) for name in OWNERS]
    people = Person.objects.in_bulk([person_id for person_id in ids if isinstance(person_id, int)])
    return fields | {name: people.get(draft.fields[name] or 0) for name in OWNERS if name in draft.fields}


def with_draft_answers(
    registered: Automation | None, manifest: Manifest, draft: Draft, team: Team, actor: Actor
) -> Automation:
    """Return the automation with the draft's answers, unsaved. After the draft state, answers that stage 1 decides go to `amendment`.

    Args:
        registered: the automation as stored; None for a new one.
        manifest: manifest of the export.
        draft: the builder's answers.
        team: the team that owns it.
        actor: the importer; the business owner until one is named.
    """
    given = fields_of(draft)
    if registered is None:
        owner = given.get("business_owner") or actor.person
        about = {**given, "environment": environment_of(draft), "business_owner": owner}
        return confirmation.new_automation(team, manifest, about)
    given.pop("escalation_contact", None)  # no review decides it
    if registered.state == AutomationState.DRAFT and given.get("business_owner") is None:
        given.pop("business_owner", None)  # the present one until another is named
    if "purpose" in given:
        given["purpose"] = free_text.seen(str(given["purpose"]))
    changed = copy.copy(registered)
    confirmation.change_fields(changed, given)
    return changed
