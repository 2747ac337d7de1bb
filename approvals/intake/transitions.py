"""A preview handed in: confirmed, which makes its version, and that version submitted with what was typed (I7, A1).

The page and the API both go this way; what each of them asks before is theirs, and the operations ask it again. A page keeps the version
that it has confirmed whatever becomes of submitting it, and says so; a program confirms by submitting, and amends nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from approvals.decisions import idempotency
from approvals.intake import draft_automation, drafts
from approvals.intake.preview.rows import Preview
from approvals.models import Submission, credential_key
from approvals.submissions.transitions import submit as transition_submit
from approvals.submissions.transitions.submit import Wish
from governance.core.actors.actor import Actor
from inventory.imports import resolution
from inventory.imports.transitions import confirmation
from inventory.models import Version


def hand_in(found: Preview, *, actor: Actor, now: datetime) -> Submission | None:
    """Confirm a preview and submit what it became, both or neither: of what is refused nothing stays but its record (S5).

    Returns:
        The submission; what the same person has submitted just so before, where that was quicker. None where they have confirmed
        this very preview before.

    Raises:
        Refused: see `registry.confirm_import` and `submit.submit`.
    """
    made: list[Submission] = []

    def then(version: Version) -> None:
        said = {"version": version, "wishes": wishes(found, version)}
        made.append(
            idempotency.submitted(version.automation, actor, "", said) or submit(found, version, actor=actor, now=now)
        )

    confirm(found, actor=actor, now=now, then=then)
    return made[0] if made else None


def confirm(
    found: Preview, *, actor: Actor, now: datetime, then: Callable[[Version], None] | None = None
) -> Version | None:
    """Confirm a preview as it was read and typed.

    Args:
        found: the preview.
        actor: who confirms it.
        now: business time.
        then: see `registry.confirm_import`.

    Returns:
        The version that it became, or is already; None where the same person has confirmed this very preview before.

    Raises:
        Refused: see `registry.confirm_import`.
    """
    made: object = confirmation.confirm_import(
        found.team,
        actor=actor,
        now=now,
        item=found.item,
        fields=draft_automation.fields_of(found.draft),
        chosen=draft_automation.chosen_resources(found.draft, actor, now),
        automation=found.known if not found.manifest.source.external_id else None,
        sibling=found.sibling,
        then=then,
    )
    return made if isinstance(made, Version) else None  # its subject is the team, what is made is the version


def submit(found: Preview, version: Version, *, actor: Actor, now: datetime) -> Submission:
    """Submit the version that a preview became, with the justifications and terms that were typed.

    Raises:
        Refused: see `submit.submit`.
    """
    made: object = transition_submit.submit(
        version.automation, actor=actor, now=now, version=version, wishes=wishes(found, version)
    )
    assert isinstance(made, Submission)  # its subject is the automation, what is made is the submission
    return made


def wishes(found: Preview, version: Version) -> Mapping[str, Wish]:
    """What the builder says about each record, by the key that it has in the register."""
    used = version.version_credentials.select_related("credential")
    keys = {
        drafts.row_key(resolution.credential_draft_key(one.credential)): credential_key(one.credential_id)
        for one in used
    }
    said = {}
    for one in found.wanted:
        key = one.asked.privilege.key if one.asked.privilege is not None else keys.get(one.key, "")
        said[key] = Wish(found.reason(one), found.term(one))
    return said
