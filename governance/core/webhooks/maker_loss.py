"""Pause a webhook whose maker may not manage it any more, until a present manager resumes it. The managers are notified.

Its address may be theirs: who has left, or leads the team no more, is not to be told on by default.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.engine import hooks
from governance.core.engine.transition import Step
from governance.core.models import Person, Team, WebhookEndpoint, WebhookState
from governance.core.roles.roles import Permission
from governance.core.webhooks import transitions as webhook_transitions

#: Without a name: it stays on record.
LEFT, LEADS_NO_MORE = "Who added it has left.", "Who added it leads the team no more."


def register() -> None:
    """Have it looked at when somebody leaves; a team's naming of its leads looks by itself, because it knows the former ones."""
    hooks.register("person.left", of_leaver)


def of_leaver(person: Person, step: Step[Any]) -> None:
    """Pause the webhooks that a leaver added."""
    _pause(step, WebhookEndpoint.objects.filter(made_by=person), LEFT)


def of_former_leads(step: Step[Team], people: Iterable[Person]) -> None:
    """Pause what people added to a team that they led, unless they still manage it, as admins do."""
    for person in people:
        if not access.may(Actor.of(person), Permission.WEBHOOK_MANAGE, step.subject, now=step.now):
            _pause(step, step.subject.webhooks.filter(made_by=person), LEADS_NO_MORE)


def _pause(step: Step[Any], endpoints: QuerySet[WebhookEndpoint], why: str) -> None:
    for endpoint in endpoints.filter(state=WebhookState.ACTIVE).order_by("pk"):
        webhook_transitions.pause_without_maker(endpoint, actor=step.actor, now=step.now, why=why)
