"""The order in which a digest lists the nodes of a graph: by what they hold and how they are wired, never by place or name (I2).

Colour refinement: neighbours distinguish nodes with the same content. Nodes that are still equal are fixed one by one.
Pure, and bounded by `MOST_WORK`: beyond that, equal nodes keep the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inventory.importers.secret_budget import Budget

#: From node, what the edge is, to node.
Edge = tuple[int, str, int]
#: A node as one round sees it: its colour, and what its edges lead to and come from.
Key = tuple[int, tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
#: How many looks at a node or an edge one graph may take.
MOST_WORK = 400_000


def canonical_order(contents: Sequence[str], edges: Iterable[Edge], budget: Budget | None = None) -> list[int]:
    """The indexes of the nodes in canonical order.

    Args:
        contents: what each node holds, in a form without names and places.
        edges: wires and references between nodes.
        budget: of the file, for all its graphs.

    Raises:
        OverBudget: the graphs of the file take too many looks.
    """
    graph = _Graph(len(contents), edges)
    colours = _ranked(contents)
    if len(set(colours)) < len(contents):
        colours = graph.told_apart(graph.refined(colours)[0])
    if budget:
        budget.look(graph.spent)
    return sorted(range(len(contents)), key=colours.__getitem__)


def _ranked(keys: Sequence[object]) -> list[int]:
    ranks = {key: rank for rank, key in enumerate(sorted(set(keys)))}  # type: ignore[type-var]  # all of one type
    return [ranks[key] for key in keys]


class _Graph:
    def __init__(self, size: int, edges: Iterable[Edge]) -> None:
        self._out: list[list[tuple[str, int]]] = [[] for _ in range(size)]
        self._in: list[list[tuple[str, int]]] = [[] for _ in range(size)]
        count = 0
        for source, what, target in edges:
            self._out[source].append((what, target))
            self._in[target].append((what, source))
            count += 1
        self._round = size + 2 * count
        self._left = MOST_WORK

    @property
    def spent(self) -> int:
        """Looks so far."""
        return MOST_WORK - self._left

    def refined(self, colours: list[int]) -> tuple[list[int], list[Key]]:
        """Colours that the neighbours tell apart, until nothing changes; and what the last round saw, in order."""
        count = len(set(colours))
        while True:
            self._left -= self._round
            keys = [self._key(colours, node) for node in range(len(colours))]
            colours, before = _ranked(keys), count
            count = len(set(colours))
            if count == before or self._left <= 0:
                return colours, sorted(keys)

    def _key(self, colours: Sequence[int], node: int) -> Key:
        leads, comes = ([(what, colours[at]) for what, at in side[node]] for side in (self._out, self._in))
        return colours[node], tuple(sorted(leads)), tuple(sorted(comes))

    def told_apart(self, colours: list[int]) -> list[int]:
        """Colours of which each is of one node: of equal nodes one comes first, which tells others apart, and so on."""
        colours = self._without_twins(colours)
        while len(set(colours)) < len(colours) and self._left > 0:
            colours = self._without_twins(self._one_first(colours))
        return _ranked([(colour, node) for node, colour in enumerate(colours)])

    def _one_first(self, colours: list[int]) -> list[int]:
        """Put one of the first equal nodes before the others: the one that gives the smallest graph; any, where they are images of each other."""
        best: tuple[list[Key], list[int]] | None = None
        for node in min((colour, nodes) for colour, nodes in _equal(colours).items())[1]:
            told, seen = self.refined(_ranked([(colour, at != node) for at, colour in enumerate(colours)]))
            if best is None or seen < best[0]:
                best = seen, told
            if self._left <= 0:
                break
        assert best is not None  # only asked where some are equal
        return best[1]

    def _without_twins(self, colours: list[int]) -> list[int]:
        """Number equal nodes that have the very same neighbours: it makes no difference which of them comes first."""
        self._left -= self._round
        twins = {
            node
            for nodes in _equal(colours).values()
            if len({(tuple(sorted(self._out[node])), tuple(sorted(self._in[node]))) for node in nodes}) == 1
            for node in nodes
        }
        return _ranked([(colour, node if node in twins else 0) for node, colour in enumerate(colours)])


def _equal(colours: Sequence[int]) -> dict[int, list[int]]:
    """The nodes of each colour that several have."""
    nodes: dict[int, list[int]] = {}
    for node, colour in enumerate(colours):
        nodes.setdefault(colour, []).append(node)
    return {colour: some for colour, some in nodes.items() if len(some) > 1}
