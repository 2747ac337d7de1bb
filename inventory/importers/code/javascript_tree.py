"""Syntax tree of JavaScript, parsed by tree-sitter. Text with an error is refused, so that it hides nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import tree_sitter_javascript
from tree_sitter import Language, Parser

from inventory.importers.facts import facts, word_lists

#: Characters of a text that are read; a longer one is opaque.
LONGEST = 100_000
LONGEST_NAME = 100
#: Calls in a row, and patterns within patterns, that are looked at.
DEEPEST = 60
_LANGUAGE = Language(tree_sitter_javascript.language())
_ESCAPE = re.compile(
    r"\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{0*([\da-fA-F]{1,6})\}|([0-7]{1,3})|(\r\n|[\n\r\u2028\u2029])|(.))",
    re.DOTALL,
)
_NAMED_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}
_SELDOM_KEYWORD = re.compile(rb"\b(?:async|await|let|of|static|yield)\Z")
_PATTERNS, _SETTERS = word_lists("javascript")["patterns"], facts("javascript")["setters"]


class Unreadable(Exception):
    """The text can't be read with certainty. The message has the reason and quotes no content."""


@dataclass(slots=True, eq=False)
class Node:
    """Part of a text. `role` is its part in `parent`: ``object``, ``left``, ``arguments``; often empty."""

    kind: str
    role: str
    begin: int
    end: int
    line: int
    parent: Node | None
    source: bytes = field(repr=False)
    children: list[Node] = field(default_factory=list, repr=False)

    @property
    def text(self) -> str:
        """The text itself."""
        return self.source[self.begin : self.end].decode()

    @property
    def value(self) -> str:
        """Content of a string, or of a part of a template, with escapes resolved."""
        text = self.text
        return unescaped(text[1:-1] if self.kind == "string" else text)

    @property
    def parent_kind(self) -> str:
        """Kind of the parent; empty without one."""
        return self.parent.kind if self.parent is not None else ""

    def part(self, role: str) -> Node | None:
        """Child with this role."""
        return next((child for child in self.children if child.role == role), None)

    def text_of(self, role: str) -> str:
        """Text of the child with this role; empty without one, and for one that is longer than a name."""
        part = self.part(role)
        return part.text if part is not None and part.end - part.begin <= LONGEST_NAME else ""

    def holder(self, kind: str, role: str) -> Node | None:
        """Parent, if it is of this kind and this is its part of this role."""
        return self.parent if self.parent is not None and self.parent.kind == kind and self.role == role else None

    @property
    def call(self) -> Node | None:
        """Call of this function or method with arguments; a template behind it is no such call."""
        call = self.holder("call_expression", "function")
        arguments = call.part("arguments") if call is not None else None
        return call if arguments is not None and arguments.kind == "arguments" else None

    @property
    def root(self) -> Node:
        """Begin of a row of members and calls, or a part of it if the row is too long."""
        node: Node = self
        for _ in range(DEEPEST):
            inner = node.part("object") or (node.part("function") if node.kind == "call_expression" else None)
            if inner is None:
                break
            node = inner
        return node

    @property
    def setter(self) -> tuple[Node | None, bool]:
        """What gives this name or member its value, None where it is only read; and whether without a pattern."""
        node, is_direct, depth = self, True, 0
        while (parent := node.parent) is not None:
            depth += 1
            if depth > DEEPEST:
                raise Unreadable("it is nested too deeply")
            if parent.kind in _PATTERNS and node.role not in ("key", "right"):
                is_direct = False
            elif parent.kind != "parenthesized_expression":
                break
            node = parent
        is_set = parent is not None and _SETTERS.get(parent.kind) == node.role
        return (parent if is_set else None), is_direct


def is_slash_unclear(node: Node) -> bool:
    """Whether engines might read a slash otherwise: behind a brace, a comment, a count, a seldom keyword."""
    before = node.source[max(0, node.begin - LONGEST_NAME) : node.begin].rstrip()
    if node.kind == "regex" and (node.text.startswith("/*") or _SELDOM_KEYWORD.search(before)):
        return True
    return before.endswith((b"}", b"/", b"++", b"--"))


def unescaped(text: str) -> str:
    """Text with the escapes of a string resolved."""
    return _ESCAPE.sub(_character, text)


def _character(escape: re.Match[str]) -> str:
    code = escape.group(1) or escape.group(2) or escape.group(3)
    if code:
        return chr(min(int(code, 16), 0x10FFFF))
    if escape.group(4):
        return chr(int(escape.group(4), 8))
    return "" if escape.group(5) else _NAMED_ESCAPES.get(escape.group(6), escape.group(6))


def nodes_of(text: str) -> list[Node]:
    """The named parts of a text and its operators, each before its own parts.

    Raises:
        Unreadable: it is too long, or has an error.
    """
    if len(text) > LONGEST:
        raise Unreadable("it is too long to be read")
    source = text.encode(errors="replace")
    tree = Parser(_LANGUAGE).parse(source)
    if tree.root_node.has_error or "\0" in text:
        raise Unreadable("a part of it is no JavaScript")
    nodes: list[Node] = []
    cursor, parent = tree.walk(), None
    while True:
        part, role = cursor.node, cursor.field_name or ""
        assert part is not None
        node = Node(part.type, role, part.start_byte, part.end_byte, part.start_point[0] + 1, parent, source)
        if part.is_named or role in ("operator", "kind"):
            nodes.append(node)
            if parent is not None:
                parent.children.append(node)
        if cursor.goto_first_child():
            parent = node
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return nodes
            parent = parent.parent if parent is not None else None
