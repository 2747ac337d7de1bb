"""Resubmission after a withdrawal, rejection, decline, expiry or stop (A10, A15, G5).

The newest version becomes a preview that has the answers of the last submission.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from approvals.intake import drafts
from approvals.models import GrantState
from approvals.models.submission import UNFINISHED
from approvals.submissions.transitions.submit import submit
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, refuse
from inventory.imports.transitions import confirmation
from inventory.models import Automation, AutomationState, ImportItem, Version

NOTHING = Refusal(
    "A12",
    "state",
    "Nothing of this automation can be submitted again now.",
    "See what its submission waits for, or import a newer version.",
)


def refusal(automation: Automation, *, actor: Actor, now: datetime) -> Refusal | None:
    """Why this person can't resubmit the newest version, or None; from the operations that would run."""
    if _version_of(automation) is None:
        return NOTHING
    refused = submit.refusal(automation, actor=actor, now=now)
    return refused or confirmation.confirm_import.refusal(automation.team, actor=actor, now=now)


def _version_of(automation: Automation) -> Version | None:
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


def begin(automation: Automation, *, actor: Actor, now: datetime) -> ImportItem:
    """Return the person's open preview of the newest version, or create one.

    Raises:
        Refused: see `refusal`.
    """
    with transaction.atomic():
        # Of two concurrent requests, the second waits here and finds the first one's preview or submission (A8).
        locked = Automation.objects.select_for_update(of=("self",), no_key=True).get(pk=automation.pk)
        refused, version, person = refusal(locked, actor=actor, now=now), _version_of(locked), actor.person
        if refused is not None or version is None or person is None:
            raise refuse(refused or NOTHING)
        return drafts.preview_of_version(version, by=person, team=locked.team, now=now)
