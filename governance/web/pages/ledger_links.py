"""Links from a page to the ledger's events of one row. Only readers of the ledger get them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.ledger import ledger_events
from governance.core.roles.roles import Permission
from governance.core.timeline import queries as timeline_queries


def ledger_href(row: Model, *, actor: Actor, now: datetime) -> str:
    """Return the address of the ledger's events of ``row``, or nothing if the reader may not read the ledger."""
    if not access.may(actor, Permission.LEDGER_READ, None, now=now):
        return ""
    (subject_key,) = ledger_events.about(row)
    return f"{reverse('ledger')}?{urlencode({'about': subject_key}, safe=':')}"


def timeline_context(
    row: Model, *, actor: Actor, now: datetime, limit: int = 30, quiet: bool = False
) -> dict[str, Any]:
    """Return the context of ``components/timeline_panel.html`` for a row.

    Args:
        row: the row.
        actor: the reader.
        now: business time.
        limit: most events.
        quiet: whether quiet events are shown too; see `timeline_queries.shapes`.
    """
    events = timeline_queries.shapes(row, limit=limit, quiet=quiet, actor=actor, now=now)
    return {"events": events, "ledger_href": ledger_href(row, actor=actor, now=now)}
