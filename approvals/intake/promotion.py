"""Promotion of an automation to the next environment: a preview prefilled from the sibling below (I10).

This is for automations with the same id on the same platform. If the other environment is a separate installation, its export is
imported and names the automation that it is promoted from.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from approvals.intake import drafts
from approvals.intake.drafts import Draft
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, refuse
from governance.core.models import Person
from inventory.automations import lineages
from inventory.imports.transitions import confirmation
from inventory.models import Automation, ImportItem, ImportState, Version

NOWHERE = Refusal(
    "I10", "state", "Nothing of this automation can be promoted.", "It runs in production, or is retired."
)


def refusal(automation: Automation, *, actor: Actor, now: datetime) -> Refusal | None:
    """Why this person can't promote it, or None; from the operation that would import it."""
    if version_of(automation) is None or not lineages.environments_above(automation):
        return NOWHERE
    return confirmation.confirm_import.refusal(automation.team, actor=actor, now=now)


def version_of(automation: Automation) -> Version | None:
    """Version to promote: the approved one, or else the newest."""
    return automation.approved_version or automation.versions.order_by("-number").first()


def begin(automation: Automation, environment: str, *, actor: Actor, now: datetime) -> ImportItem:
    """Return the person's open preview of the promotion, or create one.

    Args:
        automation: the automation to promote.
        environment: the target; one of `lineages.environments_above`.
        actor: the person who owns the preview.
        now: business time.

    Raises:
        Refused: see `refusal`.
        InvalidInput: it can't be promoted there.
    """
    with transaction.atomic():
        # Of two concurrent requests, the second waits here and finds the first one's preview (A8).
        locked = Automation.objects.select_for_update(of=("self",), no_key=True).get(pk=automation.pk)
        refused, version, person = refusal(locked, actor=actor, now=now), version_of(locked), actor.person
        if refused is not None or version is None or person is None:
            raise refuse(refused or NOWHERE)
        if environment not in lineages.environments_above(locked):
            sentence = "Choose an environment above the one that it runs in."
            raise refuse(Refusal("I10", "input", sentence, detail=(("environment", sentence),)))
        open_previews = ImportItem.objects.filter(batch__by=person, progress=ImportState.PREVIEW)
        same = open_previews.filter(draft__promotes=version.pk, draft__fields__environment=environment)
        return same.order_by("-pk").first() or _create_preview(locked, version, environment, person, now)


def _create_preview(
    automation: Automation, version: Version, environment: str, person: Person, now: datetime
) -> ImportItem:
    sibling = next(
        (candidate for candidate in lineages.siblings_of(automation) if candidate.environment == environment), None
    )
    draft = Draft(
        team=automation.team_id,
        automation=sibling.pk if sibling is not None and not sibling.external_id else None,
        sibling=automation.pk,
        promotes=version.pk,
        fields={"environment": environment},
    )
    team, secrets = automation.team, version.secrets
    return drafts.create_preview(version.manifest, draft, by=person, team=team, now=now, secrets=secrets)
