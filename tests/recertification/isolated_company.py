"""A company of one committed test's own: its connections are bound to its own resources, next to others in the database."""

from __future__ import annotations

import copy
import uuid
from datetime import datetime
from typing import Any

import psycopg
from django.db import connections

from governance.devserver import postgres
from tests import people, scenarios
from tests.approvals import stock_report
from tests.environment import Environment
from tests.recertification.review_steps import Held


def held_apart(since: datetime) -> Held:
    """Weekly stock report in force in a company that nobody else knows, committed.

    Args:
        since: the instant of business time at which all was approved. People and roles are as of `people.NOW`, as in every
            committed test: the admins who confirm them are those in the database.
    """
    word = uuid.uuid4().hex[:8]
    company = scenarios.company(people.build(word))

    def edit(export: dict[str, Any]) -> None:
        export["id"] = f"{export.get('id', '')}{word}"
        for node in export["nodes"]:
            for credential in node.get("credentials", {}).values():
                credential["id"] += word

    submission = scenarios.submitted(company, stock_report.version(company, edit), now=since)
    return Held(company, scenarios.decide_all(company, submission, now=since))


#: The database as a walk left it.
KEPT = "held_apart"


class Walked:
    """The rows of a walk, kept as a database beside the run's: a copy takes a tenth of the walk's time."""

    def __init__(self, held: Held, surroundings: Environment) -> None:
        self._held = held
        self._url = surroundings.superuser_url()
        self._copy(postgres.DATABASE, KEPT)

    def anew(self) -> Held:
        """Put the run's database back to the end of the walk; all connections are closed."""
        self._drop(postgres.DATABASE)
        self._copy(KEPT, postgres.DATABASE)
        return copy.deepcopy(self._held)

    def forget(self) -> None:
        """Keep it no longer."""
        self._drop(KEPT)

    def _copy(self, of: str, name: str) -> None:
        connections.close_all()
        self._do(f"CREATE DATABASE {name} OWNER {postgres.ROLE} TEMPLATE {of}")

    def _drop(self, name: str) -> None:
        connections.close_all()
        self._do(f"DROP DATABASE {name} WITH (FORCE)")

    def _do(self, statement: str) -> None:
        with psycopg.connect(self._url, dbname="template1", autocommit=True) as opened:
            opened.execute(statement)
