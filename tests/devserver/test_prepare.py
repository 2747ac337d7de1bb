"""The error before anything starts on a database that does not fit the code."""

from __future__ import annotations

import pytest
from django.db import connection

from governance.devserver import prepare

pytestmark = pytest.mark.django_db


def applied(app: str, name: str) -> None:
    """The database remembers a migration."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES (%s, %s, now())", [app, name])


def test_foreign_database_is_refused_with_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    applied("approvals", "0002_as_it_was")
    applied("inventory", "0007_also_gone")
    with pytest.raises(SystemExit) as ended:
        prepare._migrate()
    output = capsys.readouterr().out
    assert ended.value.code == prepare.UNREACHABLE
    assert "made by another version of Countersign" in output
    assert "(approvals.0002_as_it_was and 1 more)" in output
    assert "make reset-demo" in output


def test_leftovers_of_a_package_do_not_stop_start(capsys: pytest.CaptureFixture[str]) -> None:
    applied("account", "0099_of_a_later_release")
    prepare._migrate()
    assert capsys.readouterr().out == ""
