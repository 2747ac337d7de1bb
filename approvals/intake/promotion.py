"""Previews of a registered version: its promotion to another environment (I10), and its resubmission.

Promotion is for automations with the same id on the same platform. If the other environment is a separate installation, its export
is imported and names the automation that it is promoted from. Resubmission follows a withdrawal, rejection, decline, expiry or stop
(A10, A15, G5).
"""

from datetime import datetime

from django.db import transaction

from approvals.intake import drafts
from approvals.intake.drafts import Draft
from approvals.models import GrantState
from approvals.models.submission import UNFINISHED
from approvals.submissions.transitions import submit as transition_submit
from governance.core.access import Actor, Refusal, refuse
from inventory.automations import lineages
from inventory.imports.transitions import confirmation
from inventory.models import Automation, AutomationState, ImportItem, ImportState, Version

NOWHERE = Refusal(
    "I10", "state", "Nothing of this automation can be promoted.", "It runs in production, or is retired."
)
NOTHING = Refusal(
    "A12",
    "state",
    "Nothing of this automation can be submitted again now.",
    "See what its submission waits for, or import a newer version.",
)


def promotion_refusal(automation: Automation, *, actor: Actor, now: datetime) -> Refusal | None:
    """Why this person can't promote it, or None; from the operation that would import it."""
    if version_to_promote(automation) is None or not lineages.environments_above(automation):
        return NOWHERE
    return confirmation.confirm_import.refusal(automation.team, actor=actor, now=now)


def version_to_promote(automation: Automation) -> Version | None:
    """The approved version, or else the newest."""
    return automation.approved_version or automation.versions.order_by("-number").first()


@transaction.atomic
def begin_promotion(automation: Automation, environment: str, *, actor: Actor, now: datetime) -> ImportItem:
    """Return the person's open preview of the promotion, or create one.

    Args:
        automation: the automation to promote.
        environment: the target; one of `lineages.environments_above`.
        actor: the person who owns the preview.
        now: business time.

    Raises:
        Refused: see `promotion_refusal`.
        InvalidInput: it can't be promoted there.
    """
    locked = _lock(automation)
    refused, version, person = promotion_refusal(locked, actor=actor, now=now), version_to_promote(locked), actor.person
    if refused is not None or version is None or person is None:
        raise refuse(refused or NOWHERE)
    if environment not in lineages.environments_above(locked):
        sentence = "Choose an environment above the one that it runs in."
        raise refuse(Refusal("I10", "input", sentence, detail=(("environment", sentence),)))
    open_previews = ImportItem.objects.filter(batch__by=person, progress=ImportState.PREVIEW).order_by("-pk")
    same = open_previews.filter(draft__promotes=version.pk, draft__fields__environment=environment).first()
    if same is not None:
        return same
    siblings = (sibling for sibling in lineages.siblings_of(locked) if sibling.environment == environment)
    sibling = next(siblings, None)
    draft = Draft(
        team=locked.team_id,
        automation=sibling.pk if sibling is not None and not sibling.external_id else None,
        sibling=locked.pk,
        promotes=version.pk,
        fields={"environment": environment},
    )
    manifest, secrets = version.manifest, version.secrets
    return drafts.create_preview(manifest, draft, by=person, team=locked.team, now=now, secrets=secrets)


def _lock(automation: Automation) -> Automation:
    """Lock an automation. Of two concurrent requests, the second waits here and finds the preview of the first (A8)."""
    return Automation.objects.select_for_update(of=("self",), no_key=True).get(pk=automation.pk)


def resubmission_refusal(automation: Automation, *, actor: Actor, now: datetime) -> Refusal | None:
    """Why this person can't resubmit the newest version, or None; from the operations that would run."""
    if _version_to_resubmit(automation) is None:
        return NOTHING
    refused = transition_submit.submit.refusal(automation, actor=actor, now=now)
    return refused or confirmation.confirm_import.refusal(automation.team, actor=actor, now=now)


def _version_to_resubmit(automation: Automation) -> Version | None:
    """The newest version, if some of it is not in force and no submission is open."""
    newest = automation.versions.order_by("-number").first()
    if newest is None or automation.submissions.filter(state__in=UNFINISHED).exists():
        return None
    is_short = (
        newest.pk != automation.approved_version_id
        or automation.state == AutomationState.SUSPENDED
        or automation.grants.filter(state=GrantState.SUSPENDED).exists()
    )
    return newest if is_short else None


@transaction.atomic
def begin_resubmission(automation: Automation, *, actor: Actor, now: datetime) -> ImportItem:
    """Return the person's open preview of the newest version, or create one.

    Raises:
        Refused: see `resubmission_refusal`.
    """
    locked = _lock(automation)
    refused, version = resubmission_refusal(locked, actor=actor, now=now), _version_to_resubmit(locked)
    if refused is not None or version is None or actor.person is None:
        raise refuse(refused or NOTHING)
    return drafts.preview_of_version(version, by=actor.person, team=locked.team, now=now)
