"""A company of one committed test's own: its connections are bound to its own resources, whoever else is in the database."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from tests import journeys, people
from tests.approvals import stock
from tests.recertification.reviews import Held


def held_apart(since: datetime) -> Held:
    """Weekly stock report in force in a company that nobody else knows, committed.

    Args:
        since: the instant of business time at which all was approved. People and roles are as of `people.NOW`, as in every
            committed test: the admins who confirm them are whoever is in the database.
    """
    word = uuid.uuid4().hex[:8]
    company = journeys.company(people.build(word))

    def edit(export: dict[str, Any]) -> None:
        export["id"] = f"{export.get('id', '')}{word}"
        for node in export["nodes"]:
            for credential in node.get("credentials", {}).values():
                credential["id"] += word

    submission = journeys.submitted(company, stock.version(company, edit), now=since)
    return Held(company, journeys.decide_all(company, submission, now=since))
