"""The order of a file never changes a digest, however alike its nodes are (I2)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from inventory.importers.problem import ImportProblem
from tests.inventory.importers.samples import bring, node, workflow

#: Names of nodes with their steps, and wires between them.
Graph = tuple[dict[str, int], list[tuple[str, str]]]


def chains(count: int, length: int) -> Graph:
    """Equal chains, each node of one with another step."""
    steps = {f"{chain} {step}": step for chain in range(count) for step in range(length)}
    return steps, [(f"{chain} {step}", f"{chain} {step + 1}") for chain in range(count) for step in range(length - 1)]


def fan(count: int, length: int) -> Graph:
    """One node that starts equal chains."""
    steps, wires = chains(count, length)
    return {**steps, "root": -1}, [*wires, *(("root", f"{chain} 0") for chain in range(count))]


def rings(*sizes: int) -> Graph:
    """Rings of equal nodes."""
    steps = {f"{ring} {at}": 0 for ring, size in enumerate(sizes) for at in range(size)}
    wires = [(f"{ring} {at}", f"{ring} {(at + 1) % size}") for ring, size in enumerate(sizes) for at in range(size)]
    return steps, wires


def tree(depth: int) -> Graph:
    """A tree of equal nodes, each with two below it."""
    names = [format(at, "b") for at in range(1, 2**depth)]
    return dict.fromkeys(names, 0), [(name[:-1], name) for name in names if len(name) > 1]


def between(prefix: str, size: int, is_wired: Callable[[int, int], bool]) -> Graph:
    """Equal nodes, wired where a rule says so."""
    names = [f"{prefix}{at}" for at in range(size)]
    return dict.fromkeys(names, 0), [
        (names[a], names[b]) for a in range(size) for b in range(size) if a != b and is_wired(a, b)
    ]


def rook(a: int, b: int) -> bool:
    """Whether two fields of a board of 16 share a row or a column."""
    return a // 4 == b // 4 or a % 4 == b % 4


def shrikhande(a: int, b: int) -> bool:
    """A graph that each node sees as `rook`, and that is another one."""
    return ((a // 4 - b // 4) % 4, (a % 4 - b % 4) % 4) in {(0, 1), (0, 3), (1, 0), (3, 0), (1, 1), (3, 3)}


def joined(*graphs: Graph) -> Graph:
    """Several graphs as one."""
    return {name: step for steps, _ in graphs for name, step in steps.items()}, [
        wire for _, wires in graphs for wire in wires
    ]


GRAPHS = {
    "40 chains of 3": chains(40, 3),
    "60 pairs": chains(60, 2),
    "100 pairs": chains(100, 2),
    "one node before 40 branches of 2": fan(40, 2),
    "one node before 50 branches of 4": fan(50, 4),
    "two rings of 40": rings(40, 40),
    "a ring of 120": rings(120),
    "rings of 3, 3 and 6": rings(3, 3, 6),
    "a chain of 1000 equal nodes": between("n", 1000, lambda a, b: b == a + 1),
    "a tree of 127": tree(7),
    "rook and Shrikhande": joined(between("r", 16, rook), between("s", 16, shrikhande)),
    "two of Shrikhande": joined(between("r", 16, shrikhande), between("s", 16, shrikhande)),
}
LARGE = ("a chain of 1000 equal nodes", "rook and Shrikhande")
IN_FULL = pytest.mark.full("orders the graphs that take longest; others of their shapes are in make test")
ROOKS = joined(between("r", 16, rook), between("s", 16, rook))


def document(graph: Graph, shuffle: random.Random | None = None) -> dict[str, Any]:
    """A workflow of a graph; shuffled: in another order, and with its names given to other nodes."""
    steps, wires = graph
    names, order, links = list(steps), list(steps), list(wires)
    renamed = dict(zip(names, names, strict=True))
    if shuffle:
        shuffle.shuffle(order)
        shuffle.shuffle(links)
        renamed = dict(zip(names, shuffle.sample(names, len(names)), strict=True))
    nodes = (node("noOp", renamed[name], step=steps[name]) for name in order)
    return workflow(*nodes, links=tuple((renamed[a], "main", renamed[b]) for a, b in links))


def digests(graph: Graph, seeds: Iterable[int]) -> set[str]:
    return {bring(document(graph, random.Random(seed))).manifest.source.content for seed in seeds}


@pytest.mark.rule("I2")
@pytest.mark.parametrize("name", [pytest.param(graph, marks=IN_FULL) if graph in LARGE else graph for graph in GRAPHS])
def test_graphs_of_equal_nodes_have_one_digest_in_any_order(name: str) -> None:
    assert len(digests(GRAPHS[name], range(3))) == 1


@pytest.mark.rule("I2")
def test_graphs_that_every_node_sees_alike_have_different_digests() -> None:
    graphs = [
        GRAPHS["rook and Shrikhande"],
        GRAPHS["two of Shrikhande"],
        ROOKS,
        rings(120),
        rings(60, 60),
        rings(40, 80),
    ]
    assert len({digest for graph in graphs for digest in digests(graph, [1])}) == len(graphs)


@pytest.mark.rule("I2", "I8")
def test_too_many_equal_nodes_are_refused() -> None:
    everyone = between("n", 40, lambda a, b: True)
    with pytest.raises(ImportProblem) as refused:
        bring(document(everyone))
    assert (
        refused.value.reason
        == "so many nodes of this n8n workflow are alike, and wired alike, that they have no certain order"
    )
    assert (
        refused.value.what_to_do
        == "Tell some of them apart in n8n, by a note in a parameter say, choose Download, and import that file."
    )
