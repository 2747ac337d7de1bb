"""`check --deploy` on production settings: it opens Redis and the mail server, and looks where links lead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import Environment, free_port
from tests.processes import Mailbox
from tests.structure.lint import PRODUCTION

pytestmark = pytest.mark.process


def check(root: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the deploy checks on production settings."""
    of_the_browser = (
        "DJANGO_ALLOW_ASYNC_UNSAFE"  # set in this process while Playwright is open, and refused in production
    )
    surroundings = {name: value for name, value in os.environ.items() if name != of_the_browser}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "ERROR"],
        cwd=root,
        env={**surroundings, **PRODUCTION, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def test_parts_that_do_not_answer_and_links_that_lead_elsewhere_are_named(root: Path) -> None:
    nobody = free_port()
    ended = check(
        root,
        DATABASE_URL=f"postgresql://robot:open-sesame@127.0.0.1:{nobody}/countersign",
        REDIS_URL=f"redis://:open-sesame@127.0.0.1:{nobody}/0",
        EMAIL_URL=f"submission://robot:open-sesame@127.0.0.1:{nobody}",
        BASE_URL="http://elsewhere.example.org",
    )
    assert ended.returncode == 1
    for code, sentence in {
        "E002": "BASE_URL must begin with https://.",
        "E003": "ALLOWED_HOSTS does not name elsewhere.example.org, the host of BASE_URL.",
        "E005": "The Redis does not answer",
        "E006": "The mail server does not answer",
    }.items():
        assert f"(web.{code}) {sentence}" in ended.stdout
    assert "open-sesame" not in ended.stdout
    assert "Traceback" not in ended.stdout


def test_empty_host_label_is_reported_without_traceback(root: Path, surroundings: Environment, redis: str) -> None:
    url = "smtp://robot:open-sesame@mail..example.org:465?ssl=true"
    ended = check(root, DATABASE_URL=surroundings.cluster.url, REDIS_URL=redis, EMAIL_URL=url)
    assert "(web.E006) The mail server does not answer (UnicodeError)." in ended.stdout
    assert "Traceback" not in ended.stdout


def test_parts_that_answer_pass(root: Path, surroundings: Environment, redis: str, mailbox: Mailbox) -> None:
    ended = check(root, DATABASE_URL=surroundings.cluster.url, REDIS_URL=redis, EMAIL_URL=mailbox.url)
    assert ended.returncode == 0, ended.stdout
