"""Bringing an automation up to the next environment: a preview filled in from the sibling below (I10).

What runs in test under the same id of the same platform is promoted from here. Where the other environment is an installation of its own,
its export is brought in, and says what it is promoted from.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from approvals.intake import drafts
from approvals.intake.drafts import Draft
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import Refusal, refuse
from governance.core.models import Person
from inventory.automations import environments
from inventory.imports.transitions import confirmation
from inventory.models import Automation, ImportItem, ImportState, Version

NOWHERE = Refusal(
    "I10", "state", "Nothing of this automation can be promoted.", "It runs in production, or is retired."
)


def refusal(automation: Automation, *, actor: Actor, now: datetime) -> Refusal | None:
    """Why this person can't promote it, or None; asked of the operation that would bring it in there."""
    if version_of(automation) is None or not environments.above(automation):
        return NOWHERE
    return confirmation.confirm_import.refusal(automation.team, actor=actor, now=now)


def version_of(automation: Automation) -> Version | None:
    """What would be promoted: the approved version, else the newest."""
    return automation.approved_version or automation.versions.order_by("-number").first()


def begin(automation: Automation, environment: str, *, actor: Actor, now: datetime) -> ImportItem:
    """A preview of it in another environment; the person's own, if one is under way already.

    Args:
        automation: what is promoted.
        environment: where to; one of `lineage.above`.
        actor: whose preview it is.
        now: business time.

    Raises:
        Refused: see `refusal`.
        InvalidInput: it can't be promoted there.
    """
    with transaction.atomic():
        # Two presses at once are one: the second waits here and finds what the first made (A8).
        locked = Automation.objects.select_for_update(of=("self",), no_key=True).get(pk=automation.pk)
        no, version, person = refusal(locked, actor=actor, now=now), version_of(locked), actor.person
        if no is not None or version is None or person is None:
            raise refuse(no or NOWHERE)
        if environment not in environments.above(locked):
            sentence = "Choose an environment above the one that it runs in."
            raise refuse(Refusal("I10", "input", sentence, detail=(("environment", sentence),)))
        return _own(version, environment, person) or _made(locked, version, environment, person, now)


def _own(version: Version, environment: str, person: Person) -> ImportItem | None:
    under_way = ImportItem.objects.filter(batch__by=person, progress=ImportState.PREVIEW)
    same = under_way.filter(draft__promotes=version.pk, draft__fields__environment=environment)
    return same.order_by("-pk").first()


def _made(automation: Automation, version: Version, environment: str, person: Person, now: datetime) -> ImportItem:
    there = next((one for one in environments.of(automation) if one.environment == environment), None)
    draft = Draft(
        team=automation.team_id,
        automation=there.pk if there is not None and not there.external_id else None,
        sibling=automation.pk,
        promotes=version.pk,
        fields={"environment": environment},
    )
    return drafts.promoted(version, draft, by=person, team=automation.team, now=now)
