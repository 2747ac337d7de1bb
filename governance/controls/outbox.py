"""Queueing what people are to be told, in the transaction of what happened. Sending stands in `sending`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.controls import nudge
from governance.controls.models import Notice, Person

#: Names the sender inside a message id; it is no host and is never resolved.
MESSAGE_DOMAIN = "countersign.invalid"


def message_id(key: str) -> str:
    """The Message-ID (RFC 5322, 3.6.4) of the notice with this key: the same however often it is asked."""
    return f"<{uuid.uuid5(uuid.NAMESPACE_URL, 'countersign:' + key)}@{MESSAGE_DOMAIN}>"


def queue(
    *, recipient: Person, event: str, thread: str, key: str, now: datetime, context: Mapping[str, Any] | None = None
) -> Notice | None:
    """Queue one notice unless one with this key exists; returns it, or None when it was there already (R9).

    Args:
        recipient: who is told; somebody who left is told nothing.
        event: names the templates `email/<event>/…`.
        thread: what the mail belongs to, so that a reminder joins its thread.
        key: what makes the notice one, for instance ``item:12:opened:34``.
        now: business time.
        context: plain facts for the templates: ids, names, dates; nothing secret. ``page`` is a URL name followed by its
            arguments, ``["person", 12]``, and becomes the ``link`` of the mail; ``path`` does the same for a path.
    """
    if not recipient.is_here:
        return None
    notice, made = Notice.objects.get_or_create(
        key=key,
        defaults={
            "recipient": recipient,
            "event": event,
            "thread": thread,
            "context": dict(context or {}),
            "message_id": message_id(key),
            "created_at": now,
        },
    )
    if made:
        nudge.send("controls.send_notices")
    return notice if made else None
