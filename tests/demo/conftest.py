"""The demo in a database of its own beside the run's, with real commits and seals; made anew for each file that asks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from governance.devserver import postgres
from tests import environment
from tests.environment import Environment

#: A database on the run's server, by its name; this process uses it while the context lasts.
Database = Callable[..., AbstractContextManager[None]]


@pytest.fixture(scope="module")
def database(surroundings: Environment, django_db_setup: None, django_db_blocker: Any) -> Database:
    """Makes a database as a copy of another and uses it for a while."""

    def as_superuser(statement: str) -> None:
        with psycopg.connect(surroundings.superuser_url(), autocommit=True) as opened:
            opened.execute(statement)

    def use(name: str) -> None:
        connection.close()
        connection.settings_dict["NAME"] = name
        ContentType.objects.clear_cache()

    @contextmanager
    def made(name: str, like: str = environment.MIGRATED) -> Iterator[None]:
        before = connection.settings_dict["NAME"]
        connection.close()
        as_superuser(f"CREATE DATABASE {name} OWNER {postgres.ROLE} TEMPLATE {like}")
        with django_db_blocker.unblock():
            use(name)
            try:
                yield
            finally:
                use(before)
                as_superuser(f"DROP DATABASE {name} WITH (FORCE)")

    return made


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo's checkpoint is published: the run's own is about another ledger."""
    return tmp_path_factory.mktemp("demo") / "checkpoint.json"


@pytest.fixture(scope="module")
def _loaded(database: Database, checkpoint: Path) -> Iterator[str]:
    """The demo, loaded into an empty database; what the command said."""
    output = StringIO()
    with pytest.MonkeyPatch.context() as patch, database("northwind_demo"):
        patch.setattr("django.conf.settings.LEDGER_CHECKPOINT_FILE", checkpoint)
        call_command("load_demo", stdout=output)
        yield output.getvalue()


@pytest.fixture
def demo(_loaded: str) -> str:
    """What loading said; the test that asks for it finds the demo in the database."""
    return _loaded
