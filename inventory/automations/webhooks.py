"""Webhook events of automations, registered in the inventory's `ready()`."""

from typing import Any

from governance.core.engine import hooks
from governance.core.engine.transition import Step
from governance.core.webhooks import webhook_outbox
from inventory.models import Automation

OF_AUTOMATIONS = ("automation.stopped", "automation.suspended", "automation.resumed", "automation.retired")


def register_events() -> None:
    """Register the events that webhooks receive."""
    for event in OF_AUTOMATIONS:
        hooks.register(event, send_event)


def send_event(automation: Automation, step: Step[Any]) -> None:
    """Send an event of an automation to the webhooks of its team."""
    page = ["automation", automation.pk]
    webhook_outbox.announce(step, automation, team=automation.team, what=automation.name, page=page)
