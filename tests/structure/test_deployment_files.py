"""The image, the compose file and the units run what docs/operations.md says, with few rights (P3)."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from governance.portal.help import queries as help_queries
from governance.settings import env

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "docs" / "examples" / "systemd"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Services of the compose file."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


def documented(process: str) -> list[str]:
    """The words of a process's command in docs/operations.md, without its address and number of threads."""
    (command,) = re.findall(rf"^\| {process} \| `([^`]+)`", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE)
    return plain(shlex.split(command))


def plain(words: list[str]) -> list[str]:
    """A command without what an installation chooses."""
    chosen = ("--host", "--port", "--concurrency", "--schedule")
    return [
        word for before, word in zip(["", *words], words, strict=False) if word not in chosen and before not in chosen
    ]


@pytest.mark.rule("P3")
@pytest.mark.parametrize("process", ["web", "worker", "beat"])
def test_image_and_units_run_documented_command(process: str, services: dict[str, Any]) -> None:
    (default,) = re.findall(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert plain(services[process].get("command") or json.loads(default)) == documented(process)
    unit = (UNITS / f"countersign-{process}.service").read_text()
    (command,) = re.findall(r"^ExecStart=/opt/countersign/\.venv/bin/(.*)$", unit, re.MULTILINE)
    assert plain(shlex.split(command)) == documented(process)


@pytest.mark.rule("P3")
def test_processes_have_few_rights(services: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", dockerfile, re.MULTILINE) == ["10001:10001"]
    for process in ("prepare", "web", "worker", "beat"):
        service = services[process]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"]), process
        assert service["security_opt"] == ["no-new-privileges:true"], process


def test_compose_file_passes_every_setting_on_and_holds_no_secret(services: dict[str, Any]) -> None:
    given = services["web"]["environment"]
    fixed = {"COUNTERSIGN_DEMO", "COUNTERSIGN_HOME", "LEDGER_KEY_FILE", "DIGEST_KEY_FILE", "LEDGER_CHECKPOINT_FILE"}
    assert set(given) == {*env.PRODUCTION_SAYS, *env.OPTIONAL, "PGPASSWORD"} - fixed
    for name in ("PGPASSWORD", "SECRET_KEY"):
        assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", given[name]), f"{name} has no default"
    assert "ADMIN" not in json.dumps(given), "no process of the portal knows the password of the superuser"


def test_image_has_every_file_that_pages_read(tmp_path: Path, settings: Any) -> None:
    kept = re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {name for names in copied for name in names.split()} == set(kept)
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()
    for name in kept:
        if name.startswith("docs/"):
            shutil.copy(ROOT / name, tmp_path / name)
    assert help_queries.glossary.__wrapped__()
