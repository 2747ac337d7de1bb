"""Expand sub-workflows that a node contains as JSON text (``workflowJson``), so that all of their content is read.

This runs before secrets are removed, so that secrets in inner nodes are found too.
"""

import json
from dataclasses import replace
from typing import Any

from inventory.importers.display import is_expression
from inventory.importers.documents import LIMITS, Limits, parse, too_many
from inventory.importers.problem import ImportProblem

MEMBER = "workflowJson"
_DEEPEST = 3
#: Share of a file's nesting depth that one inline workflow may use.
_SHARE_OF_DEPTH = 3


def expand_inline_workflows(file: str, place: str, workflow: dict[str, Any], limits: Limits = LIMITS) -> dict[str, Any]:
    """Workflow with its inline sub-workflows as objects. A text that is no workflow stays a text.

    Raises:
        ImportProblem: with its inline sub-workflows it exceeds the limits of nodes or values.
    """
    return _Expansion(file, place, limits).expanded(workflow, 0)


class _Expansion:
    """One workflow with its sub-workflows, counted against one limit."""

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
        if not isinstance(parameters, dict) or MEMBER not in parameters:
            return node
        value = parameters[MEMBER]
        inner, source = None, parameters.get("source")
        # With another source the node does not start the workflow: the text is a leftover.
        is_started = source == "parameter" or (isinstance(source, str) and is_expression(source))
        if depth < _DEEPEST and is_started:
            inner = _workflow_of(self._document(value) if isinstance(value, str) else value)
        if inner is not None:
            value = self.expanded(inner, depth + 1)
        elif not isinstance(value, str):
            value = json.dumps(value)
        return {**node, "parameters": {**parameters, MEMBER: value}}

    def _document(self, text: str) -> Any:
        """JSON document in a text, or None. Computed text is not read."""
        if text.startswith("="):
            text = text.removeprefix("=") if "{{" not in text else ""
        self._values += sum(map(text.count, "[{,"))
        if self._values > self._limits.values:
            too_many(self._file, self._limits.values, "values", self._place)
        within = replace(self._limits, depth=self._limits.depth // _SHARE_OF_DEPTH)
        try:
            return parse(self._file, text.encode(errors="surrogatepass"), within)
        except ImportProblem:
            return None


def _workflow_of(value: Any) -> dict[str, Any] | None:
    """Workflow in a value or in a list of one, each node with a unique name; None without a workflow."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    nodes = value.get("nodes") if isinstance(value, dict) else None
    if not isinstance(nodes, list):
        return None
    if not all(isinstance(node, dict) and isinstance(node.get("type"), str) for node in nodes):
        return None
    names: set[str] = set()
    named = []
    for index, node in enumerate(nodes):
        name = node["name"] if isinstance(node.get("name"), str) else node["type"].rpartition(".")[2]
        while name in names:
            name = f"{name} (nodes/{index})"
        names.add(name)
        named.append({**node, "name": name})
    return {**value, "nodes": named}
