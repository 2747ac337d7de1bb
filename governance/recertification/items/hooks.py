"""Hooks of recertification's `ready()`: webhook announcements, and erasure of a person (H6).

Erasure deletes the person's drafts and their name in other drafts. Submitted answers stay in the events of their
authors; their reasons are erased with those events. Snapshots hold no names of people
(`transitions.opening.snapshot`).
"""

from __future__ import annotations

from typing import Any

from governance.core.engine import hooks
from governance.core.engine.transition import Step
from governance.core.erasure.redaction import KnownAs
from governance.core.webhooks import webhook_outbox
from governance.recertification.models import Draft, Item

OF_ITEMS = ("item.escalated", "item.silence_suspended")


def register() -> None:
    """Register the webhook events."""
    for event in OF_ITEMS:
        hooks.register(event, announce)


def announce(item: Item, step: Step[Any]) -> None:
    """Announce an event of an item to the webhooks of its automation's team."""
    automation = item.of_automation
    webhook_outbox.announce(step, item, team=automation.team, what=automation.name, page=["recert_item", item.pk])


def forget(known_as: KnownAs, step: Step[Any]) -> None:
    """Erase a person from drafts, in the transaction of the erasure.

    Args:
        known_as: the names of the person.
        step: the erasure.
    """
    Draft.objects.filter(person=known_as.person).delete()
    for draft in Draft.objects.filter(known_as.may_be_in("reason")):
        draft.reason = known_as.without(draft.reason)
        draft.save(update_fields=["reason"])
