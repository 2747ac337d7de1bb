"""Queue webhook messages in the transaction of the change."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q

from governance.core.engine.transition import Step
from governance.core.jobs import nudge
from governance.core.ledger import ledger_events
from governance.core.models import Team, WebhookDelivery, WebhookEndpoint, WebhookState
from governance.core.webhooks.webhook_events import EVENTS, TEST

#: The job that sends.
JOB = "controls.send_webhooks"


def announce(step: Step[Any], subject: models.Model, *, team: Team, what: str, page: list[Any]) -> None:
    """Queue an event for every endpoint that gets it. One act on several parts of a subject is queued once.

    Args:
        step: the running operation, whose event it is; one of `EVENTS`.
        subject: what it happened to.
        team: whose it is.
        what: the automation's name.
        page: where it is read: a URL name followed by its arguments.
    """
    assert step.verb in EVENTS, step.verb
    key = f"{step.verb}:{':'.join(ledger_events.name_of(subject))}:{step.actor.correlation}"
    context = {"what": what, "team": team.name, "page": page}
    endpoints = WebhookEndpoint.objects.filter(Q(team=None) | Q(team=team), events__contains=[step.verb])
    deliveries = [
        WebhookDelivery(
            key=f"{key}:{endpoint.pk}", endpoint=endpoint, event=step.verb, context=context, created_at=step.now
        )
        for endpoint in endpoints.filter(state=WebhookState.ACTIVE).order_by("pk")
    ]
    if deliveries:
        WebhookDelivery.objects.bulk_create(deliveries, ignore_conflicts=True)
        nudge.send(JOB)


def queue_test(step: Step[WebhookEndpoint]) -> None:
    """Queue a message that says that it is a test."""
    endpoint = step.subject
    context = {"team": endpoint.team.name if endpoint.team else "", "page": ["webhook", endpoint.pk]}
    key = f"{TEST}:{endpoint.pk}:{step.actor.correlation}"
    WebhookDelivery.objects.get_or_create(
        key=key, defaults={"endpoint": endpoint, "event": TEST, "context": context, "created_at": step.now}
    )
    nudge.send(JOB)
