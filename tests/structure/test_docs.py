"""README and docs name files, modules, commands and settings that exist."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import resolve

from governance.celery import TIMETABLE
from tests.environment import ROOT

#: Generated documents have a test of their own.
DOCUMENTS = sorted(
    {ROOT / "README.md", *(ROOT / "docs").rglob("*.md")}
    - {ROOT / "docs" / name for name in ("rules.md", "settings.md")}
)
#: The words of one decision record.
RECORD_WORDS = 300

_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_LINK = re.compile(r"\]\(([^)#\s]+)")
_PATH = re.compile(r"(?<![\w/.-])(?:approvals|docs|governance|inventory|requirements|static|templates|tests)/[\w./-]*")
_DOTTED = re.compile(
    r"(?<![\w/.-])(?:approvals|controls|governance|inventory|recertification)(?:\.[a-z_0-9]+)+(?![\w/(])"
)
_TARGET = re.compile(r"(?<![\w-])make ([a-z-]+)")
_COMMAND = re.compile(r"""(?:manage\.py |make manage ARGS=["'])([a-z_]+)""")
_FILE_ENDINGS = (".py", ".md", ".css", ".js")


def missing(path: Path, text: str) -> Iterator[str]:
    """Names in a document that do not exist in the project.

    Args:
        path: where the document is, for relative links.
        text: its text in Markdown.
    """
    for target in _LINK.findall(text):
        if "://" not in target and not (path.parent / target).exists():
            yield f"link {target}"
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for code in _CODE.findall(text):
        for name in _PATH.findall(code):
            if not (ROOT / name.rstrip(".")).exists():
                yield f"file {name}"
        for name in _DOTTED.findall(code):
            if not name.endswith(_FILE_ENDINGS) and name not in TIMETABLE and not _is_module(name):
                yield f"module or job {name}"
        for name in _TARGET.findall(code):
            if name not in targets:
                yield f"make {name}"
        for name in _COMMAND.findall(code):
            if name not in get_commands():
                yield f"manage.py {name}"


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def test_missing_names_are_found() -> None:
    text = """See [it](gone.md), `approvals/gone.py`, `governance.gone`, `approvals.gone_job` and `make gone`.

    ```sh
    .venv/bin/python manage.py gone_command
    make manage ARGS="lost_command"
    make test ARGS="tests/approvals" && python -m governance.devserver run
    ```
    """
    assert list(missing(ROOT / "README.md", text)) == [
        "link gone.md",
        "file approvals/gone.py",
        "module or job governance.gone",
        "module or job approvals.gone_job",
        "make gone",
        "manage.py gone_command",
        "manage.py lost_command",
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_name_existing_things_only(path: Path) -> None:
    assert list(missing(path, path.read_text(encoding="utf-8"))) == []


def test_walk_names_only_addresses_that_exist() -> None:
    text = (ROOT / "docs/walk.md").read_text(encoding="utf-8")
    addresses = re.findall(r"`(/[a-z][\w/-]*/)`", text)
    assert "/review/N/" in addresses
    for address in addresses:
        resolve(address.replace("N", "1"))  # Resolver404 names the address


def test_operations_guide_lists_every_job() -> None:
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert {name for name in TIMETABLE if f"| `{name}` |" not in guide} == set()


def test_decision_record_has_at_most_300_words() -> None:
    records = {
        path.name: len(re.findall(r"[A-Za-z']+", path.read_text(encoding="utf-8")))
        for path in DOCUMENTS
        if path.parent.name == "decisions" and path.name != "README.md"
    }
    assert records
    assert {name: words for name, words in records.items() if words > RECORD_WORDS} == {}
