"""Files of over 400 lines, which fail lint, and functions of over 40, which lint lists.

The limit is for the product: modules, templates, stylesheets and scripts. Tests and migrations may be longer.
"""

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


def product_files(root: Path) -> Iterator[Path]:
    """Every file of the product that the limit is for."""
    yield from sources(root)
    for folder, ending in (("templates", "html"), ("static/css", "css"), ("static/js", "js")):
        yield from sorted((root / folder).rglob(f"*.{ending}"))


def long_files(root: Path) -> Iterator[str]:
    """One line for each file of the product above the limit."""
    for path in product_files(root):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE_LINES:
            yield f"{path.relative_to(root)}: {lines} lines of at most {FILE_LINES}"


def long_functions(root: Path) -> Iterator[str]:
    """One line for each function above its aim."""
    for path in sources(root):
        where = path.relative_to(root)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _body_lines(node) > FUNCTION_LINES:
                yield f"{where}:{node.lineno} {node.name}: {_body_lines(node)} lines of {FUNCTION_LINES}"
