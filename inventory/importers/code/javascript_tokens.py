"""Tokenize JavaScript in one pass. Text that two engines could read differently is refused, so that it hides nothing.

This is no parser. It tells texts, comments, regular expressions and templates apart as an engine does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from inventory.importers.display import vocabulary

LONGEST = 100_000
"""Characters of a text that are read; a longer one is opaque."""

Kind = Literal["name", "number", "string", "regex", "mark"]


class Unreadable(Exception):
    """The text can't be read with certainty. The message has the reason and quotes no content."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `text` of a string is its value with escapes resolved; a template gives marks around its parts."""

    kind: Kind
    text: str
    line: int


KEYWORDS = frozenset(
    [
        "async",
        "await",
        "break",
        "case",
        "catch",
        "class",
        "const",
        "continue",
        "debugger",
        "default",
        "delete",
        "do",
        "else",
        "export",
        "extends",
        "finally",
        "for",
        "function",
        "if",
        "import",
        "in",
        "instanceof",
        "let",
        "new",
        "of",
        "return",
        "static",
        "super",
        "switch",
        "this",
        "throw",
        "try",
        "typeof",
        "var",
        "void",
        "while",
        "with",
        "yield",
    ]
)
#: Tokens before a slash that opens a regular expression. After the others only a parser can decide.
_BEFORE_REGEX = vocabulary("case delete do else in instanceof new return throw typeof void")
_EITHER = vocabulary("async await break continue let of static yield")
_HEADS = vocabulary("if while for with await")
_SPACE = re.compile(r"[\t\v\f \u00a0\ufeff\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_LINE_END = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_COMMENT = re.compile(r"//[^\n\r\u2028\u2029]*")
_NUMBER = re.compile(
    r"(?:0[xX][\da-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)n?"
)
_NAME = re.compile(r"[^\W\d]\w*|\$[\w$]*", re.UNICODE)
_NAME_REST = re.compile(r"[\w$]*")
_MARK = re.compile(
    r">>>=|\.\.\.|===|!==|\*\*=|<<=|>>=|>>>|&&=|\|\|=|\?\?=|=>|==|!=|<=|>=|&&|\|\||\?\?|\?\.(?!\d)|\+\+|--|\+=|-=|\*=|/=|%=|&=|\|=|\^=|<<|>>|"
    r"\*\*|[{}()\[\];,<>+\-*/%&|^!~?:=.]"
)
_REGEX = re.compile(
    r"/(?:[^\\/\[\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029]|\[(?:[^\]\\\n\r\u2028\u2029]|\\[^\n\r\u2028\u2029])*\])+/[a-z]*"
)
_ESCAPE = re.compile(
    r"x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{0*([\da-fA-F]{1,6})\}|([0-7]{1,3})|(\r\n|[\n\r\u2028\u2029])|([^xu])",
    re.DOTALL,
)
_PLAIN = {quote: re.compile(rf"[^{quote}\\\n\r]+") for quote in "\"'"} | {"`": re.compile(r"[^`\\$]+")}
_NAMED_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v"}


def tokens(text: str) -> list[Token]:
    """The tokens of a text.

    A template is a mark `` ` ``, its texts as strings, ``${`` and ``}`` around each expression, and a mark `` ` ``
    again.

    Raises:
        Unreadable: it is too long, or engines may read it differently.
    """
    if len(text) > LONGEST:
        raise Unreadable("it is too long to be read")
    return _Reader(text).read()


class _Reader:
    """One pass over a text. `_open`: each open bracket, with the keyword before a parenthesis; a template's part is ``${``."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line = text, 0, 1
        self._found: list[Token] = []
        self._open: list[tuple[str, str]] = []
        self._last_head = ""

    def read(self) -> list[Token]:
        while self._at < len(self._text):
            self._next()
        if self._open:
            raise Unreadable("a bracket is not closed")
        return self._found

    def _next(self) -> None:
        text, at = self._text, self._at
        if match := _SPACE.match(text, at) or _COMMENT.match(text, at):
            self._at = match.end()
        elif match := _LINE_END.match(text, at):
            self._at, self._line = match.end(), self._line + 1
        elif text.startswith("/*", at):
            self._block_comment()
        elif text.startswith(("<!--", "-->"), at):
            raise Unreadable("it has a comment of HTML")
        elif text[at] in "\"'":
            self._string(text[at])
        elif text[at] == "`":
            self._add("mark", "`", 1)
            self._template()
        elif match := _NUMBER.match(text, at):
            self._number(match.group())
        elif match := _NAME.match(text, at):
            self._add("name", _NAME_REST.match(text, at).group(), None)  # type: ignore[union-attr]
        elif text[at] == "/" and self._opens_regex():
            self._regex()
        elif match := _MARK.match(text, at):
            self._mark(match.group())
        else:
            raise Unreadable("it has a character that is not known here")

    def _add(self, kind: Kind, text: str, length: int | None) -> None:
        self._found.append(Token(kind, text, self._line))
        self._at += len(text) if length is None else length

    def _block_comment(self) -> None:
        end = self._text.find("*/", self._at + 2)
        if end < 0:
            raise Unreadable("a comment is not closed")
        self._line += len(_LINE_END.findall(self._text, self._at, end))
        self._at = end + 2

    def _number(self, text: str) -> None:
        after = self._text[self._at + len(text) : self._at + len(text) + 1]
        if after and (after == "$" or after == "_" or after.isalnum()):
            raise Unreadable("a number runs into a name")
        self._add("number", text, None)

    def _string(self, quote: str) -> None:
        self._at += 1
        value = self._chars(quote)
        if self._text[self._at : self._at + 1] != quote:
            raise Unreadable("a text is not closed")
        self._add("string", value, 1)

    def _template(self) -> None:
        """Texts of a template up to its end or its next part."""
        value = self._chars("`")
        self._add("string", value, 0)
        if self._text.startswith("${", self._at):
            self._open.append(("${", ""))
            self._add("mark", "${", None)
        elif self._text.startswith("`", self._at):
            self._add("mark", "`", 1)
        else:
            raise Unreadable("a template is not closed")

    def _chars(self, quote: str) -> str:
        """Characters up to a closing quote or a template's part, with escapes resolved."""
        text, parts = self._text, []
        while self._at < len(text):
            if match := _PLAIN[quote].match(text, self._at):
                self._line += len(_LINE_END.findall(match.group()))
                parts.append(match.group())
                self._at = match.end()
            elif text[self._at] == "\\":
                parts.append(self._escape())
            elif text[self._at] == "$" and not text.startswith("${", self._at):
                parts.append("$")
                self._at += 1
            else:
                break
        return "".join(parts)

    def _escape(self) -> str:
        match = _ESCAPE.match(self._text, self._at + 1)
        if match is None:
            raise Unreadable("an escape is not known here")
        self._at = match.end()
        code = match.group(1) or match.group(2) or match.group(3)
        if code:
            return chr(min(int(code, 16), 0x10FFFF))
        if match.group(4):
            return chr(int(match.group(4), 8))
        if match.group(5):
            self._line += 1
            return ""
        return _NAMED_ESCAPES.get(match.group(6), match.group(6))

    def _regex(self) -> None:
        match = _REGEX.match(self._text, self._at)
        if match is None:
            raise Unreadable("a regular expression is not closed")
        self._add("regex", match.group(), None)

    def _opens_regex(self) -> bool:
        """Whether a slash certainly opens a regular expression.

        Raises:
            Unreadable: it depends on distant tokens.
        """
        if not self._found:
            return True
        last = self._found[-1]
        if last.kind == "name" and last.text in _EITHER | _BEFORE_REGEX and not self._is_member(-1):
            if last.text in _EITHER:
                raise Unreadable("a slash can be read in two ways")
            return True
        if last.kind != "mark":
            return False
        if last.text in ("}", "++", "--"):
            raise Unreadable("a slash can be read in two ways")
        if last.text == ")" and self._last_head == "await":
            raise Unreadable("a slash can be read in two ways")
        return bool(self._last_head) if last.text == ")" else last.text not in ("]", "`")

    def _is_member(self, index: int) -> bool:
        return (
            len(self._found) >= 1 - index
            and self._found[index - 1].text in (".", "?.")
            and (self._found[index - 1].kind == "mark")
        )

    def _mark(self, mark: str) -> None:
        if mark in ("(", "[", "{"):
            last = self._found[-1] if self._found else None
            is_head = last is not None and last.kind == "name" and last.text in _HEADS and not self._is_member(-1)
            self._open.append((mark, last.text if mark == "(" and last is not None and is_head else ""))
        elif mark in (")", "]", "}"):
            opened, self._last_head = self._open.pop() if self._open else ("", "")
            if opened == "${" and mark == "}":
                self._add("mark", mark, 1)
                self._template()
                return
            if opened + mark not in ("()", "[]", "{}"):
                raise Unreadable("brackets do not match")
        self._add("mark", mark, None)


def matching(tokens: Sequence[Token]) -> dict[int, int]:
    """Index of the matching bracket for each bracket, both ways; ``${`` matches its ``}``."""
    opened: list[int] = []
    pairs: dict[int, int] = {}
    for index, token in enumerate(tokens):
        if token.kind != "mark":
            continue
        if token.text in ("(", "[", "{", "${"):
            opened.append(index)
        elif token.text in (")", "]", "}"):
            pairs[index] = opened.pop()
            pairs[pairs[index]] = index
    return pairs
