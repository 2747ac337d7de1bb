"""Writes of the import: confirm a preview, and submit its version (I7, A1). `promotion` begins previews of registered versions.

Confirming creates the version; submitting takes the draft's answers. The page and the API use these functions. Each makes its own
checks before, and the operations check again. A page keeps a confirmed version even if submitting fails, and says so. A program
confirms only as part of submitting.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from approvals.decisions import idempotency
from approvals.intake import drafts
from approvals.intake.preview.rows import Preview
from approvals.models import Submission, credential_key
from approvals.submissions.plan.problems import ItemRequest
from approvals.submissions.transitions import submit as transition_submit
from governance.core.access import Actor
from inventory.imports.resolution import credential_draft_key
from inventory.imports.transitions import confirmation
from inventory.models import Version


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

    Args:
        preview: the preview, with its draft.
        version: its saved version.
        actor: the submitter.
        now: business time.
    """
    made: object = transition_submit.submit(
        version.automation, actor=actor, now=now, version=version, wishes=wishes(preview, version)
    )
    assert isinstance(made, Submission)  # the operation's subject is the automation; it returns the submission
    return made


def wishes(preview: Preview, version: Version) -> Mapping[str, ItemRequest]:
    """The builder's wishes by key of the requested item. A credential that the import created has its key by now."""
    rows = (row for row in preview.wanted if row.is_asked or row.request.is_left_out)
    requests = {row.requested.key: row.request for row in rows}
    for link in version.version_credentials.select_related("credential"):
        draft_key = credential_draft_key(link.credential)
        if draft_key in requests:
            requests[credential_key(link.credential_id)] = requests.pop(draft_key)
    return requests
