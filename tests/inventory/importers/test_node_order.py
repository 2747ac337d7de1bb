"""Order, layout, ids and names of nodes never change a digest (I2); two sources that behave differently have different ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.importers.manifest import manifest_digest
from tests.inventory.importers.samples import AI, EXPORTS, bound, bring, node, server, workflow

WORKFLOWS = sorted(path for path in EXPORTS.glob("*.json") if "mcp" not in path.name)
NAME = st.text(st.sampled_from("abAB 01.-_()[]{}|'\"`\\$é日"), min_size=1, max_size=12).map(str.strip).filter(bool)
#: Names that stand in the connections of every workflow for something else, or look like a label of the digest.
AWKWARD = st.sampled_from(["main", "node", "type", "index", "ai_tool", "node 0", "node 1", "unknown node 0"])
CONTENT = st.sampled_from(["noOp", "merge", "code"])


def digests(document: dict[str, Any]) -> tuple[str, str]:
    """The source digest and the manifest digest."""
    read = bring(document).manifest
    return read.source.content, manifest_digest(read)


def reference(quote: str, name: str) -> str:
    """How an expression names a node."""
    escaped = name.replace("\\", "\\\\").replace(quote, "\\" + quote)
    return f"$({quote}{escaped}{quote})"


def built(
    names: list[str], kinds: list[str], links: Iterable[tuple[int, int]], refers: dict[int, tuple[int, str]]
) -> dict[str, Any]:
    """A workflow: node i has a name and a kind, and may name another node in an expression."""
    nodes = [
        node(
            kind,
            name,
            value=f"={{{{ {reference(refers[at][1], names[refers[at][0]])}.item }}}}" if at in refers else "1",
        )
        for at, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    return workflow(*nodes, links=tuple((names[a], "main", names[b]) for a, b in links))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[int, int]], dict[int, tuple[int, str]]]:
    """Kinds, wires and references of a few nodes, many of them alike."""
    kinds = draw(st.lists(CONTENT, min_size=1, max_size=7))
    at = st.integers(0, len(kinds) - 1)
    links = draw(st.lists(st.tuples(at, at), max_size=9, unique=True))
    refers = draw(st.dictionaries(at, st.tuples(at, st.sampled_from("'\"`")), max_size=3))
    return kinds, links, refers


@pytest.mark.rule("I2")
@given(graphs(), st.data())
@settings(deadline=None)
def test_digest_ignores_order_and_names(
    graph: tuple[list[str], list[tuple[int, int]], dict[int, tuple[int, str]]], data: st.DataObject
) -> None:
    kinds, links, refers = graph
    names = st.lists(
        NAME | AWKWARD, min_size=len(kinds), max_size=len(kinds), unique_by=lambda name: tuple(name.split())
    )
    before = built([f"Node {at}" for at in range(len(kinds))], kinds, links, refers)
    after = built(data.draw(names), kinds, data.draw(st.permutations(links)), refers)
    after["nodes"] = data.draw(st.permutations(after["nodes"]))
    assert digests(after) == digests(before)


@pytest.mark.rule("I2")
@pytest.mark.parametrize("export", WORKFLOWS, ids=lambda path: path.stem)
def test_a_reordered_copy_of_an_export_has_its_digests(export: Any) -> None:
    document = json.loads(export.read_text(encoding="utf-8"))
    before, shuffle = digests(document), random.Random(7)
    for _ in range(5):
        shuffle.shuffle(document["nodes"])
        document["connections"] = dict(
            shuffle.sample(list(document["connections"].items()), len(document["connections"]))
        )
        for each in document["nodes"]:
            each["position"], each["id"] = [shuffle.randint(-999, 999)] * 2, f"{shuffle.random()}"
        assert digests(document) == before


def ring(*sizes: int) -> dict[str, Any]:
    """Rings of equal nodes."""
    names: list[str] = []
    links: list[tuple[str, str, str]] = []
    for at, size in enumerate(sizes):
        members = [f"{at} {place}" for place in range(size)]
        names += members
        links += [(members[place], "main", members[(place + 1) % size]) for place in range(size)]
    return workflow(*(node("noOp", name) for name in names), links=tuple(links))


@pytest.mark.rule("I2")
def test_sources_that_only_their_wiring_tells_apart_have_different_digests() -> None:
    ring_digests = [digests(ring(*sizes)) for sizes in ((6,), (3, 3), (4, 2), (2, 2, 2))]
    assert len(set(ring_digests)) == len(ring_digests)


@pytest.mark.rule("I2")
@pytest.mark.parametrize("sizes", [(3, 3), (3, 6, 3), (5, 5, 5)])
def test_rings_of_equal_nodes_have_one_digest_in_any_order(sizes: tuple[int, ...]) -> None:
    document, shuffle = ring(*sizes), random.Random(3)
    before = digests(document)
    for _ in range(10):
        shuffle.shuffle(document["nodes"])
        assert digests(document) == before


@pytest.mark.rule("I2")
def test_unknown_name_is_no_node() -> None:
    def reads(name: str) -> str:
        return digests(workflow(node("set", "A"), node("code", "B", jsCode=f"return $('{name}').all();")))[0]

    labels = [*(f"node {at}" for at in range(3)), *(f"unknown node {at}" for at in range(3)), "A", "B", "C"]
    assert len({reads(name) for name in labels}) == len(labels)


@pytest.mark.rule("I2")
def test_choice_between_equal_nodes_changes_digest() -> None:
    def flow(first: str, second: str) -> dict[str, Any]:
        last = node("code", "Last", jsCode=f"return $('{second}').all();")
        chain = (("Start", "main", "One"), ("One", "main", "Two"), (first, "main", "Last"))
        return workflow(node("noOp", "Start"), node("noOp", "One"), node("noOp", "Two"), last, links=chain)

    flow_digests = {digests(flow(first, second))[0] for first in ("One", "Two") for second in ("One", "Two")}
    assert len(flow_digests) == 4


@pytest.mark.rule("I2")
def test_output_index_changes_digest_but_wire_order_does_not() -> None:
    def switch(*ports: list[str]) -> str:
        document = workflow(node("if", "If"), node("noOp", "A", notesInFlow="a"), node("merge", "B"))
        document["connections"] = {
            "If": {"main": [[{"node": name, "type": "main", "index": 0} for name in port] for port in ports]}
        }
        return digests(document)[0]

    assert switch(["A"], ["B"]) != switch(["B"], ["A"])
    assert switch(["A", "B"]) == switch(["B", "A"])


@pytest.mark.rule("I2")
def test_the_order_of_servers_and_of_prompts_of_a_client_makes_no_version() -> None:
    prompts = [{"id": "one", "type": "promptString"}, {"id": "two", "type": "promptString", "password": True}]
    servers = {name: {"command": "npx", "args": [f"{name}@1.0.0"]} for name in ("alpha", "beta")}
    config = {"servers": servers, "inputs": prompts}
    other = {"inputs": prompts[::-1], "servers": dict(reversed(servers.items()))}
    assert digests(config) == digests(other)
    assert digests(server("alpha", command="npx", args=["a", "b"])) != digests(
        server("alpha", command="npx", args=["b", "a"])
    )


@pytest.mark.rule("I2")
def test_node_order_does_not_change_privileges() -> None:
    slack = node("slack", "Post", 2.3, bound("slackApi"), channelId="#a")
    mail = node("gmail", "Mail", 2.1, bound("gmailOAuth2", "cred2"), sendTo="a@b.example")
    agent = node(AI + "agent", "Agent", 2)
    assert digests(workflow(slack, mail, agent)) == digests(workflow(agent, mail, slack))


@pytest.mark.rule("I2")
@pytest.mark.parametrize("equal", [40, 400])
def test_many_equal_nodes_take_bounded_work(equal: int) -> None:
    names = [f"Same {at}" for at in range(equal)]
    alone = workflow(*(node("noOp", name) for name in names))
    chain = workflow(
        *(node("noOp", name) for name in names), links=tuple(zip(names, ["main"] * equal, names[1:], strict=False))
    )
    for document in (alone, chain):
        before = digests(document)
        document["nodes"].reverse()
        assert digests(document) == before
