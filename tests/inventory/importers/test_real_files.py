"""Real files, written by many others: each reads, or is refused in words. They stand beside the project, never in it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inventory.importers.files import NotRead, read_paths
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import ReadResult, read_export

#: A right-to-left override: what follows it reads backwards.
HIDDEN = "\u202e"

READ = {
    "n8n_enescingoz": 109,
    "n8n_ottomator": 16,
    "n8n_starter_kit": 1,
    "n8n_zie619_head": 49,
    "mcp_client_davila7": 62,
    "mcp_client_kwp": 12,
    "mcp_ottomator": 2,
    "mcp_vscode": 4,
    "mcp_server_json_github": 1,
}
"""By source, how many files hold an automation, counted by hand from the sources' own descriptions."""

REFUSED = {
    "malformed_n8n": 4,
    "n8n_starter_kit": 2,  # exported credentials
}
NAMED = {
    "mcp_server_json_github": 1,  # a registry's description of a server
    "mcp_docker_registry": 100,  # 18 lists of tools and 82 descriptions of servers
    "mcp_tools_github": 70,
    "mcp_registry_seed": 61,
}
"""By source, how many files of another platform are named as not read."""
SOURCES = sorted(READ.keys() | REFUSED.keys() | NAMED.keys())


@pytest.mark.rule("I7", "I8")
@pytest.mark.parametrize("source", SOURCES)
def test_every_real_file_previews_or_is_refused_with_file_place_and_reason(source: str, real_exports: Path) -> None:
    outcomes = list(read_paths([real_exports / "imports" / source]))
    results = [each for each in outcomes if isinstance(each, ReadResult)]
    problems = [each for each in outcomes if isinstance(each, ImportProblem)]
    named = [each for each in outcomes if isinstance(each, NotRead) and each.reason.endswith("; not read yet")]
    kinds = Counter(finding.code for result in results for finding in result.manifest.findings)
    sys.stdout.write(f"{source}: {len(results)} read, {len(problems)} refused; findings {dict(kinds)}\n")

    assert (len(results), len(problems)) == (READ.get(source, 0), REFUSED.get(source, 0))
    assert len(named) == NAMED.get(source, 0)
    for problem in problems:
        assert problem.file.startswith(str(real_exports))
        assert problem.place
        assert problem.reason
        assert problem.what_to_do
        assert "does not cope" not in problem.reason  # the boundary's last resort is nobody's plan
    for result in results:
        assert result.manifest.name
        assert result.manifest.source.content.startswith("sha256:")


@pytest.mark.full("reads all real exports")
@pytest.mark.rule("I8")
def test_every_node_with_a_credential_is_a_privilege(real_exports: Path) -> None:

    seen = 0
    for path in sorted((real_exports / "imports").glob("n8n_*/**/*.json")):
        document = json.loads(path.read_bytes())
        if "nodes" not in document:
            continue
        (result,) = read_export(path.name, path.read_bytes())
        places = Counter(" ".join(privilege.at.split()) for privilege in result.manifest.privileges)
        for node in document["nodes"]:
            if node.get("credentials") and "stickyNote" not in node["type"]:
                seen += 1
                assert places[" ".join(node["name"].split())], (path.name, node["type"])
    assert seen > 700


@pytest.mark.parametrize("ending", ["snap"])
def test_descriptions_of_tools_are_refused_when_named(ending: str, real_exports: Path) -> None:
    files = sorted((real_exports / "imports" / "mcp_tools_github").glob(f"*.{ending}"))
    outcomes = list(read_paths(files))
    assert len(outcomes) == len(files) == 70
    assert {each.reason for each in outcomes if isinstance(each, ImportProblem)} == {
        "this is a list of tools of an MCP server; not read yet"
    }


def _marked(value: Any) -> Any:
    """`value` with invisible characters in each text of a node's or a server's settings."""
    if isinstance(value, dict):
        return {name: _marked(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_marked(each) for each in value]
    return f"{value[:2]}{HIDDEN}{value[2:]}" if isinstance(value, str) else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


@pytest.mark.full("reads real exports twice")
@pytest.mark.rule("I8")
@pytest.mark.parametrize("source", ["n8n_enescingoz", "n8n_ottomator", "mcp_client_davila7", "mcp_client_kwp"])
def test_invisible_setting_values_appear_nowhere(source: str, real_exports: Path) -> None:
    read_of = 0
    for path in sorted((real_exports / "imports" / source).rglob("*.json")):
        try:
            document = json.loads(path.read_text())
            for node in document.get("nodes", []):
                node["parameters"] = _marked(node.get("parameters", {}))
            for name in document.get("mcpServers", {}):
                document["mcpServers"][name] = _marked(document["mcpServers"][name])
            results = read_export(path.name, json.dumps(document).encode())
        except (ImportProblem, ValueError, AttributeError):
            continue  # broken, or no automation: the tests above count these
        read_of += len(results)
        for result in results:
            seen = [text for text in _texts(result.manifest.to_dict()) if not set(HIDDEN).isdisjoint(text)]
            assert not seen, (path.name, seen[:3])
    assert read_of
