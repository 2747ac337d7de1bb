"""The functions and triggers of the database are those of the ``sql`` folders, and each states its rule (S5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations import RunSQL
from django.db.migrations.loader import MigrationLoader

APPS = ("controls", "inventory", "approvals", "recertification")
#: A comment and the function that it describes.
FUNCTION = re.compile(r"((?:^--[^\n]*\n)*)^CREATE OR REPLACE FUNCTION (\w+)\(.*?RETURNS (\w+)", re.MULTILINE)
RULE = re.compile(r"-- [A-Z]+(-?\d+)\b")

OURS = "n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
FUNCTIONS = f"SELECT p.oid::regprocedure::text, p.prokind, pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {OURS}"
TRIGGERS = "SELECT t.tgname || ' on ' || t.tgrelid::regclass, t.tgenabled, pg_get_triggerdef(t.oid) FROM pg_trigger t WHERE NOT t.tgisinternal"


def sql_files() -> Iterator[Path]:
    """The SQL files of every app."""
    for label in APPS:
        yield from sorted((Path(apps.get_app_config(label).path) / "sql").glob("*.sql"))


def loaded_texts() -> list[str]:
    """The SQL that migrations of the product run, in their order."""
    graph = MigrationLoader(None).graph
    plan = dict.fromkeys(key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf) if key[0] in APPS)
    operations = (operation for key in plan for operation in graph.nodes[key].operations)
    return [str(operation.sql) for operation in operations if isinstance(operation, RunSQL)]


def catalog() -> set[tuple[str, ...]]:
    """Each function and trigger of the database with its text."""
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
        functions = cursor.fetchall()
        cursor.execute(TRIGGERS)
        return {*functions, *cursor.fetchall()}


@pytest.mark.django_db
@pytest.mark.database
@pytest.mark.rule("S5")
def test_database_has_exactly_the_functions_of_the_files() -> None:
    installed = catalog()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name, kind, _ in [entry for entry in installed if "(" in entry[0]]:
            cursor.execute(f"DROP {'PROCEDURE' if kind == 'p' else 'FUNCTION'} IF EXISTS {name} CASCADE")
        assert not catalog()
        for text in loaded_texts():
            cursor.execute(text)
    assert catalog() == installed


def test_migrations_load_every_sql_file() -> None:
    loaded = "\n".join(loaded_texts())
    assert [str(path) for path in sql_files() if path.read_text() not in loaded] == []


def test_a_trigger_function_states_the_code_of_its_rule() -> None:
    functions = [match for path in sql_files() for match in FUNCTION.finditer(path.read_text())]
    assert len(functions) > 80
    assert [name for comment, name, _ in (match.groups() for match in functions) if not comment] == []
    assert [
        name
        for comment, name, returns in (match.groups() for match in functions)
        if returns == "trigger" and not RULE.match(comment)
    ] == []
