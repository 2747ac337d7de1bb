"""Opaque code and commands of an n8n node, with reasons (T1).

Code is opaque if its text is missing, or if it uses network, imports, processes or evaluation. Unknown elements are
opaque too.
"""

from collections.abc import Callable
from typing import Any

from inventory.importers.code import javascript
from inventory.importers.code import python as code_python
from inventory.importers.inline_workflows import MEMBER
from inventory.importers.n8n.node import Node
from inventory.importers.n8n.parameters import text_of, texts_in

#: Characters of code in one workflow that are read; with more, all of it is opaque.
LONGEST_IN_ALL = 400_000
_COMMANDS = frozenset({"executeCommand", "ssh"})
_JAVASCRIPT = ("jsCode", "functionCode", "code")
_LANGUAGES = {"": "javaScript", "javaScript": "javaScript", "python": "python", "pythonNative": "python"}


def opaque_because(node: Node) -> str:
    """Reason why the code of a node can't be judged from its text; empty for plain code.

    Args:
        node: scrubbed, with code.
    """
    if node.connector in _COMMANDS:
        return "it runs a command of a machine"
    if not node.is_code_read:
        return "the workflow has more code than is read"
    if node.connector == "pythonFunction":
        return _read(node.parameters, ("functionCode",), code_python.opaque_because)
    language = _LANGUAGES.get(text_of(node.parameters.get("language")), "")
    if not language:
        return "its language is not known"
    python = ("pythonCode",)
    for names, reader, needed in (
        (_JAVASCRIPT, javascript.opaque_because, language == "javaScript"),
        (python, code_python.opaque_because, language == "python"),
    ):
        if (needed or any(node.parameters.get(name) for name in names)) and (
            because := _read(node.parameters, names, reader)
        ):
            return because
    return ""


def _read(parameters: dict[str, Any], names: tuple[str, ...], reader: Callable[[str], str]) -> str:
    texts = [text for name in names for text in texts_in(parameters.get(name))]  # one node type has an object
    if not any(text.strip() for text in texts):
        return "its text is missing"
    if any(text.startswith("=") for text in texts):
        return "its text is put together at run time"
    return next(filter(None, map(reader, texts)), "")


def length_in(workflow: dict[str, Any]) -> int:
    """Characters of code in a workflow with its inline sub-workflows."""
    total = 0
    nodes = workflow.get("nodes")
    for node in nodes if isinstance(nodes, list) else ():
        parameters = node.get("parameters") if isinstance(node, dict) else None
        if isinstance(parameters, dict):
            total += sum(len(text) for name in (*_JAVASCRIPT, "pythonCode") for text in texts_in(parameters.get(name)))
            inner = parameters.get(MEMBER)
            total += length_in(inner) if isinstance(inner, dict) else 0
    return total
