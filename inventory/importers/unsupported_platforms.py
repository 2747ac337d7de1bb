"""Detect the platform of an unsupported file, so that the refusal can name it and a next step (I8).

``data/platforms.toml`` has the marks of each platform: a few member names of JSON, or the first lines of other text.
YAML and XML are not parsed.
"""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from inventory.importers.facts import facts
from inventory.importers.problem import ImportProblem

_FACTS = facts("platforms")
_POWER_AUTOMATE_FILES = frozenset({"apismap.json", "connectionsmap.json"})
#: Bytes of a text that are read.
HEAD = 256 * 1024
_KEY = re.compile(r"^(?:[\"']?)([A-Za-z$_][\w.$-]*)(?:[\"']?)[ \t]*:(?=\s|$)", re.MULTILINE)


def refused_document(file: str, document: Any) -> ImportProblem | None:
    """Refusal of a JSON document of a known platform without a supported format.

    Args:
        file: its name.
        document: the parsed document.
    """
    name = PurePosixPath(file).name.lower()
    if isinstance(document, dict):
        if name in _POWER_AUTOMATE_FILES:
            return _refused(file, "power_automate_part")
        for platform, test, *members in _FACTS["documents"]:
            if _holds(document, test) and all(document.keys() <= {*most.split()} for most in members):
                return _refused(file, platform)
    if isinstance(document, list):
        entries = [each for each in document if isinstance(each, dict)]
        for platform, how_many, test in _FACTS["lists"] if entries else ():
            if {"any": any, "all": all}[how_many](_holds(each, test) for each in entries):
                return _refused(file, platform)
        if not document and name == "tools.json":
            return _refused(file, "tools")
    return None


def refused_text(file: str, data: bytes) -> ImportProblem | None:
    """Refusal of a file of a known platform that is no JSON.

    Args:
        file: its name.
        data: its bytes, or their beginning.
    """
    if data.startswith(b"PK\x03\x04"):
        return _refused(file, "power_automate_package") if b"Microsoft.Flow/" in data[:HEAD] else None
    path = PurePosixPath(file.lower())
    text = data[:HEAD].decode("utf-8-sig", errors="replace")
    if path.suffix in (".md", ".mdc"):
        text = text[3:].partition("\n---")[0] if text.startswith("---") else ""
    keys: set[str] | None = None
    for platform, endings, wanted, pattern in _FACTS["texts"]:
        if path.suffix in endings.split():
            keys = {*_KEY.findall(text)} if keys is None else keys
            has_keys = all(not keys.isdisjoint(names.split("|")) for names in wanted.split())
            if has_keys and re.search(pattern, f"{path.name}\n{text}", re.MULTILINE):
                return _refused(file, platform)
    return None


def _refused(file: str, platform: str) -> ImportProblem:
    """Refusal with the platform. A broken part of a supported format is known, so that a folder import can't skip it."""
    what, advice = _FACTS["platforms"][platform]
    reason, to_do = f"this is {what}; not read yet", _FACTS["advice"][advice]
    return ImportProblem(file, "", reason, to_do, is_known=platform == "part_of_n8n", platform=what)


def _holds(document: dict[str, Any], test: str) -> bool:
    """Whether a document has all members of a test: see ``data/platforms.toml``."""
    return all(any(_has(document, path) for path in paths.split("|")) for paths in test.split())


def _has(document: dict[str, Any], path: str) -> bool:
    path, _, pattern = path.partition("=")
    values: Sequence[Any] = [document]
    for member in path.split("."):
        entries = [each for value in values for each in (value if isinstance(value, list) else [value])]
        values = [each[member] for each in entries if isinstance(each, dict) and member in each]
    return any(re.match(pattern, str(value)) for value in values) if pattern else bool(values)
