"""Which endpoints are told of what happens to automations, for the inventory's `ready()`."""

from __future__ import annotations

from typing import Any

from governance.core.engine import hooks
from governance.core.engine.transition import Step
from governance.core.webhooks import webhook_outbox
from inventory.models import Automation

OF_AUTOMATIONS = ("automation.stopped", "automation.suspended", "automation.resumed", "automation.retired")


def register() -> None:
    """Have endpoints told."""
    for event in OF_AUTOMATIONS:
        hooks.register(event, announce)


def announce(automation: Automation, step: Step[Any]) -> None:
    """Tell whoever is told of this team's automations."""
    page = ["automation", automation.pk]
    webhook_outbox.announce(step, automation, team=automation.team, what=automation.name, page=page)
