"""The order in which a digest lists the nodes of a graph: by what they hold and how they are wired, never by place, name or file (I2).

Colour refinement: neighbours distinguish nodes with the same content. `equal_nodes` orders what is equal after that. Pure, and bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inventory.importers.equal_nodes import Edge, EqualNodes, TooAlike, ranked
from inventory.importers.work_budget import Budget

__all__ = ["Edge", "TooAlike", "canonical_order"]

#: A node as one round sees it: its colour, and what its edges lead to and come from.
Key = tuple[int, tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
#: How many looks at a node or an edge the rounds over the whole graph may take.
MOST_WORK = 400_000


def canonical_order(contents: Sequence[str], edges: Iterable[Edge], budget: Budget | None = None) -> list[int]:
    """The indexes of the nodes in canonical order.

    Args:
        contents: what each node holds, in a form without names and places.
        edges: wires and references between nodes.
        budget: of the file, for all its graphs.

    Raises:
        OverBudget: the graphs of the file take too many looks.
        TooAlike: so many nodes are equal, and wired alike, that their order is not certain.
    """
    colours, edges, spent = ranked(contents), list(edges), 0
    graph = EqualNodes(len(contents), edges)
    if len(set(colours)) < len(contents):
        colours, spent = _refined(graph, colours, len(contents) + 2 * len(edges))
    order = graph.ordered(colours)
    if budget:
        budget.look(spent + graph.spent)
    return order


def _refined(graph: EqualNodes, colours: list[int], work: int) -> tuple[list[int], int]:
    """Colours that the neighbours tell apart, until nothing changes or the work is done; and the looks that it took.

    `EqualNodes` goes on where the work ends.
    """
    count, spent = len(set(colours)), 0
    while True:
        spent += work
        colours, before = ranked([_key(graph, colours, node) for node in range(len(colours))]), count
        count = len(set(colours))
        if count == before or spent >= MOST_WORK:
            return colours, spent


def _key(graph: EqualNodes, colours: Sequence[int], node: int) -> Key:
    leads, comes = ([(label, colours[at]) for label, at in side[node]] for side in (graph.leads, graph.comes))
    return colours[node], tuple(sorted(leads)), tuple(sorted(comes))
