"""Tables of a literal query with its access, and the parts that could not be read (I8).

No SQL parser: it follows the words that precede tables, and errs in one direction. An unknown part adds a table or
marks the query as not fully read; it never removes a table. The caller knows whether a query is literal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from inventory.importers.code import sql_keywords as words
from inventory.importers.code.sql_tokens import Token, tokens_of
from inventory.importers.display import displayed
from inventory.importers.manifest import Access

LONGEST = 20_000
"""Characters beyond which nobody reads a query."""
_FIRST_NAMED = 6
_LONGEST_NAME = 120
#: Separator of names, and the placeholder for a value chosen at run time.
_ODD = frozenset(",{}…")


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
    tokens, is_clear = tokens_of(text, connector)
    reader = _Reader(tokens)
    reader.read()
    if not is_clear:
        reader.unread.insert(0, "Where a text or a comment of the query ends depends on the database")
    tables = tuple(dict.fromkeys(reader.tables))
    if any(len(name) > _LONGEST_NAME or _ODD & set(name) for name in tables):
        reader.unread.append("A table has a name that was not understood")
    elsewhere = tuple(dict.fromkeys(reader.outside))
    if elsewhere:
        reader.unread.append(f"The query reaches past its tables: {_tables_text(elsewhere)}")
    if unknown := tuple(dict.fromkeys(reader.unknown)):
        reader.unread.append(f"The query calls what it does not show: {_tables_text(unknown)}")
    is_read = reader.is_read and is_clear and not elsewhere
    access: Access = "execute" if reader.runs else "read" if is_read else "write"
    return Query(access, tuple(displayed(name, _LONGEST_NAME) for name in tables), tuple(dict.fromkeys(reader.unread)))


def _tables_text(names: tuple[str, ...]) -> str:
    more = len(names) - _FIRST_NAMED
    first = ", ".join(displayed(name, 50) for name in names[:_FIRST_NAMED])
    return f"{first} and {more} more" if more > 0 else first


@dataclass(slots=True)
class _Level:
    """Content of one pair of parentheses, or one statement outside of them."""

    called: str = ""  # function before the parentheses
    expects: bool = False  # a table's name comes next
    behind: str = ""  # word before the table
    is_list: bool = False  # a comma is followed by another table
    joined: bool = False  # USING names columns
    selects: bool = False
    is_with: bool = False  # names of common table expressions stand here
    recursive: bool = False
    pending: str = ""  # the expression whose body this is: it counts once it ends
    names: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Reader:
    """Reads the words once."""

    tokens: list[Token]
    at: int = 0
    levels: list[_Level] = field(default_factory=lambda: [_Level()])
    tables: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    is_read: bool = True
    runs: bool = False
    verb: str = ""
    begins: bool = True

    def read(self) -> None:
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.kind == "sign":
                self._sign(token.text)
                self.at += 1
            elif token.is_name:
                self._name()
            else:
                self._filled_in()
                self.begins = False
                self.at += 1
        if len(self.levels) > 1:
            self.unread.append("Its parentheses don't match")
        self.is_read = self.is_read and bool(self.verb)

    @property
    def _level(self) -> _Level:
        return self.levels[-1]

    def _word(self, steps: int) -> str:
        """Word at this distance; empty for anything else."""
        at = self.at + steps
        return self.tokens[at].word if 0 <= at < len(self.tokens) else ""

    def _is_sign(self, at: int, sign: str) -> bool:
        return at < len(self.tokens) and self.tokens[at].kind == "sign" and self.tokens[at].text == sign

    # --- signs ---

    def _sign(self, sign: str) -> None:
        level = self._level
        match sign:
            case "(":
                within = _Level(expects=level.expects, is_list=level.expects)
                level.expects = False
                self.levels.append(within)
            case ")" if len(self.levels) > 1:
                ended = self.levels.pop()
                if ended.pending:
                    self._level.names.add(ended.pending)
            case ")":
                self.unread.append("Its parentheses don't match")
            case ";":
                if len(self.levels) > 1:
                    self.unread.append("Its parentheses don't match")
                self.levels, self.begins = [_Level()], True
            case ",":
                level.expects = level.expects or level.is_list
            case _ if level.expects:
                self.unread.append("A table is named in a way that was not understood")
                level.expects = False

    def _filled_in(self) -> None:
        """A text, a number or a parameter."""
        if self._level.expects:
            self.unread.append("A table is named by a text or by what is filled in")
            self._level.expects = False

    # --- words and names ---

    def _name(self) -> None:
        token, level = self.tokens[self.at], self._level
        if self._begins_cte():
            return
        if self.begins:
            self._statement(token.word)
        if token.word and not self._is_sign(self.at + 1, "."):
            self._does(token.word)
            if self._keyword(token.word):
                self.at += 1
                return
        name, end, is_whole = self._whole_name()
        if not is_whole:
            self.unread.append("A name was not understood")
        is_call = self._is_sign(end, "(")
        if level.expects and not (is_call and level.behind not in words.ADDED_TO):
            self._table(name, token)
            if end < len(self.tokens) and self.tokens[end].joins and self.tokens[end].text.startswith("@"):
                self.unread.append("A table is reached through another database")
        elif is_call and not (token.word in words.NO_CALL and name == token.text) and self._word(-1) != "as":
            is_quoted = any(token.kind == "name" for token in self.tokens[self.at : end])
            self._call(name, name if is_quoted else name.lower())
        level.expects = False
        if is_call:
            self._sign("(")
            self._level.called = name.lower()
            end += 1
        self.at = end

    def _does(self, word: str) -> None:
        if word in words.CHANGES and not self._is_function(word) and not (self.verb == "show" and word == "create"):
            self.is_read = False
        if word in words.FILES:
            self.outside.append(word)
        self.runs = self.runs or word in words.RUNS or (word == "program" and self.verb == "copy")

    def _statement(self, word: str) -> None:
        self.begins, self.verb = False, word or "?"
        if word not in words.READS:
            self.is_read = False
        is_read = word in words.UNDERSTOOD and (word not in words.DEFINES or "table" in map(self._word, range(1, 5)))
        if not is_read:
            self.unread.append(
                f"It has a statement that is not read: {displayed(word.upper(), 40) or 'of another kind'}"
            )

    def _is_function(self, word: str) -> bool:
        return word in words.ALSO_CALLED and self._is_sign(self.at + 1, "(")

    def _keyword(self, word: str) -> bool:
        """Whether a word is a keyword, and its effect."""
        level = self._level
        if word in words.BEGINS_QUERY:
            level.is_with = False
        if level.expects and word in words.PASSED_OVER:
            return True
        if word == self.verb and word in words.DESCRIBES:
            self._expect(word)
            return True
        if word == "from":
            is_own = level.called in words.TAKES_FROM and not level.selects
            if not is_own and not self._is_distinct_from():
                self._expect("from")
            return True
        if word == "using":
            if not (level.joined and self._is_sign(self.at + 1, "(")) and not level.called:
                self._expect("using")
            level.joined = False
            return True
        if word in words.JOINED:
            self._expect(word)
            level.joined = True
            return True
        if word in words.ADDED_TO and not self._is_function(word):
            if self._word(-1) not in words.NO_TABLE_BEHIND.get(word, ()):
                self._expect(word)
            return True
        if word == "with":
            level.is_with = not self._is_sign(self.at + 1, "(")
            level.expects = False
            return True
        if word == "recursive" and level.is_with:
            level.recursive = True
            return True
        if word in words.ENDS_LIST:
            level.is_list = level.expects = False
            level.selects = level.selects or word == "select"
            return True
        if level.expects and word in words.NO_TABLE:
            level.expects = False
            return True
        return False

    def _expect(self, word: str) -> None:
        level = self._level
        level.expects, level.behind = True, word
        level.is_list = level.is_list or word in words.LISTED

    def _is_distinct_from(self) -> bool:
        return self._word(-1) == "distinct" and self._word(-2) in ("is", "not")

    def _whole_name(self) -> tuple[str, int, bool]:
        """Qualified name, its end, and whether all of it is a name."""
        parts, end = [self.tokens[self.at].text], self.at + 1
        while True:
            if self._is_sign(end, "."):
                while self._is_sign(end, "."):
                    parts.append(".")
                    end += 1
                if end >= len(self.tokens) or not self.tokens[end].is_name:
                    return "".join(parts), end, self._is_sign(end, "*") and not self._level.expects
            elif not (self._level.expects and self._is_dashed(end)):
                return "".join(parts), end, True
            else:
                parts.append("-")
                end += 1
            parts.append(self.tokens[end].text)
            end += 1

    def _is_dashed(self, at: int) -> bool:
        """Whether a dash is part of a table's name, as in BigQuery without quotation marks."""
        return (
            self._is_sign(at, "-")
            and self.tokens[at].joins
            and at + 1 < len(self.tokens)
            and self.tokens[at + 1].joins
            and self.tokens[at + 1].is_name
        )

    def _table(self, name: str, token: Token) -> None:
        bare = name == token.text
        folded = name.lower() if token.kind == "word" else name
        if not (bare and any(folded in level.names for level in self.levels)):
            self.tables.append(name)

    def _call(self, name: str, folded: str) -> None:
        if {name.lower(), name.lower().rpartition(".")[2]} & words.OUTSIDE:
            self.outside.append(name)
        elif folded.removeprefix("pg_catalog.") not in words.HARMLESS:
            self.unknown.append(name)

    def _begins_cte(self) -> bool:
        """Skip the name of a common table expression up to its body; it is no table from there on."""
        level, at = self._level, self.at
        if not level.is_with or self._word(0) == "recursive":
            return False
        token, end = self.tokens[at], at + 1
        if self._is_sign(end, "("):
            while end < len(self.tokens) and not self._is_sign(end, ")"):
                end += 1
            end += 1
        if end >= len(self.tokens) or self.tokens[end].word != "as":
            return False
        end += 1
        while end < len(self.tokens) and self.tokens[end].word in ("not", "materialized"):
            end += 1
        if not self._is_sign(end, "("):
            return False
        name = token.text.lower() if token.kind == "word" else token.text
        if level.recursive:
            level.names.add(name)
        self.levels.append(_Level(pending=name))
        self.at = end + 1
        return True
