"""Canonical order of a graph's nodes for a digest, from content and wiring, never from place, name or file (I2).

Colour refinement distinguishes nodes with the same content by their neighbours. `equal_nodes` orders the remaining
equal nodes. Pure and bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inventory.importers.equal_nodes import Edge, EqualNodes, TooAlike, ranks_of
from inventory.importers.work_budget import Budget

__all__ = ["Edge", "TooAlike", "canonical_order"]

#: A node in one round: its colour, and the colours at its outgoing and incoming edges.
Key = tuple[int, tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
#: Limit of node and edge visits for all rounds over the whole graph.
MOST_WORK = 400_000


def canonical_order(contents: Sequence[str], edges: Iterable[Edge], budget: Budget | None = None) -> list[int]:
    """The indexes of the nodes in canonical order.

    Args:
        contents: content of each node, without names and places.
        edges: wires and references between nodes.
        budget: of the file, for all its graphs.

    Raises:
        OverBudget: the graphs of the file need too many visits.
        TooAlike: too many nodes are equal and wired alike to order them.
    """
    colours, edges, spent = ranks_of(contents), list(edges), 0
    graph = EqualNodes(len(contents), edges)
    if len(set(colours)) < len(contents):
        colours, spent = _refined(graph, colours, len(contents) + 2 * len(edges))
    order = graph.ordered(colours)
    if budget:
        budget.look(spent + graph.spent)
    return order


def _refined(graph: EqualNodes, colours: list[int], work: int) -> tuple[list[int], int]:
    """Refine colours by neighbours until nothing changes or the work is spent; returns colours and visits.

    `EqualNodes` continues from there.
    """
    count, spent = len(set(colours)), 0
    while True:
        spent += work
        colours, before = ranks_of([_key(graph, colours, node) for node in range(len(colours))]), count
        count = len(set(colours))
        if count == before or spent >= MOST_WORK:
            return colours, spent


def _key(graph: EqualNodes, colours: Sequence[int], node: int) -> Key:
    leads, comes = ([(label, colours[at]) for label, at in side[node]] for side in (graph.leads, graph.comes))
    return colours[node], tuple(sorted(leads)), tuple(sorted(comes))
