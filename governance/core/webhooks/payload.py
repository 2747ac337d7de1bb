"""What an endpoint is sent: the body in the shape that it takes, and the signature of Standard Webhooks (version 1).

Slack takes ``text`` and ``blocks`` (Block Kit), a Workflow of Microsoft Teams a message with an Adaptive Card; anybody else a signed JSON
object of ``type``, ``timestamp`` and ``data``. In Teams a TextBlock would read Markdown; a TextRun is text. All three carry names, what happened in words, and a link; no person, no scope,
nothing secret. Typed text, such as an automation's name, stays text: it makes no link and mentions nobody.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from governance.core.mail import mail_text
from governance.core.models import WebhookDelivery
from governance.core.webhooks.webhook_events import EVENTS

#: By format. A text is filled with the facts of a message.
SHAPES: dict[str, Any] = json.loads(Path(__file__).with_name("payload_shapes.json").read_text(encoding="utf-8"))


def write(delivery: WebhookDelivery) -> bytes:
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
