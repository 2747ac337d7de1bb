"""Which files and functions have outgrown what one reads in one go. Aims, not limits: what belongs together stays together."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

FILE_LINES = 400
FUNCTION_LINES = 40
CODE = ("governance", "inventory", "approvals")


def sources(root: Path) -> Iterator[Path]:
    """Every module of ours, migrations left out."""
    for package in CODE:
        yield from sorted(path for path in (root / package).rglob("*.py") if "migrations" not in path.parts)


def naming(paths: Iterable[Path], *words: str) -> Iterator[Path]:
    """The files whose text has one of some words: what looks for a name need not parse the others."""
    for path in paths:
        text = path.read_text(encoding="utf-8")
        if any(word in text for word in words):
            yield path


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = function.body[1] if ast.get_docstring(function) and len(function.body) > 1 else function.body[0]
    return (function.end_lineno or function.lineno) - first.lineno + 1


def oversized(root: Path) -> Iterator[str]:
    """One line for each file and function above its aim."""
    for path in sources(root):
        text = path.read_text()
        where = path.relative_to(root)
        lines = text.count("\n")
        if lines > FILE_LINES:
            yield f"{where}: {lines} lines of {FILE_LINES}"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _body_lines(node) > FUNCTION_LINES:
                yield f"{where}:{node.lineno} {node.name}: {_body_lines(node)} lines of {FUNCTION_LINES}"
