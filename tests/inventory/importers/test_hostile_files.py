"""Files that nobody exported: each is refused in words, quickly, and nothing of it is quoted."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.importers import documents
from inventory.importers import reader as boundary
from inventory.importers.display import vocabulary
from inventory.importers.documents import LIMITS, Limits
from inventory.importers.files import LINK, NotRead, read_paths
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import ReadResult, read_export
from inventory.importers.work_budget import Budget
from tests import run_lengths
from tests.hostile_texts import HIDDEN, UNSEEN
from tests.inventory.importers.samples import BASE, bring, node, server, workflow

#: Characters that nobody sees, but those that JSON writes as escapes.
UNPRINTED = frozenset(HIDDEN) - {chr(code) for code in range(32)}
#: Other files come up in other runs.
EXAMPLES = run_lengths.run_length(15, soak=2_000)


def _refused(data: bytes, **options: Any) -> ImportProblem:
    with pytest.raises(ImportProblem) as caught:
        read_export("odd.json", data, **options)
    problem = caught.value
    assert problem.file == "odd.json"
    assert problem.place
    assert problem.what_to_do.endswith(".")
    assert problem.__context__ is None
    return problem


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("data", "place", "reason"),
    [
        (b"", "the whole file", "empty"),
        (b"  \n ", "the whole file", "empty"),
        ("{}".encode("utf-16"), "the whole file", "UTF-16"),
        ("{}".encode("utf-16-le"), "the whole file", "UTF-16"),
        ("{}".encode("utf-32"), "the whole file", "UTF-16 or UTF-32"),
        ('{\n"name": "Café"}'.encode("latin-1"), "line 2", "not UTF-8"),
        (b'{"a":\x00}', "line 1, column 6", "not JSON"),
        (b'{"a":"b\x00c"}', "line 1, column 8", "raw control character"),
        (b'{"a": NaN}', "line 1, column 7", "NaN and Infinity"),
        (b'{"a": -Infinity}', "line 1, column 7", "NaN and Infinity"),
        (b'{"a": 1e999}', "the whole file", "larger than JSON numbers"),
        (b'{"a": 1, "a": 2}', "line 1, column 10", "two members of one name"),
        (b'{"b": {"a": 1,\n "\\u0061": 2}}', "line 2, column 2", "two members of one name"),
        (b'{"a": "\\ud83d!"}', "line 1, column 8", "half a character"),
        (b'{"\\udc00": 1}', "line 1, column 3", "half a character"),
        (b"[" * 100_000, "the whole file", "nested too deeply"),
        (b"[" * 200 + b"]" * 200, "the whole file", "nested more than 100 levels"),
        (b"[" + b"9" * 5000 + b"]", "the whole file", "too many digits"),
        (b'{"a": 1} {"b": 2}', "line 1, column 10", "follows the end"),
        (b'{"a": 1', "line 1, column 8", "comma was expected"),
        (b"<html></html>", "line 1, column 1", "a value was expected"),
        (b"name: x\non: push\n", "line 1, column 1", "a value was expected"),
    ],
)
def test_unsafe_json_is_refused_with_position(data: bytes, place: str, reason: str) -> None:
    problem = _refused(data)
    assert problem.place == place
    assert reason in problem.reason


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, "not an n8n workflow or an MCP client configuration"),
        ("text", "not an n8n workflow"),
        ([], "not an n8n workflow"),
        ({}, "not an n8n workflow"),
        ({"nodes": []}, "a flow of an unknown platform; not read yet"),
        ({"nodes": {}, "connections": {}}, "a flow of an unknown platform; not read yet"),
        ([{"id": "1", "type": "inject", "wires": []}], "a Node-RED flow; not read yet"),
        ({"mcpServers": {}}, "names no server"),
        ({"name": "x", "packages": []}, "for a registry"),
        ({"name": "delete_file", "inputSchema": {}}, "tools of an MCP server"),
        (
            {"id": "1", "name": "Ours", "type": "slackApi", "data": "U2Fs", "nodesAccess": []},
            "credentials, not of a workflow",
        ),
        ([{"id": "1", "name": "Ours", "type": "slackApi", "data": {"token": "x"}}], "credentials, not of a workflow"),
    ],
)
def test_non_export_is_refused_with_guess(document: Any, reason: str) -> None:
    assert reason in _refused(json.dumps(document).encode()).reason


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("nodes", "place"),
    [
        ([7], "nodes/0"),
        ([node("noOp"), {"name": "x"}], "nodes/1"),
        ([{"type": BASE + "noOp"}], "nodes/0"),
        ([{"type": BASE + "noOp", "name": None}], "nodes/0"),
        ([node("noOp", "Twice"), node("noOp", "Twice")], "nodes/1"),
    ],
)
def test_a_node_that_is_none_is_refused_with_its_place(nodes: list[Any], place: str) -> None:
    assert _refused(json.dumps({"nodes": nodes, "connections": {}}).encode()).place == place


@pytest.mark.rule("I8")
def test_something_else_among_workflows_is_refused_and_not_dropped() -> None:
    assert _refused(json.dumps([workflow(node("noOp")), {"no": "workflow"}]).encode()).place == "1"
    assert _refused(json.dumps([workflow(node("noOp")), workflow(7)]).encode()).place == "1/nodes/0"  # type: ignore[arg-type]


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert read_export("bom.json", b"\xef\xbb\xbf" + json.dumps(server(url="https://a.example/mcp")).encode())


def test_escaped_nul_characters_are_not_carried_into_a_manifest() -> None:
    result = bring(workflow(node("slack", "Po\0st", 2.3, channelId="#a\0b"), name="A\0B"))
    assert "\\u0000" not in json.dumps(result.manifest.to_dict())
    assert result.manifest.name == "AB"


def test_a_file_above_the_limit_is_not_parsed(tmp_path: Path) -> None:
    limits = Limits(size=1024)
    assert "larger than" in _refused(b" " * 1025, limits=limits).reason
    (tmp_path / "big.json").write_bytes(b" " * 1025)
    (problem,) = read_paths([tmp_path], limits=limits)
    assert isinstance(problem, ImportProblem)
    assert "larger than" in problem.reason


def test_too_many_values_are_refused() -> None:
    assert "more than 1,000 values" in _refused(json.dumps([0] * 1001).encode(), limits=Limits(values=1000)).reason


@pytest.mark.parametrize("text", [b'[{"a":1},[2,[]],{}]', b'[{"a":1,/*,,,*/},[2,[]],// [[[[\n{},]'])
def test_too_many_values_are_refused_before_one_of_them_is_made(text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not an n8n workflow" in _refused(text, limits=Limits(values=9)).reason
    monkeypatch.setattr(documents, "_check", lambda *_: pytest.fail("it was made"))
    assert "more than 5 values" in _refused(text, limits=Limits(values=5)).reason


def test_text_is_one_value() -> None:
    full = '[,{\\"' * 100
    assert "not an n8n workflow" in _refused(json.dumps([full, {full: 1}]).encode(), limits=Limits(values=9)).reason


@pytest.mark.parametrize(
    "text",
    [
        "{" * 20_000,
        "/*" * 200_000,
        '"' + '\\"' * 200_000,
        "[" + "," * 200_000,
        "// " + "x" * 400_000,
        '{"a": "' + "{{" * 200_000,
    ],
    ids=["braces", "comments", "quotes", "commas", "a comment", "a text"],
)
def test_a_file_made_to_be_slow_is_refused_quickly(text: str) -> None:
    began = time.process_time()
    _refused(text.encode())
    assert time.process_time() - began < 5


#: Each fourth is read in make test.
OTHERS = pytest.mark.full("reads every text that was made to be slow")
SLOW = [
    "{{" * 25_000,
    "{{ '" * 25_000,
    "://" * 40_000,
    "a://" + "@" * 25_000,
    "https://a.example/?" + "key=&" * 10_000,
    "key" * 40_000,
    "token: " * 10_000,
    "-----BEGIN PRIVATE KEY-----" * 8_000,
    "eyJ" * 40_000,
    "sk-" * 40_000,
    "Bearer " * 40_000,
    "<" * 200_000,
    "$('" * 40_000,
    "select " + "/*" * 9_000,
    "'" * 19_999,
    "x" * 300_000,
    "a1" * 150_000,
    "{" * 200_000,
    "-" * 200_000,
]


@pytest.mark.parametrize(
    "text", [text if turn % 4 == 0 else pytest.param(text, marks=OTHERS) for turn, text in enumerate(SLOW)]
)
def test_a_text_made_to_be_slow_is_read_quickly(text: str) -> None:
    document = workflow(
        node(
            "httpRequest",
            "Call",
            4.2,
            url=text,
            headerParameters={"parameters": [{"name": "X-Api-Key", "value": text}]},
        ),
        node("postgres", "Query", 2.6, operation="executeQuery", query=text),
        node("code", "Run", 2, jsCode=text),
        node("set", "Set", 3.4, assignments={"assignments": [{"name": text[:200_000], "value": text}]}),
    )
    began = time.process_time()
    bring(document)
    assert time.process_time() - began < 5


def test_three_thousand_nodes_are_read() -> None:
    result = bring(workflow(*(node("slack", f"Post {i}", 2.3, channelId=f"#c{i}") for i in range(3_000))))
    assert len(result.manifest.privileges) == 3_000


@pytest.mark.rule("I6")
def test_a_defect_of_the_importer_ends_as_a_problem_without_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object) -> object:
        raise KeyError("the-content-of-the-file")

    monkeypatch.setattr(boundary.n8n_workflow, "read_workflow", broken)
    problem = _refused(json.dumps(workflow(node("noOp"))).encode())
    assert "KeyError" in problem.reason
    assert "the-content-of-the-file" not in f"{problem}{problem!r}"


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
)
_NAMES = st.sampled_from(
    sorted(
        vocabulary(
            """
    name type typeVersion parameters credentials id value operation resource url method headerParameters assignments
    connections main node index settings pinData meta shared rule interval path authentication include includeTools
    command args env headers oauth tools disabled mode __rl cachedResultName query model workflowId httpMethod key
    """
        )
    )
) | st.text(max_size=8)
_VALUES = st.recursive(
    _LEAVES
    | st.sampled_from(
        ["={{ $json.a }}", "={{ $fromAI('x') }}", "https://a.example/x?token=abcdefgh12", "SELECT 1", "*", *UNSEEN]
    ),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(_NAMES, below, max_size=5),
    max_leaves=12,
)
_KINDS = st.sampled_from(
    sorted(
        vocabulary("""
    slack gmail postgres httpRequest webhook scheduleTrigger cron code set noOp executeWorkflow graphql rssFeedRead git
    formTrigger gmailTrigger emailReadImap unheardOf googleSheetsTool airtable mongoDb
    """)
    )
).map(lambda kind: BASE + kind) | st.sampled_from(
    [
        "@n8n/n8n-nodes-langchain." + kind
        for kind in ("agent", "lmChatOpenAi", "mcpClientTool", "vectorStoreQdrant", "chatTrigger", "openAi")
    ]
)


def _below_the_boundary(document: Any, refusals: tuple[str, ...]) -> list[ReadResult]:
    """What is read beneath the boundary that hides defects; nothing for a document that is refused in these words."""
    reason = ""
    try:
        return boundary._read("fuzz.json", json.dumps(document).encode(), b"key", LIMITS, Budget())
    except ImportProblem as problem:
        reason = problem.reason
    assert any(words in reason for words in refusals), reason
    return []


@pytest.mark.soak
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    nodes=st.lists(st.tuples(_KINDS, st.dictionaries(_NAMES, _VALUES, max_size=6), _VALUES, _VALUES), max_size=4),
    connections=_VALUES,
    members=st.dictionaries(_NAMES.filter(lambda n: n not in ("nodes", "connections")), _VALUES, max_size=4),
)
def test_any_workflow_is_read_without_crash(nodes: Any, connections: Any, members: Any) -> None:
    built = [
        {"name": f"n{i}", "type": kind, "typeVersion": version, "parameters": parameters, "credentials": credentials}
        for i, (kind, parameters, credentials, version) in enumerate(nodes)
    ]
    document = {**members, "nodes": built, "connections": connections}
    for result in _below_the_boundary(document, ("surrogate",)):
        text = json.dumps(result.manifest.to_dict(), ensure_ascii=False)
        assert json.loads(text)["schema"]
        assert set(UNPRINTED).isdisjoint(text)
        assert result.digest.startswith("sha256:")


@pytest.mark.soak
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    configs=st.dictionaries(st.text(max_size=8), st.dictionaries(_NAMES, _VALUES, max_size=6), max_size=4),
    inputs=_VALUES,
)
def test_any_client_configuration_is_read_without_crash(configs: Any, inputs: Any) -> None:
    for result in _below_the_boundary({"mcpServers": configs, "inputs": inputs}, ("names no server", "surrogate")):
        assert len(result.manifest.privileges) >= len(configs)
        assert set(UNPRINTED).isdisjoint(json.dumps(result.manifest.to_dict(), ensure_ascii=False))
        assert result.digest.startswith("sha256:")


@pytest.mark.soak
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_read_or_are_refused(data: bytes) -> None:
    problem = None
    try:
        read_export("fuzz.json", data)
    except ImportProblem as refused:
        problem = refused
    assert problem is None or (problem.reason and problem.__context__ is None)


@pytest.mark.rule("I7")
def test_bad_file_blocks_no_other(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text(json.dumps(server(url="https://a.example/mcp")))
    (tmp_path / "notes.txt").write_text("not looked at")
    (tmp_path / ".vscode").mkdir()
    (tmp_path / ".vscode" / "mcp.json").write_text(json.dumps({"servers": {"s": {"url": "https://a.example"}}}))
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "c.json").write_text("{}")
    results = list(read_paths([tmp_path, tmp_path / "missing.json"]))
    kinds = sorted(type(each).__name__ for each in results)
    assert kinds == ["ImportProblem", "ImportProblem", "NotRead", "NotRead", "ReadResult", "ReadResult"]
    problems = [each for each in results if isinstance(each, ImportProblem)]
    assert [problem.file for problem in problems] == [str(tmp_path / "a.json"), str(tmp_path / "missing.json")]


def test_a_link_in_a_folder_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps(server(url="https://a.example/mcp")))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.json").symlink_to(outside)
    assert list(read_paths([folder])) == [NotRead(str(folder / "link.json"), LINK)]
