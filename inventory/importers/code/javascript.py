"""Decide whether JavaScript of an export only processes its input data (T1).

No function and no prototype becomes a value by a hidden name, and no visible name evaluates code.

Code is plain if it declares each of its names, or the name is on the list of plain names. Any other name makes it
opaque. Members can also evaluate: ``constructor`` of any function evaluates text. So such members are refused by name.
A value behind a computed name must become a plain value at once, be set, or have a listed method called. Built-in
functions are called and never values, since some return their owner. Dates: see `javascript_dates`. Nothing is
executed, and one pass reads it all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inventory.importers.code.javascript_dates import dates_in, ends_plain
from inventory.importers.code.javascript_names import (
    DATES,
    FUNCTIONS,
    LOGS,
    MATH,
    MEMBERS,
    METHODS,
    PLAIN,
    RECEIVERS,
    REFUSED,
    REFUSED_MEMBERS,
    STATIC,
    VALUES,
)
from inventory.importers.code.javascript_structure import CLOSING, DOTS, LONGEST_KEY, OPENING, Text
from inventory.importers.code.javascript_tokens import KEYWORDS, Token, Unreadable, tokens
from inventory.importers.display import vocabulary

_SOMETIMES_NAMES = vocabulary("async await of let static yield")
_LOOKS = vocabulary("=== !== == != < > <= >= + - * / % ** && ? instanceof in ++ -- += -= *= /= %=")
"""What may follow a member that is read so that a plain value comes of it, whatever it was."""
_LOOKS_BEFORE = vocabulary("=== !== == != < > <= >= + - * / % ! in instanceof typeof void")
"""What may stand before it, for the same."""
_MAKES_PLAIN = vocabulary("String Number Boolean parseInt parseFloat isNaN isFinite")
_ARITHMETIC = frozenset({"-", "*", "/", "%"})
_NOT_CALLABLE = frozenset().union(MEMBERS, REFUSED_MEMBERS, RECEIVERS)
COMPUTED = "reads a member whose name is computed"
REACHES = "may reach evaluation through a member"
NOT_KNOWN = "uses a name that is not known here"
BUILT_IN = "takes or replaces a built-in function"
TEMPLATE = "hands a template to a function"
DATE = "hands a date on"


def opaque_because(text: str) -> str:
    """Reason why code can't be judged from its text; empty for plain code.

    Args:
        text: the body of a function, as in n8n's Code node.
    """
    try:
        return next(_Reading(tokens(text)).reasons(), "")
    except Unreadable as error:
        return f"it can't be read for certain: {error}"


class _Reading(Text):
    """Tokens of one text, judged."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__(tokens)
        self._dates = dates_in(self)

    def reasons(self) -> Iterator[str]:
        """Reasons for opaque code, in the order of the text."""
        for index, token in enumerate(self.found):
            because = ""
            if token.kind == "name":
                because = self._about_name(index)
            elif token.kind == "string":
                because = self._about_string(index)
            elif self.mark(index) == "[":
                because = self._about_bracket(index)
            elif index in self.templates and self._is_tagged(index):
                because = TEMPLATE
            if because:
                yield f"it {because} (line {token.line})"

    def _about_name(self, index: int) -> str:
        name = self.found[index].text
        if name in MEMBERS:
            return REACHES
        if name in RECEIVERS and self.is_pattern_key(index):
            return BUILT_IN
        if self.is_member(index) or self.is_key(index):
            if name in REFUSED_MEMBERS:
                return f"uses {REFUSED_MEMBERS[name]}"
            return BUILT_IN if name in RECEIVERS and not self._is_used_as_member(index, index) else ""
        if name in REFUSED:
            return f"uses {REFUSED[name]}"
        if name in DATES or name in self._dates:
            return "" if self._is_date_used(index) else DATE
        if name in STATIC or name in VALUES:
            return "" if self._is_built_in_used(index) else BUILT_IN
        if name == "console" and not (self.mark(index + 1) == "." and self.name(index + 2) in LOGS):
            return NOT_KNOWN
        if name in _SOMETIMES_NAMES:
            return NOT_KNOWN if name in self.own else ""
        if name in KEYWORDS or name in PLAIN or (name in self.own and not name.startswith("$")):
            return ""
        return NOT_KNOWN

    def _about_string(self, index: int) -> str:
        """Reason of a text that names a member."""
        name = self.found[index].text
        if name in RECEIVERS and self.is_pattern_key(index):
            return BUILT_IN
        if name not in _NOT_CALLABLE or not self.is_key(index):
            return ""
        if name in MEMBERS:
            return REACHES
        is_list = self.mark(index - 1) == "[" and not self.is_access(index - 1) and self.mark(index + 2) != ":"
        if is_list:
            return ""
        if name in REFUSED_MEMBERS:
            return f"uses {REFUSED_MEMBERS[name]}"
        is_read = self.mark(index - 1) == "[" and self.is_access(index - 1)
        return BUILT_IN if is_read and not self._is_used_as_member(index - 1, index + 1) else ""

    def _about_bracket(self, index: int) -> str:
        """Reason of a bracket that reads a member with a computed name: the value may be anything."""
        end = self.pairs[index]
        if self.mark(index - 1) in ("{", ",") and self.mark(end + 1) == ":":
            is_read = self.is_pattern[index] and not self._is_certain(index)
            return COMPUTED if is_read else ""
        if not self.is_access(index) or self._is_certain(index):
            return ""
        return "" if self._is_written(index) or self._becomes_plain(self.start_of(index), end + 1) else COMPUTED

    def _is_tagged(self, index: int) -> bool:
        """Whether a function receives a template. `String.raw` does not count: it returns the text."""
        if self.name(index - 1):
            is_raw = (
                self.name(index - 1) == "raw" and self.name(index - 3) == "String" and not self.is_member(index - 3)
            )
            return not is_raw and (self.is_member(index - 1) or self.name(index - 1) not in KEYWORDS)
        return self.kind(index - 1) in ("string", "number", "regex") or self.mark(index - 1) in (")", "]", "}", "`")

    def _is_used_as_member(self, at: int, last: int) -> bool:
        """Whether a method is called at its name, a member is set, or a read value becomes plain at once.

        Args:
            at: its name, or the bracket around it.
            last: its last token.
        """
        after = self.mark(last + 1)
        if after == "?.":
            after = self.mark(last + 2)
        is_called = after == "(" or (after == "=" and not self.is_target[at])
        return is_called or self._becomes_plain(self.start_of(at), last + 1)

    def _is_built_in_used(self, index: int) -> bool:
        """Whether a built-in object is used only by a call of one of its listed functions."""
        name = self.found[index].text
        if name in self.own:
            return False
        if self.mark(index + 1) == ".":
            member, after = self.name(index + 2), self.mark(index + 3)
            if member in VALUES.get(name, ()) or member in MEMBERS:  # each of those is a reason by itself
                return True
            return member in STATIC.get(name, ()) and (after == "(" or (member == "raw" and after == "`"))
        if name not in STATIC:
            return False
        if self.mark(index + 1) == "(" or self.name(index - 1) in ("new", "instanceof", "typeof"):
            return True
        is_argument = self.mark(index - 1) in ("(", ",") and self.mark(index + 1) in (")", ",")
        around = self.opening_around(index)
        is_argument = is_argument and self.mark(around) == "(" and self.is_access(around)
        return name in FUNCTIONS and is_argument and not self.is_pattern[index]

    def _is_date_used(self, index: int) -> bool:
        """Whether a date stays in its row of calls, in a name of its own, or in another date's row."""
        if self.name(index - 1) in ("instanceof", "typeof") and self.mark(index + 1) not in DOTS | {"(", "["}:
            return True
        if self._dates.get(self.found[index].text, (0, 0))[0] == index + 2:
            return True
        end = ends_plain(self, index)
        if end <= 0:
            return end == 0
        if self._dates.get(self.name(index - 2)) == (index, end):
            return True
        around = self.opening_around(index)
        is_argument = self.mark(index - 1) in ("(", ",") and self.mark(end + 1) in (")", ",")
        if is_argument and self.mark(around) == "(" and self.is_member(around - 1):
            root = self.name(self.start_of(around))
            return root in DATES or root in self._dates
        return self._becomes_plain(index, end + 1)

    def _is_certain(self, index: int) -> bool:
        """Whether a computed name is certainly not a refused one."""
        begin, end = index + 1, self.pairs[index]
        if end - begin > LONGEST_KEY:
            return False
        inside = self.found[begin:end]
        if len(inside) == 1:
            token = inside[0]
            if token.kind == "name":
                return self.only_counts(token.text)
            return token.kind in ("number", "string")  # a refused text is a reason by itself
        if inside and self.mark(begin) == "`" and self.mark(end - 1) == "`":
            first, last = inside[1].text, inside[-2].text
            is_single = sum(token.kind == "mark" and token.text == "`" for token in inside) == 2
            return is_single and not any(name.startswith(first) and name.endswith(last) for name in _NOT_CALLABLE)
        return bool(inside) and self._is_number(inside)

    def _is_number(self, inside: Sequence[Token]) -> bool:
        """Whether the result is a number: arithmetic, a function of Math, or a text that ends with an added number."""
        if any(token.kind == "name" and token.text in KEYWORDS for token in inside):
            return False
        marks, depth = set[str](), 0
        for token in (token for token in inside if token.kind == "mark"):
            depth -= token.text in CLOSING
            if depth == 0 and token.text not in CLOSING | OPENING:
                marks.add(token.text)
            depth += token.text in OPENING
        if marks - DOTS == set():
            is_call = len(inside) > 4 and [token.text for token in inside[:4:2]] == ["Math", inside[2].text]
            is_call = is_call and [token.text for token in inside[1:4:2]] == [".", "("] and inside[2].text in MATH
            return is_call and self._is_last_bracket(inside)
        adds = inside[-2].kind == "mark" and inside[-2].text == "+" and inside[-1].kind == "number"
        return marks <= DOTS | _ARITHMETIC or (adds and marks <= DOTS | _ARITHMETIC | {"+"})

    def _is_last_bracket(self, inside: Sequence[Token]) -> bool:
        """Whether the fourth token is a bracket that the last one closes."""
        depth = 0
        for token in inside[3:-1]:
            depth += (token.kind == "mark") * ((token.text in OPENING) - (token.text in CLOSING))
            if depth == 0:
                return False
        return inside[-1].text == ")"

    def _is_written(self, index: int) -> bool:
        after = self.mark(self.pairs[index] + 1)
        if after == "=":
            return True
        start = self.start_of(index)
        return start >= 0 and self.name(start - 1) == "delete" and after not in DOTS | {"(", "[", "`"}

    def _becomes_plain(self, start: int, after: int) -> bool:
        """Whether a read value becomes plain at once, or only a harmless member of it is used.

        Args:
            start: begin of the expression, -1 if it is too far away.
            after: the token that follows it.
        """
        mark = self.mark(after)
        if mark in DOTS:
            return self._is_harmless_member(after + 1)
        if mark in ("(", "[", "`"):
            return False
        if mark in ("++", "--"):
            return not self.is_on_next_line(after)
        if mark in _LOOKS or self.name(after) in _LOOKS:
            return True
        if start < 0:
            return False
        if mark == "}" and self.mark(start - 1) == "${":
            return True
        before = self.mark(start - 1) or self.name(start - 1)
        if before in _LOOKS_BEFORE and not (before == "*" and self.name(start - 2) in ("yield", "function")):
            return not mark.endswith("=")
        after += 2 * (mark in ("||", "??") and self.kind(after + 1) in ("number", "string"))
        if self.mark(after) != ")" or self.mark(start - 1) != "(":
            return False
        if not self.is_access(start - 1):
            return self.mark(after + 1) in _LOOKS - {"++", "--"} or self.name(start - 2) in ("if", "while", "switch")
        return self.name(start - 2) in _MAKES_PLAIN and not self.is_member(start - 2)

    def _is_harmless_member(self, at: int) -> bool:
        """Whether a member of an arbitrary object is only read, counted up, or called as a listed method."""
        name = self.name(at)
        after = self.mark(at + 1)
        if not name or after == "(" or name in MEMBERS:  # each of those is a reason by itself
            return name in METHODS | MEMBERS
        if after == "`" or (after == "?." and self.mark(at + 2) in ("(", "`")) or self.is_target[at]:
            return False
        behind = self.last_parenthesis(at) + 1
        after = self.mark(behind)
        is_called = behind > at + 1 and (
            after in ("(", "`", ")") or (after == "?." and self.mark(behind + 1) in ("(", "`"))
        )
        is_set = self.name(behind) == "of" or (after.endswith("=") and after not in _LOOKS)
        return not is_called and not is_set
