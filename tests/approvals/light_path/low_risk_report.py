"""What is low risk through and through: the stock report without its posts, on internal data, by a credential that opens only that.

Omar has said what its connection opens. So it is on the light path: Theo decides the app, policy the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from approvals.models import Submission
from governance.core.models import Person
from inventory.credentials import transitions as credential_transitions
from inventory.models import Credential, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import connect, of_its_own
from tests.people import as_actor
from tests.scenarios import Company
from tests.trigger_bypass import given

Edit = Callable[[dict[str, Any]], None]


def content(edit: Edit | None = None, *, word: str = "") -> bytes:
    """The export, edited; of an n8n of its own where a word says so."""
    export = json.loads(of_its_own(stock_report.EXPORT, word)) if word else json.loads(stock_report.source())
    stock_report.without_slack(export)
    if edit is not None:
        edit(export)
    return json.dumps(export).encode()


def another(word: str) -> Edit:
    """An edit: another automation with credentials of its own on the same server."""

    def edit(export: dict[str, Any]) -> None:
        export["id"] = word
        for node in export["nodes"]:
            for used in node.get("credentials", {}).values():
                used["id"] += word

    return edit


def both(*edits: Edit) -> Edit:
    """Several edits, one after the other."""

    def edit(export: dict[str, Any]) -> None:
        for edit in edits:
            edit(export)

    return edit


def asks(query: str) -> Edit:
    """An edit: it asks the database with a query of its own instead of reading one table."""

    def edit(export: dict[str, Any]) -> None:
        stock_report.node(export, ".postgres")["parameters"] = {
            "operation": "executeQuery",
            "query": query,
            "options": {},
        }

    return edit


def reads_more(tables: int, what: str = "stock") -> Edit:
    """An edit: it reads so many tables more, each a privilege of its own; what they hold is part of their names."""

    def edit(export: dict[str, Any]) -> None:
        node = stock_report.node(export, ".postgres")
        for number in range(tables):
            more = json.loads(json.dumps(node))
            more |= {"id": f"5d1f0a0e-0000-4000-8000-0000000001{number:02}", "name": f"Read {number}"}
            more["parameters"]["table"] = {"__rl": True, "value": f"{what}_{number}", "mode": "name"}
            export["nodes"].append(more)

    return edit


def version(
    c: Company,
    edit: Edit | None = None,
    *,
    word: str = "",
    is_confirmed: bool = True,
    by: Person | None = None,
    **fields: Any,
) -> Version:
    """A version of it, imported by Rita, with everything said that makes it low."""
    data = content(edit, word=word)
    given(c.erp, data_class="internal")
    if is_confirmed:
        connect(c, data)
    made = scenarios.brought_in(c, stock_report.EXPORT, content=data, by=by, **fields)
    for used in made.version_credentials.select_related("credential"):
        codes = set(made.privileges.filter(credential=used.credential).values_list("entitlement__code", flat=True))
        credential = Credential.objects.get(pk=used.credential_id)
        if set(credential.reach) != codes:
            credential_transitions.declare_reach(
                credential, actor=as_actor(c.people.omar), now=c.now, codes=sorted(codes)
            )
    return made


def submitted(c: Company, edit: Edit | None = None, *, word: str = "", by: Person | None = None) -> Submission:
    """Submitted by Rita: stage 1 is open, and policy would approve the rest."""
    return scenarios.submitted(c, version(c, edit, word=word, by=by), by=by)


def in_force(c: Company, edit: Edit | None = None, *, word: str = "") -> Submission:
    """The app approved by Theo, and with it everything else by policy."""
    return stock_report.app_approved(c, submitted(c, edit, word=word))
