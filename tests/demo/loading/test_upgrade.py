"""An upgrade from version 0.1.0: a dump of its demo takes every later migration, and its ledger still verifies.

``demo_0_1_0.sql.xz`` is the demo of a new folder, right after ``make run`` of 41c7ea31, the last commit before the second migration, as
``pg_dump --no-owner --no-privileges --rows-per-insert=500`` writes it. Comments, psql's own lines and ``transaction_timeout``, which
PostgreSQL 15 does not know, are left out.
"""

from __future__ import annotations

import lzma
import re
from pathlib import Path

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from approvals.models import Submission
from governance.core.ledger import ledger_export
from governance.core.models import LedgerEvent
from tests.demo.conftest import Database
from tests.environment import Environment
from tests.structure import test_sql

pytestmark = pytest.mark.process

DUMP = Path(__file__).with_name("demo_0_1_0.sql.xz")
#: The public half of the key that signed the dump's seals.
PUBLIC_KEY = "e180596a19f76dc79a27c2fc1c7fbbb5975de744a1fad545d20f45b763cc225e"
TABLES = """SELECT table_name, column_name, format('%s %s %s', data_type, character_maximum_length, numeric_precision), is_nullable,
    concat(column_default, identity_generation) FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint WHERE connamespace = 'public'::regnamespace"""
#: Casts and brackets, which stand elsewhere in a condition that was restored.
CASTS = re.compile(r"::(character varying|text)(\[\])?|[()]")


def schema() -> set[tuple[str, ...]]:
    """Every column, index, constraint, function and trigger of the database."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        rows = {*cursor.fetchall(), *test_sql.catalog()}
    return {tuple(CASTS.sub("", str(text)) for text in row) for row in rows}


@pytest.mark.rule("H2", "H9")
def test_the_demo_of_0_1_0_takes_every_later_migration(
    database: Database, surroundings: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("django.conf.settings.LEDGER_CHECKPOINT_FILE", tmp_path / "checkpoint.json")
    monkeypatch.setattr("governance.core.keys.key_files.public_key_hex", lambda: PUBLIC_KEY)
    with database("new_schema"):
        expected = schema()
    with database("northwind_0_1_0", like="template0"):
        url = psycopg.conninfo.make_conninfo(surroundings.cluster.url, dbname="northwind_0_1_0")
        with psycopg.connect(url, autocommit=True) as opened:
            opened.execute(lzma.decompress(DUMP.read_bytes()))
        before = MigrationRecorder(connection).applied_migrations().keys()
        call_command("migrate", verbosity=0, interactive=False)
        assert ("recertification", "0002_escalation_chain") in MigrationRecorder(
            connection
        ).applied_migrations().keys() - before
        assert schema() ^ expected == set()
        assert (Submission.objects.count(), LedgerEvent.objects.count()) == (22, 935)
        assert ledger_export.verify_database().problems == []
