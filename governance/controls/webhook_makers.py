"""What becomes of a webhook whose maker manages it no more: it is paused until one of those who do resumes it; they are told.

Its address may be theirs: who has left, or leads the team no more, is not to be told on by default.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from governance.controls import access, consequences, webhooks
from governance.controls.actors import Actor
from governance.controls.models import Person, Team, WebhookEndpoint, WebhookState
from governance.controls.roles import Permission
from governance.controls.transitions import Step

#: Without a name: it stays on record.
LEFT, LEADS_NO_MORE = "Who added it has left.", "Who added it leads the team no more."


def register() -> None:
    """Have it looked at when somebody leaves; a team's naming of its leads looks by itself, because it knows the former ones."""
    consequences.register("person.left", of_leaver)


def of_leaver(person: Person, step: Step[Any]) -> None:
    """Pause what somebody added who has left."""
    _pause(step, WebhookEndpoint.objects.filter(made_by=person), LEFT)


def of_former_leads(step: Step[Team], people: Iterable[Person]) -> None:
    """Pause what people added to a team that they led, unless they still manage it, as admins do."""
    for person in people:
        if not access.may(Actor.of(person), Permission.WEBHOOK_MANAGE, step.subject, now=step.now):
            _pause(step, step.subject.webhooks.filter(made_by=person), LEADS_NO_MORE)


def _pause(step: Step[Any], endpoints: QuerySet[WebhookEndpoint], why: str) -> None:
    for one in endpoints.filter(state=WebhookState.ACTIVE).order_by("pk"):
        webhooks.pause_without_maker(one, actor=step.actor, now=step.now, why=why)
