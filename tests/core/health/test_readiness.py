"""Readiness: a process serves with a primary database that has every migration of its version (P3)."""

from __future__ import annotations

import pytest
from django.db import connection

from governance.core.health import readiness

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.rule("P3")]


@pytest.mark.parametrize(
    ("migrations", "problem"),
    [
        (frozenset[tuple[str, str]](), ""),
        (frozenset({("inventory", "9999_new")}), "1 migration missing: run migrate."),
    ],
    ids=["the database is ahead", "the database is behind"],
)
def test_database_needs_every_migration_of_this_version(
    migrations: frozenset[tuple[str, str]], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", "-c search_path=public")  # as DATABASE_URL may
    assert readiness.problem() == ""
    assert ("inventory", "0001_initial") in readiness.expected_migrations()
    monkeypatch.setattr(readiness, "expected_migrations", lambda: migrations)
    assert readiness.problem() == problem
