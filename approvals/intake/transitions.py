"""Writes of the import: begin the preview of a registered version, confirm a preview, and submit its version (I7, A1).

Promotion (I10) is for automations with the same id on the same platform. If the other environment is a separate installation, its
export is imported and names the automation that it is promoted from. Resubmission follows a withdrawal, rejection, decline, expiry
or stop (A10, A15, G5).

Confirming creates the version; submitting takes the draft's answers. The page and the API use these functions. Each makes its own
checks before, and the operations check again. A page keeps a confirmed version even if submitting fails, and says so. A program
confirms only as part of submitting.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import transaction

from approvals.decisions import idempotency
from approvals.intake import drafts
from approvals.intake.drafts import Draft
from approvals.intake.preview.rows import Preview
from approvals.models import GrantState, Submission, credential_key
from approvals.models.submission import UNFINISHED
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.transitions import submit as transition_submit
from governance.core.access import Actor, Refusal, refuse
from inventory.automations import lineages
from inventory.imports.resolution import credential_draft_key
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


# --- preview of a registered version ---


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


# --- confirm and submit ---


def hand_in(preview: Preview, *, actor: Actor, now: datetime) -> Submission | None:
    """Confirm a preview and submit its version in one transaction. A refusal leaves only its record (S5).

    Returns:
        The submission, or an identical earlier one of the same person. None if the person has confirmed this preview before.

    Raises:
        Refused: see `confirmation.confirm_import` and `submit.submit`.
    """
    submissions: list[Submission] = []

    def then(version: Version) -> None:
        request = {"version": version, "wishes": wishes(preview, version)}
        earlier = idempotency.repeats_submission(version.automation, actor, "", request)
        submissions.append(earlier or submit(preview, version, actor=actor, now=now))

    confirm(preview, actor=actor, now=now, then=then)
    return submissions[0] if submissions else None


def confirm(
    preview: Preview, *, actor: Actor, now: datetime, then: Callable[[Version], None] | None = None
) -> Version | None:
    """Confirm a preview with its draft.

    Args:
        preview: the preview.
        actor: the person who confirms it.
        now: business time.
        then: see `confirmation.confirm_import`.

    Returns:
        The version, new or existing. None if the person has confirmed this preview before.

    Raises:
        Refused: see `confirmation.confirm_import`.
    """
    made: object = confirmation.confirm_import(
        preview.team,
        actor=actor,
        now=now,
        item=preview.item,
        fields=drafts.fields_of(preview.draft),
        chosen=drafts.chosen_resources(preview.draft, actor, now),
        automation=preview.content.registered if not preview.content.manifest.source.external_id else None,
        sibling=preview.sibling,
        then=then,
    )
    return made if isinstance(made, Version) else None  # the operation's subject is the team; it returns the version


def submit(preview: Preview, version: Version, *, actor: Actor, now: datetime) -> Submission:
    """Submit the version of a preview, with the draft's justifications and terms.

    Raises:
        Refused: see `submit.submit`.
    """
    made: object = transition_submit.submit(
        version.automation, actor=actor, now=now, version=version, wishes=wishes(preview, version)
    )
    assert isinstance(made, Submission)  # the operation's subject is the automation; it returns the submission
    return made


def wishes(preview: Preview, version: Version) -> Mapping[str, ItemRequest]:
    """The builder's wishes by key of the requested item. A credential that the import created has its key by now."""
    requests = {row.requested.key: row.answer.request for row in preview.asked}
    for link in version.version_credentials.select_related("credential"):
        draft_key = credential_draft_key(link.credential)
        if draft_key in requests:
            requests[credential_key(link.credential_id)] = requests.pop(draft_key)
    return requests
