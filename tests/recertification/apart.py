"""A company of one committed test's own: its connections are bound to its own resources, whoever else is in the database."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from tests import journeys, people
from tests.approvals import stock
from tests.recertification.reviews import Held


def held_apart(now: datetime) -> Held:
    """Weekly stock report in force in a company that nobody else knows, committed.

    Args:
        now: the instant of business time at which all was approved.
    """
    word = uuid.uuid4().hex[:8]
    company = journeys.company(people.build(word, now))

    def edit(export: dict[str, Any]) -> None:
        export["id"] = f"{export.get('id', '')}{word}"
        for node in export["nodes"]:
            for credential in node.get("credentials", {}).values():
                credential["id"] += word

    return Held(company, stock.in_force(company, edit))
