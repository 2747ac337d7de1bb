"""Which endpoints are told of what happens in reviews, for recertification's `ready()`.

What reviews forget of a person who is erased (H6): what they had not submitted, and their name in what others have not.

Submitted answers stand by events of whoever gave them, and their reasons are erased with those. What was reviewed is kept
without names of people (`transitions.opening.snapshot`).
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
    """Have endpoints told."""
    for event in OF_ITEMS:
        hooks.register(event, announce)


def announce(item: Item, step: Step[Any]) -> None:
    """Tell whoever is told of reviews of this team's automations."""
    one = item.of_automation
    webhook_outbox.announce(step, item, team=one.team, what=one.name, page=["recert_item", item.pk])


def forget(known: KnownAs, step: Step[Any]) -> None:
    """Erase it, in the transaction in which the person is erased.

    Args:
        known: as whom the person is known.
        step: the erasure.
    """
    Draft.objects.filter(person=known.person).delete()
    for draft in Draft.objects.filter(known.may_be_in("reason")):
        draft.reason = known.without(draft.reason)
        draft.save(update_fields=["reason"])
