"""Migrations load an app's triggers and functions from the files of its ``sql`` folder."""

from __future__ import annotations

from pathlib import Path

from django.db.migrations import RunSQL


def load(migration: str, *names: str) -> RunSQL:
    """Return the operation that runs SQL files of an app, in the order of `names`.

    Args:
        migration: path of the migration that loads them (``__file__``); the files are in ``sql`` beside its folder.
        names: file names, such as ``grants.sql``.
    """
    folder = Path(migration).resolve().parents[1] / "sql"
    return RunSQL("\n".join((folder / name).read_text() for name in names), RunSQL.noop)
