"""Webhook events of automations."""

from typing import Any

from governance.core.engine.transition import Step
from governance.core.webhooks import webhook_outbox
from inventory.models import Automation

OF_AUTOMATIONS = ("automation.stopped", "automation.suspended", "automation.resumed", "automation.retired")


def send_event(automation: Automation, step: Step[Any]) -> None:
    """Send an event of an automation to the webhooks of its team."""
    page = ["automation", automation.pk]
    webhook_outbox.announce(step, automation, team=automation.team, what=automation.name, page=page)
