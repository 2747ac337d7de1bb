"""Asking again for what came to nothing: withdrawn, refused, declined, run out of time, stopped (A10, A15, G5).

Nothing is typed twice: the newest version becomes a preview again, which knows what was said when it was last asked for.
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
    "See what its submission waits for, or bring in a newer version.",
)


def refusal(automation: Automation, *, actor: Actor, now: datetime) -> Refusal | None:
    """Why this person can't ask for its newest version again, or None; asked of the operations that would do it."""
    if _version_of(automation) is None:
        return NOTHING
    no = submit.refusal(automation, actor=actor, now=now)
    return no or confirmation.confirm_import.refusal(automation.team, actor=actor, now=now)


def _version_of(automation: Automation) -> Version | None:
    """The newest version where something of it is not in force and nobody is asked about that now."""
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
    """A preview of its newest version; the person's own, if one is under way already.

    Raises:
        Refused: see `refusal`.
    """
    with transaction.atomic():
        # Two presses at once are one: the second waits here and finds what the first made, or what came of that (A8).
        locked = Automation.objects.select_for_update(of=("self",), no_key=True).get(pk=automation.pk)
        no, version, person = refusal(locked, actor=actor, now=now), _version_of(locked), actor.person
        if no is not None or version is None or person is None:
            raise refuse(no or NOTHING)
        return drafts.of_version(version, by=person, team=locked.team, now=now)
