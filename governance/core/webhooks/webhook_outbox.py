"""Webhook messages: queued in the transaction of the change, and written in the shape that an endpoint takes.

One table has the ledger events that an endpoint can get; the person who adds it chooses. Slack takes ``text`` and
``blocks`` (Block Kit), a Workflow of Microsoft Teams a message with an Adaptive Card; every other receiver a signed JSON object of
``type``, ``timestamp`` and ``data``. In Teams a TextBlock would read Markdown; a TextRun is text. All three carry names,
what happened in words, and a link; no person, no scope, nothing secret. Typed text, such as an automation's name, stays
text: it makes no link and mentions nobody.
"""

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import Q

from governance.core.engine.transition import Step
from governance.core.jobs import nudge
from governance.core.ledger import ledger_events
from governance.core.mail import mail_text
from governance.core.models import Team, WebhookDelivery, WebhookEndpoint, WebhookState
from governance.core.texts.csv_tables import read_rows

#: The job that sends.
JOB = "controls.send_webhooks"

#: Sent when a manager of the endpoint asks for a test.
TEST = "webhook.tested"

#: By format. A text is filled with the facts of a message.
SHAPES: dict[str, Any] = json.loads(Path(__file__).with_name("payload_shapes.json").read_text(encoding="utf-8"))


class Told(NamedTuple):
    """The message of one event.

    Args:
        heading: its name in a list of choices and at the head of a message.
        sentence: the event; ``{what}`` is the automation.
    """

    heading: str
    sentence: str


#: By event, from ``webhook_events.csv``.
EVENTS = {row["event"]: Told(row["heading"], row["sentence"]) for row in read_rows(__file__, "webhook_events.csv")}

#: Choices of events.
CHOICES = tuple((event, webhook_event.heading) for event, webhook_event in EVENTS.items() if event != TEST)


def announce(step: Step[Any], subject: models.Model, *, team: Team, what: str, page: list[Any]) -> None:
    """Queue an event for every endpoint that gets it. One act on several parts of a subject is queued once.

    Args:
        step: the running operation with one of `EVENTS`.
        subject: the row of the event.
        team: the team of the row.
        what: the automation's name.
        page: its page: a URL name followed by its arguments.
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
    """Queue a test message."""
    endpoint = step.subject
    context = {"team": endpoint.team.name if endpoint.team else "", "page": ["webhook", endpoint.pk]}
    key = f"{TEST}:{endpoint.pk}:{step.actor.correlation}"
    defaults = {"endpoint": endpoint, "event": TEST, "context": context, "created_at": step.now}
    WebhookDelivery.objects.get_or_create(key=key, defaults=defaults)
    nudge.send(JOB)


def message_body(delivery: WebhookDelivery) -> bytes:
    """The body of one message."""
    body = _filled(SHAPES[delivery.endpoint.format], _said(delivery))
    return json.dumps(body, ensure_ascii=False).encode()


def _filled(shape: Any, facts: Mapping[str, str]) -> Any:
    if isinstance(shape, dict):
        return {name: _filled(value, facts) for name, value in shape.items()}
    if isinstance(shape, list):
        return [_filled(value, facts) for value in shape]
    return shape.format(**facts) if isinstance(shape, str) else shape


def _said(delivery: WebhookDelivery) -> dict[str, str]:
    told, team = EVENTS[delivery.event], str(delivery.context.get("team", ""))
    what = str(delivery.context.get("what", ""))
    text = told.sentence.format(what=what)
    return {
        "event": delivery.event,
        "title": told.heading,
        "text": text,
        "what": what,
        "team": team,
        "slack_text": html.escape(f"{told.heading}: {text}", quote=False),  # its three characters of control
        "link": mail_text.link(delivery.context),
        "at": delivery.created_at.isoformat(timespec="seconds"),
        "organisation": settings.ORGANISATION,
        "footer": f"{team}, Countersign for {settings.ORGANISATION}" if team else settings.ORGANISATION,
    }
