"""JavaScript that an export contains: whether it only works on the data that it is given (T1).

Code is plain if it declares every name in it, or the name is on the list of plain names. Any other name makes it opaque. Evaluation
can also be reached through members: ``constructor`` of any function evaluates text. So such members are refused by name. A member
whose name is computed is refused, unless its name is certainly another one, it is only written, or what is read of it becomes a plain
value at once. Then no function can be reached that the text does not show. Nothing is executed, and one pass reads it all.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from inventory.importers.display import vocabulary
from inventory.importers.javascript_tokens import KEYWORDS, Token, Unreadable, matching, tokens

PLAIN = vocabulary(
    """
    undefined NaN Infinity true false null JSON Math Date Object Array String Number Boolean BigInt Map Set WeakMap WeakSet RegExp
    Error TypeError RangeError SyntaxError Promise Intl Buffer URL URLSearchParams TextEncoder TextDecoder Uint8Array ArrayBuffer
    parseInt parseFloat isNaN isFinite encodeURIComponent decodeURIComponent encodeURI decodeURI escape unescape atob btoa
    structuredClone console DateTime Duration Interval
    items item query $ $input $json $binary $node $items $item $now $today $execution $workflow $prevNode $runIndex $itemIndex
    $position $parameter $getWorkflowStaticData getWorkflowStaticData $if $ifEmpty $max $min
    """
)
"""Names of the language and of n8n that neither reach out nor evaluate."""
_REFUSED = {
    "the network": "fetch XMLHttpRequest WebSocket EventSource Request Response Headers navigator $http $request $helpers helpers "
    "importScripts Worker SharedWorker BroadcastChannel MessageChannel MessagePort caches",
    "imports": "require module exports import export __dirname __filename",
    "processes": "process child_process Deno Bun WebAssembly SharedArrayBuffer Atomics gc",
    "global objects": "global globalThis window self GLOBAL root this super arguments",
    "variables of the environment": "$env $secrets",
    "evaluation": "eval Function AsyncFunction GeneratorFunction AsyncGeneratorFunction setTimeout setInterval setImmediate "
    "queueMicrotask Reflect Proxy Symbol WeakRef FinalizationRegistry ShadowRealm with class debugger $evaluateExpression $jmespath",
}
REFUSED = {name: what for what, names in _REFUSED.items() for name in names.split()}
"""Names that no code may have, not even as its own, with what they use."""
MEMBERS = vocabulary(
    """
    constructor prototype __proto__ __defineGetter__ __defineSetter__ __lookupGetter__ __lookupSetter__ caller callee arguments
    getPrototypeOf setPrototypeOf getOwnPropertyDescriptor getOwnPropertyDescriptors getOwnPropertyNames getOwnPropertySymbols
    defineProperty defineProperties prepareStackTrace captureStackTrace getThis getFunction mainModule evaluateExpression
    """
)
"""Members through which evaluation can be reached, whatever they are members of."""
_HANDS_ON = frozenset({"call", "apply", "bind", "valueOf"})
"""Members that call what they are members of, or answer it."""
_LOGS = vocabulary("log info warn error debug table")
_SOMETIMES_NAMES = vocabulary("async await of let static yield")
_LOOKS = vocabulary("=== !== == != < > <= >= + - * / % ** && ? instanceof in ++ -- += -= *= /= %=")
"""What may follow a member that is read so that a plain value comes of it, whatever it was."""
_MAKES_PLAIN = vocabulary("String Number Boolean parseInt parseFloat isNaN isFinite")
_DOTS = frozenset({".", "?."})
_OPENING, _CLOSING = frozenset({"(", "[", "{", "${"}), frozenset({")", "]", "}"})
_ARITHMETIC = frozenset({"-", "*", "/", "%"})
_COMPARES = frozenset({"==", "===", "!=", "!==", "<=", ">="})
_LONGEST_KEY = 60
"""Tokens of a computed name, or of the expression before it, that are looked at."""
COMPUTED = "reads a member whose name is computed"
REACHES = "may reach evaluation through a member"
NOT_KNOWN = "uses a name that is not known here"


def opaque_because(text: str) -> str:
    """Why code can't be judged from its text: what it uses, in words; empty for plain code.

    Args:
        text: the body of a function, as n8n's Code node has it.
    """
    try:
        return next(_Reading(tokens(text)).reasons(), "")
    except Unreadable as error:
        return f"it can't be read for certain: {error}"


class _Reading:
    """The tokens of one text, with what is declared in it."""

    def __init__(self, found: Sequence[Token]) -> None:
        self._found = found
        self._pairs = matching(found)
        self._places: dict[str, list[int]] = {}
        for index, token in enumerate(found):
            if token.kind == "name":
                self._places.setdefault(token.text, []).append(index)
        self._is_target = self._covered(self._targets())
        self._is_pattern = self._covered(itertools.chain(self._targets(), self._parameters()))
        self._set, self._loose = set[str](), set[str]()
        self._declare()
        self._own = self._set | self._loose
        self._written = {name for name in self._set - self._loose if self._is_written_out(name)}

    def reasons(self) -> Iterator[str]:
        """Each reason why it is opaque, in the order of the text."""
        for index, token in enumerate(self._found):
            because = ""
            if token.kind == "name":
                because = self._about_name(index)
            elif token.kind == "string" and token.text in MEMBERS and self._is_key(index):
                because = REACHES
            elif self._mark(index) == "[":
                because = self._about_bracket(index)
            if because:
                yield f"it {because} (line {token.line})"

    def _about_name(self, index: int) -> str:
        name = self._found[index].text
        if name in MEMBERS:
            return REACHES
        if self._is_member(index) or self._is_key(index):
            return ""
        if name in REFUSED:
            return f"uses {REFUSED[name]}"
        if name == "console" and not (self._mark(index + 1) == "." and self._name(index + 2) in _LOGS):
            return NOT_KNOWN
        if name in _SOMETIMES_NAMES:
            return NOT_KNOWN if name in self._own else ""
        if name in KEYWORDS or name in PLAIN or (name in self._own and not name.startswith("$")):
            return ""
        return NOT_KNOWN

    def _about_bracket(self, index: int) -> str:
        """Why a bracket is a reason: it reads a member with a computed name, and anything may come of it."""
        end = self._pairs[index]
        if self._mark(index - 1) in ("{", ",") and self._mark(end + 1) == ":":
            is_read = self._is_pattern[index] and not self._is_certain(index)
            return COMPUTED if is_read else ""
        if not self._is_access(index) or self._is_certain(index):
            return ""
        is_of_its_own = self._name(index - 1) in self._written and not self._is_member(index - 1)
        return "" if is_of_its_own or self._is_written(index) or self._becomes_plain(index) else COMPUTED

    def _is_written_out(self, name: str) -> bool:
        """Whether a constant is an object that the text writes out: a member of it is no way to evaluation, a member of that could be."""
        places = [at for at in self._places[name] if not self._is_member(at)]
        first, *others = [
            at for at in places if self._mark(at + 1).endswith("=") and self._mark(at + 1) not in _COMPARES
        ]
        if others or self._name(first - 1) != "const" or self._is_member(first - 1) or self._mark(first + 2) != "{":
            return False
        if any(self._is_target[at] or self._name(at + 1) == "of" for at in places):
            return False
        after = self._pairs[first + 2] + 1
        return self._mark(after) == ";" or bool(self._name(after))

    def _is_access(self, index: int) -> bool:
        """Whether a bracket names a member, rather than opening a list."""
        if index == 0:
            return False
        last = self._found[index - 1]
        if last.kind == "name":
            return last.text not in KEYWORDS or self._is_member(index - 1)
        return last.kind != "mark" or last.text in (")", "]", "}", "`", "?.")

    def _is_certain(self, index: int) -> bool:
        """Whether a computed name is certainly none of `MEMBERS`."""
        begin, end = index + 1, self._pairs[index]
        if end - begin > _LONGEST_KEY:
            return False
        inside = self._found[begin:end]
        if len(inside) == 1:
            one = inside[0]
            if one.kind == "name":
                return self._only_counts(one.text)
            return one.kind in ("number", "string")  # a text among `MEMBERS` is a reason by itself
        if inside and self._mark(begin) == "`" and self._mark(end - 1) == "`":
            first, last = inside[1].text, inside[-2].text
            is_one = sum(token.kind == "mark" and token.text == "`" for token in inside) == 2
            return is_one and not any(name.startswith(first) and name.endswith(last) for name in MEMBERS)
        return bool(inside) and self._is_number(inside)

    def _is_number(self, inside: Sequence[Token]) -> bool:
        """Whether a number comes of it: it only calculates, or is a function of Math; or its text ends with a number that is added."""
        if any(token.kind == "name" and token.text in KEYWORDS for token in inside):
            return False
        marks, depth = set[str](), 0
        for token in (token for token in inside if token.kind == "mark"):
            depth -= token.text in _CLOSING
            if depth == 0 and token.text not in _CLOSING | _OPENING:
                marks.add(token.text)
            depth += token.text in _OPENING
        if marks - _DOTS == set():
            is_call = len(inside) > 4 and [one.text for one in inside[1:4:2]] == [".", "("]
            return is_call and inside[0].text == "Math" and self._is_last_bracket(inside) and self._is_math_itself()
        adds = inside[-2].kind == "mark" and inside[-2].text == "+" and inside[-1].kind == "number"
        return marks <= _DOTS | _ARITHMETIC or (adds and marks <= _DOTS | _ARITHMETIC | {"+"})

    def _is_last_bracket(self, inside: Sequence[Token]) -> bool:
        """Whether the fourth token is a bracket that the last one closes."""
        depth = 0
        for token in inside[3:-1]:
            depth += (token.kind == "mark") * ((token.text in _OPENING) - (token.text in _CLOSING))
            if depth == 0:
                return False
        return inside[-1].text == ")"

    def _is_math_itself(self) -> bool:
        """Whether nobody gave Math another function: each place only calls one."""
        return all(self._mark(at + 1) == "." and self._mark(at + 3) == "(" for at in self._places["Math"])

    def _is_written(self, index: int) -> bool:
        return self._mark(self._pairs[index] + 1) == "=" or self._before(index) == "delete"

    def _becomes_plain(self, index: int) -> bool:
        """Whether what is read becomes a plain value at once, or one of its members with a certain name is used."""
        after = self._pairs[index] + 1
        if self._mark(after) in _DOTS:
            name = self._name(after + 1)
            return bool(name) and name not in _HANDS_ON
        if self._mark(after) in _LOOKS or self._name(after) in _LOOKS:
            return True
        if self._mark(after) in ("(", "[", "`"):
            return False
        start = self._start_of(index)
        if start < 0:
            return False
        if self._mark(after) == "}" and self._mark(start - 1) == "${":
            return True
        if self._mark(start - 1) == "!" or self._name(start - 1) == "typeof":
            return True
        after += 2 * (self._mark(after) in ("||", "??") and self._kind(after + 1) in ("number", "string"))
        if self._mark(after) != ")" or self._mark(start - 1) != "(":
            return False
        if not self._is_access(start - 1):
            return self._mark(after + 1) in _LOOKS or self._name(start - 2) in ("if", "while")
        return self._name(start - 2) in _MAKES_PLAIN - self._own and not self._is_member(start - 2)

    def _before(self, index: int) -> str:
        start = self._start_of(index)
        return self._name(start - 1) if start >= 0 else ""

    def _start_of(self, index: int) -> int:
        """Where the expression begins whose member a bracket names: names, members and calls in a row; -1 where it is too long."""
        at = index
        for _ in range(_LONGEST_KEY):
            last = self._mark(at - 1)
            if last in (")", "]"):
                at = self._pairs[at - 1]
                if self._mark(at) == "(" and not self._is_access(at):
                    return at
            elif last in _DOTS:
                at -= 1
            elif self._name(at - 1) and (self._name(at - 1) not in KEYWORDS or self._is_member(at - 1)):
                at -= 1
                if not self._is_member(at):
                    return at
            else:
                return at
        return -1

    def _only_counts(self, name: str) -> bool:
        """Whether a variable is only ever set to numbers and counted up or down."""
        if name not in self._set or name in self._loose:
            return False
        for index in self._places[name]:
            if self._is_member(index):
                continue
            after = self._mark(index + 1)
            is_set = after.endswith("=") and after not in _COMPARES
            if self._is_target[index] or self._name(index + 1) in ("of", "in"):
                return False
            if is_set and not (self._kind(index + 2) == "number" and self._mark(index + 3) in (";", ",", ")")):
                return False
        return True

    def _targets(self) -> Iterator[tuple[int, int]]:
        """Brackets that something is taken apart into: before ``=``, ``of`` and ``in``."""
        for begin, end in self._pairs.items():
            is_before = self._mark(end + 1) == "=" or self._name(end + 1) in ("of", "in")
            if begin < end and is_before and self._mark(begin) in ("[", "{"):
                yield begin, end

    def _parameters(self) -> Iterator[tuple[int, int]]:
        """Parentheses that may hold parameters: before ``=>`` and ``{``."""
        for begin, end in self._pairs.items():
            if begin < end and self._mark(begin) == "(" and self._mark(end + 1) in ("=>", "{"):
                yield begin, end

    def _covered(self, ranges: Iterator[tuple[int, int]]) -> list[bool]:
        """For each token whether it stands in one of the ranges."""
        steps = [0] * (len(self._found) + 1)
        for begin, end in ranges:
            steps[begin] += 1
            steps[end] -= 1
        return [depth > 0 for depth in itertools.accumulate(steps)]

    def _declare(self) -> None:
        """Collect the names that the text declares: those that are set where they stand, and all others."""
        ranges: list[tuple[int, int]] = []
        for index, token in enumerate(self._found):
            if self._mark(index) == "=>":
                self._loose.add(self._name(index - 1))
                ranges += [(self._pairs[index - 1], index)] if self._mark(index - 1) == ")" else []
            elif token.kind != "name" or self._is_member(index):
                continue
            elif token.text in ("const", "let", "var"):
                ranges += self._declared_after(index + 1)
            elif token.text == "function":
                ranges += self._named_and_given(index + 1)
            elif self._is_method(index) or token.text == "catch":
                ranges += [(index + 1, self._pairs[index + 1])] if self._mark(index + 1) == "(" else []
            elif self._mark(index + 1) == "=":
                self._set.add(token.text)
        for index, is_declared in enumerate(self._covered(iter(ranges))):
            if is_declared and self._name(index) and not self._is_member(index) and self._mark(index - 1) != "=":
                self._loose.add(self._name(index))

    def _is_method(self, index: int) -> bool:
        """Whether a name is that of a function that an object is written with."""
        begins = self._mark(index - 1) in ("{", ",") or self._name(index - 1) in ("async", "get", "set")
        return (
            begins
            and self._name(index) not in KEYWORDS
            and self._mark(index + 1) == "("
            and self._mark(self._pairs[index + 1] + 1) == "{"
        )

    def _declared_after(self, at: int) -> Iterator[tuple[int, int]]:
        """Where the names stand after ``const``, ``let`` or ``var``, up to the end of the statement."""
        is_first = True
        while at < len(self._found):
            mark, name = self._mark(at), self._name(at)
            if is_first and name and self._mark(at + 1) == "=":
                self._set.add(name)
            elif is_first and (name or mark in ("{", "[")):
                yield at, self._pairs.get(at, at) + 1
            if mark in _OPENING:
                at = self._pairs[at]
            elif mark == ";" or mark in _CLOSING or name in ("const", "let", "var"):
                return
            is_first = mark == ","
            at += 1

    def _named_and_given(self, at: int) -> Iterator[tuple[int, int]]:
        """Where the names stand after ``function``: its own and its parameters."""
        at += self._mark(at) == "*"
        if self._name(at):
            yield at, at + 1
            at += 1
        if self._mark(at) == "(":
            yield at, self._pairs[at]

    def _is_member(self, index: int) -> bool:
        return self._mark(index - 1) in _DOTS

    def _is_key(self, index: int) -> bool:
        """Whether a name or a text names a member: before a colon in an object, or a text alone between brackets."""
        if self._mark(index - 1) in ("{", ",") and self._mark(index + 1) == ":":
            return True
        return self._kind(index) == "string" and self._mark(index - 1) == "[" and self._mark(index + 1) == "]"

    def _kind(self, index: int) -> str:
        return self._found[index].kind if 0 <= index < len(self._found) else ""

    def _mark(self, index: int) -> str:
        return self._found[index].text if self._kind(index) == "mark" else ""

    def _name(self, index: int) -> str:
        return self._found[index].text if self._kind(index) == "name" else ""
