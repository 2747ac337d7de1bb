"""What an endpoint is sent: the body in the shape that it takes, and the signature of Standard Webhooks (version 1).

Slack takes ``text`` and ``blocks`` (Block Kit), a Workflow of Microsoft Teams a message with an Adaptive Card; anybody else a signed JSON
object of ``type``, ``timestamp`` and ``data``. All three carry names, what happened in words, and a link; no person, no scope,
nothing secret. Typed text, such as an automation's name, stays text: it makes no link and mentions nobody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from governance.core.mail import mail_text
from governance.core.models import WebhookDelivery, WebhookFormat
from governance.core.webhooks.webhook_events import EVENTS


def write(delivery: WebhookDelivery) -> bytes:
    """The body of one message."""
    facts = _said(delivery)
    shape = {WebhookFormat.SLACK: _slack, WebhookFormat.TEAMS: _teams, WebhookFormat.JSON: _plain}
    return json.dumps(shape[WebhookFormat(delivery.endpoint.format)](facts), ensure_ascii=False).encode()


def _said(delivery: WebhookDelivery) -> dict[str, str]:
    context: Mapping[str, Any] = delivery.context
    return {
        "event": delivery.event,
        "title": EVENTS[delivery.event].heading,
        "text": EVENTS[delivery.event].sentence.format(what=context.get("what", "")),
        "what": str(context.get("what", "")),
        "team": str(context.get("team", "")),
        "link": mail_text.link(dict(context)),
        "at": delivery.created_at.isoformat(timespec="seconds"),
    }


def _footer(facts: Mapping[str, str]) -> str:
    return f"{facts['team']}, Countersign for {settings.ORGANISATION}" if facts["team"] else settings.ORGANISATION


def _plain(facts: Mapping[str, str]) -> dict[str, Any]:
    data = {name: facts[name] for name in ("title", "text", "what", "team", "link")}
    return {"type": facts["event"], "timestamp": facts["at"], "data": {**data, "organisation": settings.ORGANISATION}}


def _slack(facts: Mapping[str, str]) -> dict[str, Any]:
    link = {"type": "mrkdwn", "text": f"<{facts['link']}|Open it>"}
    return {
        "text": _of_slack(f"{facts['title']}: {facts['text']}"),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": facts["title"], "emoji": False}},
            {"type": "section", "text": {"type": "plain_text", "text": facts["text"], "emoji": False}},
            {"type": "section", "text": link},
            {"type": "context", "elements": [{"type": "plain_text", "text": _footer(facts), "emoji": False}]},
        ],
    }


def _of_slack(text: str) -> str:
    """Slack's three characters of control, as text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(facts: Mapping[str, str]) -> dict[str, Any]:
    # A TextBlock would read Markdown; a TextRun is text.
    def lines(text: str, **how: Any) -> dict[str, Any]:
        return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **how}]}

    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            lines(facts["title"], weight="Bolder", size="Medium"),
            lines(facts["text"]),
            lines(_footer(facts), isSubtle=True, size="Small"),
        ],
        "actions": [{"type": "Action.OpenUrl", "title": "Open it", "url": facts["link"]}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}
