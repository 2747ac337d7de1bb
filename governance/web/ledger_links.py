"""The link from a page to the ledger's events about one row: only for readers of the ledger, to whom that page is there."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Model

from governance.controls import access, ledger
from governance.controls.actors import Actor
from governance.controls.roles import Permission
from governance.web import chrome


def ledger_href(row: Model, *, actor: Actor, now: datetime) -> str:
    """The address of the ledger's events about ``row``, or nothing for whoever may not read the ledger."""
    if not access.may(actor, Permission.LEDGER_READ, None, now=now):
        return ""
    (about,) = ledger.about(row)
    return f"{chrome.href('ledger')}?{urlencode({'about': about}, safe=':')}"
