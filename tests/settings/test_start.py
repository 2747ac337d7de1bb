"""Starting with production settings: wrong ones end every process with the message alone, and no part of the demo is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from governance.devserver import process_environment
from tests.environment import free_port
from tests.structure.lint import PRODUCTION

#: Each way in which a process of an installation starts.
STARTS = {
    "command": [sys.executable, "manage.py", "health"],
    "check": [sys.executable, "manage.py", "check"],
    "migrate": [sys.executable, "manage.py", "migrate"],
    "wsgi": [sys.executable, "-c", "import governance.wsgi"],
    "web": process_environment.web("127.0.0.1", free_port()),
    "worker": process_environment.worker(),
    "beat": process_environment.beat(),
}


#: One whose process is Python's alone, and one that starts others; the rest read their settings by the same line.
SOME, OTHERS = ("command", "web"), pytest.mark.full("starts every kind of process")
EACH = [how if how in SOME else pytest.param(how, marks=OTHERS) for how in STARTS]


def start(root: Path, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a process with production settings to its end."""
    return subprocess.run(
        command,
        cwd=root,
        env={**os.environ, **PRODUCTION, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.rule("S5")
@pytest.mark.parametrize("how", EACH)
def test_demo_in_production_starts_no_process(root: Path, how: str) -> None:
    ended = start(root, STARTS[how], COUNTERSIGN_DEMO="1")
    assert ended.returncode == 1
    assert "  COUNTERSIGN_DEMO: must be off here; it moves the clock" in ended.stdout


@pytest.mark.parametrize("how", EACH)
def test_wrong_settings_end_a_process_with_the_message_alone(root: Path, how: str) -> None:
    ended = start(root, STARTS[how], SECRET_KEY="", BASE_URL="", REDIS_URL="open-sesame")
    assert ended.returncode == 1
    wanted = ["  BASE_URL: missing; ", "  REDIS_URL: not understood; ", "  SECRET_KEY: missing; "]
    lines = [line for line in ended.stdout.splitlines() if not line.startswith("[")]  # granian's own lines
    assert lines[0] == "Countersign's environment has errors:"
    assert [line.partition(";")[0] + "; " for line in lines[1:4]] == wanted
    assert lines == lines[:4] * (len(lines) // 4)  # each process of a web server says it for itself
    assert "open-sesame" not in ended.stdout


@pytest.mark.rule("S5")
def test_the_demo_is_not_installed_in_production(root: Path) -> None:
    ask = (
        "import django, sys; django.setup()\n"
        "from django.apps import apps; from django.core.management import get_commands\n"
        "from django.urls import get_resolver\n"
        "names = [name for name in get_resolver().reverse_dict if isinstance(name, str)]\n"
        "demo = [name for name in names if name in ('demo_sign_in', 'clock') or name.startswith('mail')]\n"
        "loaded = [name for name in sys.modules if 'demo' in name.split('.')]\n"
        "print(len(names) > 100, apps.is_installed('governance.demo'), demo, loaded, 'load_demo' in get_commands())"
    )
    result = start(root, [sys.executable, "-c", ask])
    assert result.stdout.splitlines() == ["True False [] [] False"]
