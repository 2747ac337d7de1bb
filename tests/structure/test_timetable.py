"""What beat and nudges call by name exists: a misspelt name would only be a line in a worker's log."""

from __future__ import annotations

import ast

from django.utils.module_loading import autodiscover_modules

from governance.celery import TIMETABLE, app, timetable
from tests.environment import ROOT
from tests.structure.file_sizes import naming, sources


def tasks() -> set[str]:
    """The names of all tasks of ours."""
    autodiscover_modules("tasks")
    return {name for name in app.tasks if not name.startswith("celery.")}


def test_every_name_in_the_timetable_is_a_task_and_every_task_is_in_the_timetable() -> None:
    assert set(TIMETABLE) == tasks()


def test_no_message_expires_within_a_minute() -> None:
    """A seal comes every three seconds: its messages would be lost behind long jobs (H2)."""
    assert min(entry["options"]["expires"] for entry in timetable().values()) >= 60


def test_every_nudge_names_a_task() -> None:
    nudged = {
        node.args[0].value
        for path in naming(sources(ROOT), "nudge")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "send"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "nudge"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert nudged
    assert nudged <= tasks()
