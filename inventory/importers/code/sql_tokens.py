"""Words of a literal query, with texts, quoted names and comments told apart in one pass, as a database does.

One pass is needed because each may contain the marks of the others: a comment's mark inside a text begins no comment.
Databases differ in some marks. If the query does not determine the meaning, the result is marked uncertain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

Kind = Literal["word", "name", "text", "number", "parameter", "sign"]

#: Databases in which ``#`` begins a comment; in others it is an operator, or part of a name.
_HASH_COMMENTS = frozenset({"mySql", "googleBigQuery", "clickhouse"})
#: Databases in which a dollar sign is part of a name, and no quotation mark.
_NO_DOLLARS = frozenset({"mySql", "microsoftSql", "oracleDatabase", "googleBigQuery"})
_COMMENT = {
    "--": re.compile(r"--[^\n\r]*"),
    "-- ": re.compile(r"--(?=\s|$)[^\n\r]*"),  # MySQL: without a space it is minus minus
    "#": re.compile(r"#[^\n\r]*"),
}
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_DOLLARS = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<escaped>[eE]'(?:[^'\\]|\\.|'')*')
    |(?P<text>'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`)
    |(?P<parameter>\$\d+|@{1,2}\w+|:(?!:)\w+|\?)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)
    |(?P<sign>::|.)""",
    re.VERBOSE | re.DOTALL,
)
_BRACKETED = re.compile(r"\[(?:[^\]]|\]\])+\]")
_TEMPORARY = re.compile(r"##?\w+")
#: A line break that ends a comment in some databases; names with escapes; custom quotation marks; a comment that is
#: executed.
_UNCLEAR = re.compile(r"\r(?!\n)|(?<!\w)[uU]&[\"']|(?<!\w)(?:[qQ]|[nN][qQ]|[rR][bB]?|[bB][rR])'|/\*[!+M]")
_TRIPLE = re.compile(r"'''|\"\"\"")


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a query. `text` has no quotation marks for a name; `joins` is True right after another token."""

    kind: Kind
    text: str
    joins: bool = False

    @property
    def word(self) -> str:
        """Lower-case text for a possible keyword; empty for quoted text."""
        return self.text.lower() if self.kind == "word" else ""

    @property
    def is_name(self) -> bool:
        """Whether it can name something."""
        return self.kind in ("word", "name")


def tokens_of(query: str, connector: str) -> tuple[list[Token], bool]:
    """Words of a query, and whether its database certainly reads the same.

    Args:
        query: literal SQL.
        connector: kind of database, as importers name it; some have quotation marks and comments of their own.
    """
    tokens: list[Token] = []
    is_clear = not (_UNCLEAR.search(query) or (connector == "googleBigQuery" and _TRIPLE.search(query)))
    at, joins = 0, False
    while at < len(query):
        end, is_closed = _comment_end(query, at, connector)
        if end == at:
            token, end, is_closed = _next(query, at, connector, joins=joins)
            if token is not None:
                tokens.append(token)
            joins = token is not None
        else:
            joins = False
        is_clear, at = is_clear and is_closed, end
    return tokens, is_clear


def _next(query: str, at: int, connector: str, *, joins: bool) -> tuple[Token | None, int, bool]:
    """Token at a position (None for space), its end, and whether that end is certain."""
    if dollars := _DOLLARS.match(query, at):
        closing = query.find(dollars.group(), dollars.end())
        end = len(query) if closing < 0 else closing + len(dollars.group())
        return Token("text", query[at:end], joins), end, closing >= 0 and connector not in _NO_DOLLARS
    if connector == "microsoftSql":
        if server_name := _BRACKETED.match(query, at):
            return Token("name", server_name.group()[1:-1], joins), server_name.end(), True
        if server_name := _TEMPORARY.match(query, at):
            return Token("word", server_name.group(), joins), server_name.end(), True
    match = _TOKEN.match(query, at)
    assert match is not None  # its last alternative matches any character
    kind, text, end = str(match.lastgroup), match.group(), match.end()
    match kind:
        case "space":
            return None, end, True
        case "escaped":
            return Token("text", text, joins), end, True
        case "text":  # some databases read an escaped mark as part of the text
            return Token("text", text, joins), end, "\\'" not in text
        case "name":
            return Token("name", text[1:-1], joins), end, f"\\{text[0]}" not in text
        case "parameter" | "word" | "number":
            return Token(cast("Kind", kind), text, joins), end, True
    return Token("sign", text, joins), end, text not in "'\"`"


def _comment_end(query: str, at: int, connector: str) -> tuple[int, bool]:
    """End of a comment that begins here, and whether it is certain; `at` without a comment."""
    line = _COMMENT["-- " if connector == "mySql" else "--"].match(query, at)
    if line is None and connector in _HASH_COMMENTS:
        line = _COMMENT["#"].match(query, at)
    if line is not None:
        return line.end(), True
    if not query.startswith("/*", at):
        return at, True
    edge = _COMMENT_EDGE.search(query, at + 2)
    if edge is None:
        return len(query), False
    return edge.end(), edge.group() == "*/"  # a nested comment: some databases count them, some do not
