"""Tokens of JavaScript with their surroundings: brackets, members, patterns, and declared names."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from inventory.importers.code.javascript_tokens import KEYWORDS, Token, matching

LONGEST_KEY = 60
"""Tokens of a computed name, or of the expression before it, that are looked at."""
DOTS = frozenset({".", "?."})
OPENING, CLOSING = frozenset({"(", "[", "{", "${"}), frozenset({")", "]", "}"})
_HEADS = frozenset({"if", "while", "for", "switch"})
_BEFORE_METHODS = frozenset({"get", "set", "async", "static"})
_BEFORE_BLOCKS = frozenset({"else", "do", "try", "finally"})


class Text:
    """Tokens of one text.

    Attributes:
        places: positions by name.
        templates: the marks that open a template.
        is_target: by token, whether it stands in brackets that a value is destructured into.
        is_pattern: the same, parameters included.
        own: names that the text declares.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.found = tokens
        self.pairs = matching(tokens)
        self.places: dict[str, list[int]] = {}
        for index, token in enumerate(tokens):
            if token.kind == "name":
                self.places.setdefault(token.text, []).append(index)
        self.templates, self._inside = set[int](), list[int]()
        self._nest()
        parameters = list(self._parameters())
        self.is_target = self._covered(self._targets())
        self.is_pattern = self._covered(itertools.chain(self._targets(), parameters))
        self._set, self._loose = set[str](), set[str]()
        self._declare()
        self.own = self._set | self._loose
        self._loose |= self._names_in(parameters)
        self._counters: dict[str, bool] = {}

    def kind(self, index: int) -> str:
        """Kind of a token, empty beyond the text."""
        return self.found[index].kind if 0 <= index < len(self.found) else ""

    def mark(self, index: int) -> str:
        """Mark at a position, empty for any other token."""
        return self.found[index].text if self.kind(index) == "mark" else ""

    def name(self, index: int) -> str:
        """Name at a position, empty for any other token."""
        return self.found[index].text if self.kind(index) == "name" else ""

    def is_member(self, index: int) -> bool:
        """Whether a name follows a dot."""
        return self.mark(index - 1) in DOTS

    def is_on_next_line(self, index: int) -> bool:
        """Whether a token stands on another line than the one before it."""
        return self.kind(index) != "" and self.found[index].line != self.found[index - 1].line

    def opening_around(self, index: int) -> int:
        """The bracket in which a token stands, -1 outside of all."""
        return self._inside[index]

    def is_access(self, index: int) -> bool:
        """Whether a bracket names a member, rather than opening a list."""
        if index == 0:
            return False
        last = self.found[index - 1]
        if last.kind == "name":
            return last.text not in KEYWORDS or self.is_member(index - 1)
        return last.kind != "mark" or last.text in (")", "]", "}", "`", "?.")

    def is_key(self, index: int) -> bool:
        """Whether a name or a text names a member: before a colon in an object, or a text alone between brackets."""
        if self.mark(index - 1) in ("{", ",") and self.mark(index + 1) == ":":
            return True
        return self.kind(index) == "string" and self.mark(index - 1) == "[" and self.mark(index + 1) == "]"

    def is_pattern_key(self, index: int) -> bool:
        """Whether a name or a text is a key of a destructuring pattern."""
        is_between = self.mark(index - 1) in ("{", ",") and self.mark(index + 1) in (":", ",", "}", "=")
        return self.is_pattern[index] and is_between and self.mark(self._inside[index]) == "{"

    def start_of(self, index: int) -> int:
        """Begin of the expression before a member: names, members and calls in a row; -1 if it is too long."""
        at = index
        for _ in range(LONGEST_KEY):
            last = self.mark(at - 1)
            if last in (")", "]"):
                at = self.pairs[at - 1]
                if self.mark(at) == "(" and not self.is_access(at):
                    return at
            elif last in DOTS:
                at -= 1
            elif self.name(at - 1) and (self.name(at - 1) not in KEYWORDS or self.is_member(at - 1)):
                at -= 1
                if not self.is_member(at):
                    return at
            else:
                return at
        return -1

    def only_counts(self, name: str) -> bool:
        """Whether a variable is only ever set to numbers and counted up or down."""
        if name not in self._counters:
            is_known = name in self._set and name not in self._loose
            self._counters[name] = is_known and all(map(self._keeps_a_number, self.places[name]))
        return self._counters[name]

    def _keeps_a_number(self, index: int) -> bool:
        if self.is_member(index):
            return True
        last = self.last_parenthesis(index)
        if self.is_target[index] or self.name(last + 1) in ("of", "in"):
            return False
        after = self.mark(last + 1)
        if not after.endswith("=") or after in ("==", "===", "!=", "!==", "<=", ">="):
            return True
        return self.kind(last + 2) == "number" and self.mark(last + 3) in (";", ",", ")")

    def last_parenthesis(self, index: int) -> int:
        """Last of the parentheses that close right after a token, or the token."""
        end = index
        while self.mark(end + 1) == ")" and end - index < LONGEST_KEY:
            end += 1
        return end

    def _nest(self) -> None:
        """Surrounding bracket of each token; and the marks that open a template, since the closing mark looks the same."""
        around: list[int] = []
        for index, token in enumerate(self.found):
            mark = self.mark(index)
            if mark in CLOSING or (mark == "`" and around and self.mark(around[-1]) == "`"):
                around.pop()
                self._inside.append(around[-1] if around else -1)
                continue
            self._inside.append(around[-1] if around else -1)
            if token.kind == "mark" and (mark in OPENING or mark == "`"):
                around.append(index)
                self.templates |= {index} if mark == "`" else set()

    def _targets(self) -> Iterator[tuple[int, int]]:
        """Brackets of destructuring: before ``=``, ``of`` and ``in``."""
        for begin, end in self.pairs.items():
            is_before = self.mark(end + 1) == "=" or self.name(end + 1) in ("of", "in")
            if begin < end and is_before and self.mark(begin) in ("[", "{"):
                yield begin, end

    def _parameters(self) -> Iterator[tuple[int, int]]:
        """Parentheses that may hold parameters: before ``=>``, and before ``{`` unless a statement begins with them."""
        for begin, end in self.pairs.items():
            if begin < end and self.mark(begin) == "(":
                after = self.mark(end + 1)
                if after == "=>" or (after == "{" and not self._is_head(begin)):
                    yield begin, end

    def _is_head(self, index: int) -> bool:
        """Whether a parenthesis belongs to ``if``, ``while``, ``for`` or ``switch``, used as statements."""
        at = index - 1 - (self.name(index - 1) == "await" and self.name(index - 2) == "for")
        if self.name(at) not in _HEADS or self.is_member(at) or self.name(at - 1) in _BEFORE_METHODS:
            return False
        before = self.mark(at - 1)
        return before not in (",", "*") and (before != "{" or self._is_block(at - 1))

    def _is_block(self, index: int) -> bool:
        """Whether a brace certainly opens a block, not an object."""
        before = self.mark(index - 1)
        return index == 0 or before in (")", ";", "{", "}", "=>") or self.name(index - 1) in _BEFORE_BLOCKS

    def _covered(self, ranges: Iterator[tuple[int, int]]) -> list[bool]:
        """Whether each token stands in one of the ranges."""
        steps = [0] * (len(self.found) + 1)
        for begin, end in ranges:
            steps[begin] += 1
            steps[end] -= 1
        return [depth > 0 for depth in itertools.accumulate(steps)]

    def _names_in(self, ranges: Sequence[tuple[int, int]]) -> set[str]:
        """Names in some ranges, without members and values of defaults."""
        return {
            self.name(index)
            for index, is_inside in enumerate(self._covered(iter(ranges)))
            if is_inside and self.name(index) and not self.is_member(index) and self.mark(index - 1) != "="
        }

    def _declare(self) -> None:
        """Collect declared names: those set at their declaration, and all others."""
        ranges: list[tuple[int, int]] = []
        for index, token in enumerate(self.found):
            if self.mark(index) == "=>":
                self._loose.add(self.name(index - 1))
                ranges += [(self.pairs[index - 1], index)] if self.mark(index - 1) == ")" else []
            elif token.kind != "name" or self.is_member(index):
                continue
            elif token.text in ("const", "let", "var"):
                ranges += self._declared_after(index + 1)
            elif token.text == "function":
                ranges += self._named_and_given(index + 1)
            elif self._is_method(index) or token.text == "catch":
                ranges += [(index + 1, self.pairs[index + 1])] if self.mark(index + 1) == "(" else []
            elif self.mark(index + 1) == "=":
                self._set.add(token.text)
        self._loose |= self._names_in(ranges)

    def _is_method(self, index: int) -> bool:
        """Whether a name is that of a method in an object."""
        begins = self.mark(index - 1) in ("{", ",") or self.name(index - 1) in ("async", "get", "set")
        return (
            begins
            and self.name(index) not in KEYWORDS
            and self.mark(index + 1) == "("
            and self.mark(self.pairs[index + 1] + 1) == "{"
        )

    def _declared_after(self, at: int) -> Iterator[tuple[int, int]]:
        """Positions of names after ``const``, ``let`` or ``var``, up to the end of the statement."""
        is_first = True
        while at < len(self.found):
            mark, name = self.mark(at), self.name(at)
            if is_first and name and self.mark(at + 1) == "=":
                self._set.add(name)
            elif is_first and (name or mark in ("{", "[")):
                yield at, self.pairs.get(at, at) + 1
            if mark in OPENING:
                at = self.pairs[at]
            elif mark == ";" or mark in CLOSING or name in ("const", "let", "var"):
                return
            is_first = mark == ","
            at += 1

    def _named_and_given(self, at: int) -> Iterator[tuple[int, int]]:
        """Positions of names after ``function``: its own and its parameters."""
        at += self.mark(at) == "*"
        if self.name(at):
            yield at, at + 1
            at += 1
        if self.mark(at) == "(":
            yield at, self.pairs[at]
