"""Which endpoints are told of what happens in reviews, for recertification's `ready()`."""

from __future__ import annotations

from typing import Any

from governance.controls import consequences, webhook_outbox
from governance.controls.transitions import Step
from governance.recertification.models import Item

OF_ITEMS = ("item.escalated", "item.silence_suspended")


def register() -> None:
    """Have endpoints told."""
    for event in OF_ITEMS:
        consequences.register(event, announce)


def announce(item: Item, step: Step[Any]) -> None:
    """Tell whoever is told of reviews of this team's automations."""
    one = item.of_automation
    webhook_outbox.announce(step, item, team=one.team, what=one.name, page=["recert_item", item.pk])
