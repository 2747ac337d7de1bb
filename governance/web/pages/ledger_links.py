"""Links to the ledger, from the frame and from a page to the events about one row: only for its readers, to whom that page is there."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Model
from django.http import HttpRequest

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.ledger import ledger_events
from governance.core.roles.roles import Permission
from governance.web.pages import navigation


def ledger_href(row: Model, *, actor: Actor, now: datetime) -> str:
    """The address of the ledger's events about ``row``, or nothing for whoever may not read the ledger."""
    if not access.may(actor, Permission.LEDGER_READ, None, now=now):
        return ""
    (subject_key,) = ledger_events.about(row)
    return f"{navigation.href('ledger')}?{urlencode({'about': subject_key}, safe=':')}"


def register() -> None:
    """Have the frame lead to the ledger only whoever may read it."""

    def may_read(request: HttpRequest) -> bool:
        actor: Actor | None = getattr(
            request, "actor", None
        )  # a request may be refused before anybody asked who sends it
        return actor is not None and bool(actor) and access.is_led_to(actor, Permission.LEDGER_READ)

    navigation.register_readers("ledger", may_read)
