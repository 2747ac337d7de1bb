"""What the tests of the register share: Northwind with resources in use, and imports from changed copies of a sample export."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, Version
from tests import scenarios
from tests.people import as_actor
from tests.scenarios import Company

Change = Callable[[dict[str, Any]], None]


def export(name: str = "invoice-chaser.json", change: Change | None = None) -> bytes:
    """A sample export, changed in place by ``change``."""
    data = (scenarios.EXPORTS / name).read_bytes()
    if change is None:
        return data
    document = json.loads(data)
    change(document)
    return json.dumps(document).encode()


def node(document: dict[str, Any], name: str) -> dict[str, Any]:
    """One node of an n8n export."""
    return next(entry for entry in document["nodes"] if entry["name"] == name)


def plainly(c: Company, content: bytes, name: str = "x.json", **more: Any) -> Version:
    """A version brought in by Rita without a word about what its connections open."""
    n = c.people
    item = previews.preview([(name, content)], actor=as_actor(n.rita), now=n.now).items.get()
    fields = {"business_owner": n.jonas, **more.pop("fields", {})}
    return confirmation.confirm_import(
        n.finance_ops, actor=as_actor(n.rita), now=n.now, item=item, fields=fields, **more
    )


def again(automation: Automation) -> Automation:
    """The row as the database has it now."""
    return Automation.objects.get(pk=automation.pk)
