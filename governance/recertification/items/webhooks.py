"""Webhook events of items, for recertification's `ready()`."""

from __future__ import annotations

from typing import Any

from governance.core.engine import hooks
from governance.core.engine.transition import Step
from governance.core.webhooks import webhook_outbox
from governance.recertification.models import Item

OF_ITEMS = ("item.escalated", "item.silence_suspended")


def register() -> None:
    """Register the webhook events."""
    for event in OF_ITEMS:
        hooks.register(event, announce)


def announce(item: Item, step: Step[Any]) -> None:
    """Announce an event of an item to the webhooks of its automation's team."""
    automation = item.of_automation
    webhook_outbox.announce(step, item, team=automation.team, what=automation.name, page=["recert_item", item.pk])
