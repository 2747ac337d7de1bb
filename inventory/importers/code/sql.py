"""Access and tables of a literal query, and the parts that were not read (I8). sqlglot parses; nothing is executed.

An unknown part adds a table or marks the query as not fully read; it never removes a table. Importing sqlglot takes a
quarter of a second, so callers import this module for their first query.
"""

import itertools
import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlglot import Dialect, TokenType, exp

from inventory.importers.display import displayed
from inventory.importers.facts import facts, word_lists
from inventory.risk.levels import Access

#: Characters beyond which a query is not read. At most this takes half a second.
LONGEST = 20_000
NOT_SQL = "The query was not read: it is no SQL that this importer knows"
UNCLEAR = "Where a text or a comment of the query ends depends on the database"
FILLED_IN = "A table is named by what is filled in"
ODD_NAME = "A table has a name that was not understood"
_FIRST_NAMED = 6
_LONGEST_NAME = 120

_WORDS = word_lists("sql")
_DIALECTS: dict[str, str] = facts("sql")["dialects"]
_NAME = re.compile(rf"[\w$#. -]{{1,{_LONGEST_NAME}}}")
#: A line break that ends a comment in some databases, names with escapes, custom quotation marks, executed or nested
#: comments, and quotation marks behind a backslash.
_UNCLEAR = re.compile(
    r"\r(?!\n)|(?<!\w)[uU]&[\"']|(?<!\w)(?:[qQ]|[nN][qQ]|[rR][bB]?|[bB][rR])'|/\*(?:[!+M]|(?:(?!\*/).)*?/\*)|\\['\"`]",
    re.DOTALL,
)
_TRIPLE = re.compile(r"'''|\"\"\"")
_DOLLARS = re.compile(r"\$\w*\$")
_RUNS = re.compile(rf"\b(?:{'|'.join(sorted(_WORDS['runs']))})\b|\bcopy\b.*\bprogram\b", re.IGNORECASE | re.DOTALL)
#: MySQL's REPLACE is an INSERT for access and tables; EXPLAIN of a query has those of the query.
_REPLACES = re.compile(r"\breplace\s+into\b", re.IGNORECASE)
_EXPLAINS = re.compile(
    r"\s*explain\s+(?:(?:analyze|verbose)\s+)*(?=\(|(?:select|with|values|table|insert|update|delete|merge)\b)",
    re.IGNORECASE,
)
_READS = (exp.Query, exp.Values, exp.Show, exp.Describe)
_CHANGES = (exp.DML, exp.Into, exp.Lock, exp.Command)
_OF_TABLES = (exp.Create, exp.Alter, exp.Drop)
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)  # its warnings quote the query


@dataclass(frozen=True, slots=True)
class Query:
    """A read query.

    Args:
        access: ``read`` for a query that only reads, ``execute`` for one that starts a program, otherwise ``write``.
        tables: named tables, each once, in its order, without quotation marks.
        unread: reasons why there may be more tables, each a sentence without its end; empty if all was read.
    """

    access: Access
    tables: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def read_query(text: str, connector: str = "") -> Query:
    """Read one literal text of SQL, with one or several statements.

    Args:
        text: the query.
        connector: kind of database, as importers name it.
    """
    if len(text) > LONGEST:
        return Query("write", unread=("The query is longer than anybody reads",))
    statements, quoted_calls = _parsed(text, connector)
    tables = [table for statement in statements or () for table in _tables_of(statement)]
    outside, unknown = _calls_of(statements or [], quoted_calls)
    unread = [UNCLEAR] if _is_unclear(text, connector) else []
    unread += [NOT_SQL] if statements is None else filter(None, map(_about_statement, statements))
    unread += [FILLED_IN for name in tables if name is None]
    unread += [ODD_NAME for name in tables if name is not None and not _NAME.fullmatch(name)]
    unread += [f"The query reaches past its tables: {_few_names(outside)}"] if outside else []
    only_read = all(isinstance(each, _READS) and each.find(*_CHANGES) is None for each in statements or ())
    is_read = bool(statements) and only_read and not unread
    unread += [f"The query calls what it does not show: {_few_names(unknown)}"] if unknown else []
    access: Access = "execute" if _RUNS.search(text) else "read" if is_read else "write"
    named = dict.fromkeys(displayed(name, _LONGEST_NAME) for name in tables if name is not None)
    return Query(access, tuple(named), tuple(dict.fromkeys(unread)))


def _is_unclear(text: str, connector: str) -> bool:
    """Whether databases, or two settings of one, may read the text differently."""
    if _UNCLEAR.search(text):
        return True
    if connector == "googleBigQuery" and _TRIPLE.search(text):
        return True
    return connector in _WORDS["without_dollar_quotes"] and _DOLLARS.search(text) is not None


def _parsed(text: str, connector: str) -> tuple[list[exp.Expr] | None, list[str]]:
    """Statements, None if the text was not read, and the quoted names before parentheses."""
    text = _EXPLAINS.sub("", _REPLACES.sub("INSERT INTO", text))
    dialect = Dialect.get_or_raise(_DIALECTS.get(connector, "postgres"))
    try:
        tokens = dialect.tokenize(text)
        statements = dialect.parser().parse(tokens, text)
    except Exception:  # noqa: BLE001  a parser of any text may fail in any way, and its message quotes the query
        return None, []
    calls = [
        token.text
        for token, after in itertools.pairwise(tokens)
        if token.token_type == TokenType.IDENTIFIER and after.token_type == TokenType.L_PAREN
    ]
    return [statement for statement in statements if isinstance(statement, exp.Expr)], calls


def _about_statement(statement: exp.Expr) -> str:
    """Reason for a kind of statement whose tables are not all found; empty for the others."""
    is_known = isinstance(statement, (*_READS, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.TruncateTable))
    if is_known or (isinstance(statement, _OF_TABLES) and statement.args.get("kind") == "TABLE"):
        return ""
    name = statement.name if isinstance(statement, exp.Command) else statement.key
    return f"It has a statement that is not read: {displayed(name.upper(), 40) or 'of another kind'}"


def _tables_of(statement: exp.Expr) -> list[str | None]:
    """Names of the tables of a statement in its order; None for a table that is named at run time."""
    if isinstance(statement, exp.Show):
        parts = [statement.args.get("db"), statement.args.get("target")]
        return [".".join(part.name for part in parts if part)] if parts[1] else []
    tables = [
        table
        for table in statement.find_all(exp.Table)
        if not isinstance(table.this, exp.Func)
        and not isinstance(table.parent, exp.UserDefinedFunction)
        and not _is_common_table(table)
    ]
    return [_table_name(table) for table in sorted(tables, key=_position)]


def _position(table: exp.Table) -> int:
    return int(next((part.meta["start"] for part in table.parts if "start" in part.meta), 0))


def _table_name(table: exp.Table) -> str | None:
    alias = table.args.get("alias")
    behind = [alias.this] if alias is not None and alias.this is not None else []  # `hr.salaries@elsewhere`, `$1:name`
    if not all(isinstance(part, exp.Identifier) for part in (*table.parts, *behind)):
        return None
    names = [f"#{part.name}" if part.args.get("temporary") else part.name for part in table.parts if part.name]
    return (".." if table.catalog and not table.db else ".").join(names)


def _is_common_table(table: exp.Table) -> bool:
    """Whether a table is a common table expression (``WITH``) in scope; the target of a change is a real table."""
    is_target = isinstance(table.parent, (exp.DML, exp.Schema)) and table.arg_key == "this"
    if table.db or is_target:
        return False
    name = _folded(table.this)
    inside: exp.Expr = table
    while (parent := inside.parent) is not None:
        names: Iterable[exp.Expr] = ()
        if isinstance(parent, exp.With):
            before = itertools.takewhile(lambda each, own=inside: each is not own, parent.expressions)  # type: ignore[misc]
            names = [*before, inside] if parent.args.get("recursive") else before
        elif (held := parent.args.get("with_")) is not None and held is not inside:
            names = held.expressions
        if any(_folded(each.args["alias"].this) == name for each in names):
            return True
        inside = parent
    return False


def _folded(name: exp.Expr) -> str:
    return name.name if name.args.get("quoted") else name.name.lower()


def _calls_of(statements: Iterable[exp.Expr], quoted: Iterable[str]) -> tuple[list[str], list[str]]:
    """Called functions that reach past the tables of the query, and those that are not known here."""
    outside: dict[str, None] = {}
    unknown: dict[str, None] = {}
    named = set[str]()
    for statement in statements:
        named |= {name.name for name in statement.find_all(exp.Identifier) if not isinstance(name.parent, exp.Func)}
        for name, is_known in _functions_of(statement):
            if {name.lower(), name.lower().rpartition(".")[2]} & _WORDS["outside"]:
                outside[name] = None
            elif not is_known:
                unknown[name] = None
    unknown |= dict.fromkeys(name for name in quoted if name not in {*named, *outside, *unknown})
    return list(outside), list(unknown)


def _functions_of(statement: exp.Expr) -> Iterator[tuple[str, bool]]:
    """Name of each called function, and whether it only looks at what it is given."""
    for function in statement.find_all(exp.Func):
        is_typed = not isinstance(function, (exp.Anonymous, exp.AnonymousAggFunc))
        name = function.sql_name().lower() if is_typed else function.name
        is_quoted = isinstance(function.this, exp.Identifier) and function.this.quoted and not is_typed
        parent, schema = function.parent, ""
        if isinstance(parent, exp.Dot) and parent.expression is function:
            schema = parent.this.name
        elif isinstance(parent, exp.Table):
            schema = parent.db
        folded = name if is_quoted else name.lower()
        is_known = folded in _WORDS["harmless"] and schema.lower() in ("", "pg_catalog")
        yield f"{schema}.{name}" if schema else name, is_known


def _few_names(names: list[str]) -> str:
    more = len(names) - _FIRST_NAMED
    first = ", ".join(displayed(name, 50) for name in names[:_FIRST_NAMED])
    return f"{first} and {more} more" if more > 0 else first
