"""Queue webhook messages in the transaction of the change, in one statement for all endpoints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import connection, models

from governance.core.jobs import nudge
from governance.core.ledger import ledger_events
from governance.core.models import Team, WebhookDelivery, WebhookEndpoint
from governance.core.webhooks.webhook_events import EVENTS, TEST

if TYPE_CHECKING:
    from governance.core.engine.transition import Step

#: The job that sends.
JOB = "controls.send_webhooks"

#: A row for each endpoint that wants the event of this team, or of all; a key that is there already stays as it is.
_INSERT = """
INSERT INTO controls_webhookdelivery (key, endpoint_id, event, context, state, created_at, attempts, error)
SELECT %(key)s::text || ':' || one.id, one.id, %(event)s::text, %(context)s::jsonb, 'queued', %(now)s::timestamptz, 0, ''
FROM controls_webhookendpoint one
WHERE one.state = 'active' AND %(event)s::text = ANY (one.events) AND (one.team_id IS NULL OR one.team_id = %(team)s::bigint)
ORDER BY one.id
ON CONFLICT DO NOTHING
"""


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
    values: dict[str, str | int] = {
        "key": key,
        "event": step.verb,
        "context": json.dumps(context),
        "now": step.now.isoformat(),
        "team": team.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, values)
        if cursor.rowcount:
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
