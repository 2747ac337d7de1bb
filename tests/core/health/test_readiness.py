"""Readiness: a process serves with a primary database that has every migration of its version (P3)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from governance.core.health.queries import readiness_problem

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.rule("P3")]


def test_database_with_missing_migration_is_not_ready() -> None:
    assert readiness_problem() == ""
    MigrationRecorder(connection).record_unapplied("inventory", "0001_initial")
    assert readiness_problem() == "1 migration missing: run migrate."


def test_database_ahead_of_version_is_ready() -> None:
    MigrationRecorder(connection).record_applied("inventory", "9999_of_the_next_version")
    assert readiness_problem() == ""
