"""Sub-workflows that stand as JSON text in a node (``workflowJson``): put in place of the text, so that all of it is read.

This comes before secrets are removed: what stands in a slot of an inner node is found there as in any other node.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from inventory.importers.display import is_expression
from inventory.importers.documents import LIMITS, Limits, parse, too_many
from inventory.importers.problem import ImportProblem

MEMBER = "workflowJson"
_DEEPEST = 3
#: Of the nesting that a file may have, the part that one inline workflow may have.
_SHARE_OF_DEPTH = 3


def with_inline_workflows(file: str, place: str, workflow: dict[str, Any], limits: Limits = LIMITS) -> dict[str, Any]:
    """The same workflow, its inline sub-workflows as objects. One that is no workflow stays a text.

    Raises:
        ImportProblem: with its inline sub-workflows it holds more nodes or values than are read.
    """
    return _Expansion(file, place, limits).expanded(workflow, 0)


class _Expansion:
    """One workflow with all that is inside it, counted against one limit."""

    def __init__(self, file: str, place: str, limits: Limits) -> None:
        self._file, self._place, self._limits = file, place, limits
        self._nodes = self._values = 0

    def expanded(self, workflow: dict[str, Any], depth: int) -> dict[str, Any]:
        nodes = workflow.get("nodes")
        if not isinstance(nodes, list):
            return workflow
        self._nodes += len(nodes)
        if self._nodes > self._limits.steps:
            too_many(self._file, self._limits.steps, "nodes", self._place)
        return {**workflow, "nodes": [self._node(each, depth) for each in nodes]}

    def _node(self, node: Any, depth: int) -> Any:
        parameters = node.get("parameters") if isinstance(node, dict) else None
        if not isinstance(node, dict) or not isinstance(parameters, dict) or not parameters.get(MEMBER):
            return node
        value = parameters[MEMBER]
        inner = self._workflow(value) if isinstance(value, str) else value
        if depth < _DEEPEST and _is_workflow(inner):
            value = self.expanded(inner, depth + 1)
        elif not isinstance(value, str):
            value = json.dumps(value)
        return {**node, "parameters": {**parameters, MEMBER: value}}

    def _workflow(self, text: str) -> Any:
        if is_expression(text):
            return None
        self._values += sum(map(text.count, "[{,"))
        if self._values > self._limits.values:
            too_many(self._file, self._limits.values, "values", self._place)
        within = replace(self._limits, depth=self._limits.depth // _SHARE_OF_DEPTH)
        try:
            return parse(self._file, text.encode(errors="surrogatepass"), within)
        except ImportProblem:
            return None


def _is_workflow(value: Any) -> bool:
    nodes = value.get("nodes") if isinstance(value, dict) else None
    return isinstance(nodes, list) and all(map(_is_node, nodes)) and _names_differ(nodes)


def _is_node(node: Any) -> bool:
    return isinstance(node, dict) and isinstance(node.get("type"), str) and isinstance(node.get("name"), str)


def _names_differ(nodes: list[dict[str, Any]]) -> bool:
    return len({node["name"] for node in nodes}) == len(nodes)
