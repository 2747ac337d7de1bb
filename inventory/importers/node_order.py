"""Canonical order of a graph's nodes for a digest, from content and wiring, never from place, name or file (I2).

Colour refinement distinguishes nodes with the same content by their neighbours. The order of nodes that it leaves equal
is exact: nodes that differ from all others are removed; the rest falls into components. Each component is ordered by
itself, and components with equal forms are interchangeable. In a component without a unique node, each of some equal
nodes is tried as the first, and the smallest form decides. Two nodes with the same form are images of each other. Pure
and bounded.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from inventory.importers.work_budget import Budget

#: Source node, label of the edge, target node.
Edge = tuple[int, str, int]
#: A node with the colours of its neighbours.
_Key = tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
#: A component: the colours of its nodes in order, and its edges by position in that order.
_Form = tuple[list[int], list[tuple[int, str, int]]]
#: Limit of node and edge visits for one graph.
_MOST_WORK = 1_400_000
_DEEPEST = 200


class TooAlike(Exception):
    """Too many nodes are equal and wired alike to order them within the limit."""


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
    ranks = {content: rank for rank, content in enumerate(sorted(set(contents)))}
    graph = _Graph(len(contents), edges)
    order = graph.ordered({node: ranks[content] for node, content in enumerate(contents)})
    if budget:
        budget.look(graph.spent)
    return order


class _Graph:
    """A graph whose nodes are ordered beyond their colours."""

    def __init__(self, size: int, edges: Iterable[Edge]) -> None:
        self.leads: list[list[tuple[str, int]]] = [[] for _ in range(size)]
        self.comes: list[list[tuple[str, int]]] = [[] for _ in range(size)]
        for source, label, target in edges:
            self.leads[source].append((label, target))
            self.comes[target].append((label, source))
        self.spent = 0

    def ordered(self, colours: dict[int, int]) -> list[int]:
        """Nodes by colour, and equal ones in an order independent of the file.

        Raises:
            TooAlike: the order needs more than the limit.
        """
        if self._equal(colours):
            return self._order(self._refined(_as_places(colours), set(colours)), 0)[1]
        return sorted(colours, key=colours.__getitem__)

    def _order(self, colours: dict[int, int], depth: int) -> tuple[_Form, list[int]]:
        """Form of some nodes, and their order.

        Args:
            colours: of these nodes; nodes of one colour have the same colours around them.
            depth: number of enclosing components.
        """
        if depth > _DEEPEST:
            raise TooAlike
        parts = list(self._components(self._equal(colours)))
        if len(parts) == 1 and len(parts[0]) == len(colours):
            order = self._smallest(colours, depth)
        else:
            orders = [self._order({node: colours[node] for node in part}, depth + 1) for part in parts]
            orders.sort(key=lambda part: part[0])
            places = {node: (number, at) for number, (_, nodes) in enumerate(orders) for at, node in enumerate(nodes)}
            order = sorted(colours, key=lambda node: (colours[node], places.get(node, (0, 0)), node))
        return self._form(colours, order), order

    def _smallest(self, colours: dict[int, int], depth: int) -> list[int]:
        """The order with the smallest form. It tries each node of the smallest group of equal nodes first."""
        colours = _as_places(colours)
        cells = [cell for cell in _cells(colours).values() if len(cell) > 1]
        cell = min(cells, key=lambda cell: (len(cell), colours[min(cell)]))
        best: tuple[_Form, list[int]] | None = None
        for node in sorted(cell):
            others = dict.fromkeys(cell - {node}, colours[node] + 1)
            tried = self._order(self._refined(colours | others, {node}), depth + 1)
            best = tried if best is None or tried[0] < best[0] else best
        assert best is not None  # a cell is never empty
        return best[1]

    def _form(self, colours: dict[int, int], order: list[int]) -> _Form:
        places = {node: place for place, node in enumerate(order)}
        edges = [(places[node], label, places[at]) for node in order for label, at in self.leads[node] if at in places]
        self._look(len(order) + len(edges))
        return [colours[node] for node in order], sorted(edges)

    def _refined(self, colours: dict[int, int], changed: set[int]) -> dict[int, int]:
        """Refine colours by neighbours until nothing changes.

        Args:
            colours: each the place of its first node.
            changed: nodes whose colours are new; around all others, nodes of one colour have the same colours.
        """
        colours, cells = dict(colours), _cells(colours)
        while changed:
            near: dict[int, set[int]] = defaultdict(set)
            for node in changed:
                for _, at in (*self.leads[node], *self.comes[node]):
                    if at in colours:
                        near[colours[at]].add(at)
            new = [
                part for colour, nodes in near.items() for part in self._split(colours, colour, cells[colour], nodes)
            ]
            for colour, part in new:
                cells[colours[next(iter(part))]] -= part
                cells[colour] = part
                colours.update(dict.fromkeys(part, colour))
            changed = {node for _, part in new for node in part}
        return colours

    def _split(
        self, colours: dict[int, int], colour: int, cell: set[int], near: set[int]
    ) -> Iterator[tuple[int, set[int]]]:
        """Nodes that leave a cell, with new colours: all except the largest group with the same neighbour colours."""
        if len(cell) == 1:
            return
        groups: dict[_Key, set[int]] = defaultdict(set)
        for node in near:
            groups[self._key(colours, node)].add(node)
        if len(near) < len(cell):
            rest = self._key(colours, next(node for node in cell if node not in near))
            sizes = {key: len(nodes) for key, nodes in groups.items()}
            sizes[rest] = sizes.get(rest, 0) + len(cell) - len(near)
        else:
            rest, sizes = None, {key: len(nodes) for key, nodes in groups.items()}
        first, *others = sorted(sizes, key=lambda key: (-sizes[key], key))
        at = colour + sizes[first]
        for key in others:
            yield at, groups[key] | (cell - near if key == rest else set())
            at += sizes[key]

    def _key(self, colours: dict[int, int], node: int) -> _Key:
        leads, comes = (
            tuple(sorted((label, colours[at]) for label, at in side[node] if at in colours))
            for side in (self.leads, self.comes)
        )
        self._look(1 + len(leads) + len(comes))
        return leads, comes

    def _equal(self, colours: dict[int, int]) -> set[int]:
        """Nodes that share a colour, without colours whose nodes all have the same neighbours: their order is free."""
        equal = set[int]()
        for cell in _cells(colours).values():
            if len(cell) > 1:
                around = {tuple(tuple(sorted(side[node])) for side in (self.leads, self.comes)) for node in cell}
                equal |= cell if len(around) > 1 else set()
        self._look(len(colours))
        return equal

    def _components(self, nodes: set[int]) -> Iterator[set[int]]:
        """Connected components of some nodes."""
        left = set(nodes)
        while left:
            part, seen = set[int](), [left.pop()]
            while seen:
                node = seen.pop()
                part.add(node)
                near = {at for _, at in (*self.leads[node], *self.comes[node]) if at in left}
                left -= near
                seen += near
            yield part

    def _look(self, count: int) -> None:
        self.spent += count
        if self.spent > _MOST_WORK:
            raise TooAlike


def _cells(colours: dict[int, int]) -> dict[int, set[int]]:
    """The nodes of each colour."""
    cells: dict[int, set[int]] = defaultdict(set)
    for node, colour in colours.items():
        cells[colour].add(node)
    return cells


def _as_places(colours: dict[int, int]) -> dict[int, int]:
    """Position of the first node with the same colour, for each node."""
    places: dict[int, int] = {}
    for place, colour in enumerate(sorted(colours.values())):
        places.setdefault(colour, place)
    return {node: places[colour] for node, colour in colours.items()}
