"""Decide whether Python of an export only processes its input data (T1).

Python's own parser reads it, and nothing is executed. Only listed kinds of statements and expressions are plain, and
only listed names and those of the code itself. Members that begin with an underscore are refused, because they lead to
evaluation. So are functions that read a member by a name in a text, such as ``format``.
"""

import ast
import re
import warnings
from collections.abc import Iterator

from inventory.importers.code.javascript import MEMBERS, NOT_KNOWN, REACHES, REFUSED_MEMBERS, UNUSUAL
from inventory.importers.facts import facts, word_lists

#: Characters of a text that are read; a longer one is opaque.
LONGEST = 20_000
_LINE_END = re.compile(r"\r\n|[\r\n]")  # Python's line ends: any other character may stand in a comment
#: Brackets within brackets, or signs in a row, that the parser is given.
_DEEPEST = 60
_WORDS, _FACTS = word_lists("python"), facts("python")
PLAIN = _WORDS["plain"]
_OF_N8N = {name.replace("$", "_", 1): reason for name, reason in REFUSED_MEMBERS.items() if name != "$item"}
REFUSED = {name: reason for reason, names in _FACTS["refused"].items() for name in names.split()} | _OF_N8N
#: Members of JavaScript that no text may name either.
_TEXTS = MEMBERS | REFUSED_MEMBERS.keys()
_MEMBERS = _TEXTS | _WORDS["members"]
#: n8n's own item in one kind of Python, and a function that reaches variables in the other: only a key of it is plain.
_ITEM = "_item"
_KINDS = tuple(getattr(ast, kind) for kind in _WORDS["kinds"])


def opaque_because(text: str) -> str:
    """Reason why code can't be judged from its text; empty for plain code.

    Args:
        text: the body of a function, as in n8n's Code node.
    """
    if len(text) > LONGEST or _is_deep(text):
        return "it is too long or too deep to be read"
    body = "def code():\n" + "".join(f" {line}\n" for line in _LINE_END.split(text))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings about another author's code
            tree = ast.parse(body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "it can't be read for certain"
    own_names = {name for node in ast.walk(tree) for name in _declared(node)} - {_ITEM}
    keyed = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    for node in ast.walk(tree):
        is_item_of_key = isinstance(node, ast.Name) and node.id == _ITEM and id(node) in keyed
        if not is_item_of_key and (because := _reason_of(node, own_names)):
            return f"it {because} (line {getattr(node, 'lineno', 2) - 1})"
    return ""


def _is_deep(text: str) -> bool:
    depth = deepest = row = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        row = row + 1 if character in "-+~ \t" else 0
        deepest = max(deepest, depth, row)
    return deepest > _DEEPEST or text.count("not ") > 1000 or text.count("lambda") > 1000


def _declared(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, (ast.FunctionDef, ast.ExceptHandler)):
        yield node.name or ""


def _reason_of(node: ast.AST, own_names: set[str]) -> str:
    """Reason of one part of the code; empty without one."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return "uses imports"
    if not isinstance(node, _KINDS):
        return UNUSUAL
    if isinstance(node, ast.Attribute):
        return REACHES if node.attr.startswith("_") or node.attr in _MEMBERS else ""
    if isinstance(node, ast.Constant):
        return REACHES if isinstance(node.value, str) and node.value in _TEXTS else ""
    if isinstance(node, ast.Name):
        if node.id in REFUSED:
            return f"uses {REFUSED[node.id]}"
        return "" if node.id in PLAIN or (node.id in own_names and not node.id.startswith("__")) else NOT_KNOWN
    return ""
