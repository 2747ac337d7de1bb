"""Decide whether JavaScript of an export only processes its input data (T1).

No function and no prototype becomes a value by a hidden name, and no visible name evaluates code.

Code is plain if it declares each of its names, or the name is on the list of plain names. Any other name makes it
opaque. Members can also evaluate: ``constructor`` of any function evaluates text. So such members are refused by name.
A value behind a computed name must become a plain value at once, be set, or have a listed method called. Built-in
functions are called and never values, since some return their owner. n8n's library for dates reads members by given
names, so a date stays in a row of listed calls, or has a name whose every use does. Nothing is executed.
"""

from collections.abc import Iterator, Mapping

from inventory.importers.code.javascript_tree import Node, Unreadable, is_slash_unclear, nodes_of, unescaped
from inventory.importers.facts import facts, word_lists

_WORDS, _TABLES = word_lists("javascript"), facts("javascript")
MEMBERS, RECEIVERS, _FUNCTIONS = _WORDS["members"], _WORDS["receivers"], _WORDS["functions"]


def _members(table: str) -> dict[str, frozenset[str]]:
    return {name: frozenset(members.split()) for name, members in _TABLES[table].items()}


_DATES, _VALUES = _members("dates"), _members("values")
_STATIC = dict.fromkeys(_FUNCTIONS | _WORDS["without"], frozenset[str]()) | _members("static")
#: Names that no code may have, not even as its own, with what they use.
REFUSED: Mapping[str, str] = {name: reason for reason, names in _TABLES["refused"].items() for name in names.split()}
#: Names of n8n that no member may have either, with what they use.
REFUSED_MEMBERS = {name: reason for name, reason in REFUSED.items() if name.startswith("$")} | dict.fromkeys(
    _WORDS["requests"], REFUSED["fetch"]
)
_NOT_CALLABLE = MEMBERS | RECEIVERS | REFUSED_MEMBERS.keys()
_NAMES = _WORDS["names"]
_IDENTIFIERS = _NAMES | {"property_identifier", "statement_identifier"}
COMPUTED = "reads a member whose name is computed"
REACHES = "may reach evaluation through a member"
NOT_KNOWN = "uses a name that is not known here"
BUILT_IN = "takes or replaces a built-in function"
TEMPLATE = "hands a template to a function"
DATE = "hands a date on"
UNUSUAL = "does what is not known here"


def opaque_because(text: str) -> str:
    """Reason why code can't be judged from its text; empty for plain code.

    Args:
        text: the body of a function, as in n8n's Code node.
    """
    try:
        reasons = list(_Reading(nodes_of(text)).reasons())
    except Unreadable as error:
        return f"it can't be read for certain: {error}"
    if not reasons:
        return ""
    place, because = min(reasons, key=lambda reason: reason[0].begin)
    return f"it {because} (line {place.line})"


class _Reading:
    """Parts of one text, judged."""

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = nodes
        self._places: dict[str, list[Node]] = {}
        for node in nodes:
            if node.kind in _NAMES:
                self._places.setdefault(node.text, []).append(node)
        self._own = {name for name, places in self._places.items() if any(map(_is_declared, places))}
        self._counters: dict[str, bool] = {}
        self._dates: dict[str, Node] = {}
        for node in nodes:
            if node.kind == "variable_declarator":
                self._declare_date(node)

    def reasons(self) -> Iterator[tuple[Node, str]]:
        """Reasons for opaque code, each with its place."""
        for node in self._nodes:
            place, because = node, ""
            if node.kind == "regex" or (node.role == "operator" and node.text in ("/", "/=")):
                if is_slash_unclear(node):
                    raise Unreadable("a slash can be read in two ways")
            elif node.kind in _TABLES["refused_kinds"]:
                because = f"uses {_TABLES['refused_kinds'][node.kind]}"
            elif node.kind not in _WORDS["kinds"] and node.role not in ("operator", "kind"):
                because = UNUSUAL
            elif node.kind in _IDENTIFIERS and "\\" in node.text:
                raise Unreadable("a name has an escape")
            elif node.kind in _NAMES:
                because = self._about_name(node)
            elif node.kind == "property_identifier":
                because = self._about_member(node, node.text)
            elif node.kind == "string" and (
                node.role in ("key", "index", "name") or node.parent_kind == "computed_property_name"
            ):
                because = self._about_member(node, node.value)
            elif node.kind == "subscript_expression":
                place, because = node.children[-1], self._about_subscript(node)
            elif node.kind == "computed_property_name" and node.parent_kind == "pair_pattern":
                because = "" if self._is_certain(node.children[0]) else COMPUTED
            elif node.kind == "template_string" and node.holder("call_expression", "arguments"):
                because = "" if self._is_raw(node) else TEMPLATE
            if because:
                yield place, because

    def _about_name(self, node: Node) -> str:
        name = node.text
        if name in MEMBERS:
            return REACHES
        if node.kind == "shorthand_property_identifier_pattern" and name in RECEIVERS:
            return BUILT_IN
        if name in REFUSED:
            return f"uses {REFUSED[name]}"
        if name in _DATES or name in self._dates:
            return "" if self._is_date_used(node) else DATE
        if name in _STATIC or name in _VALUES:
            return "" if self._is_built_in_used(node) else BUILT_IN
        if name == "console":
            member = node.holder("member_expression", "object")
            return "" if member is not None and member.text_of("property") in _WORDS["logs"] else NOT_KNOWN
        is_known = name in _WORDS["plain"] or (name in self._own and not name.startswith("$"))
        return "" if is_known and name not in _WORDS["sometimes_names"] else NOT_KNOWN

    def _about_member(self, node: Node, name: str) -> str:
        """Reason of a member that is named by a name or a text."""
        if name in MEMBERS:
            return REACHES
        if name in REFUSED_MEMBERS:
            return f"uses {REFUSED_MEMBERS[name]}"
        if name not in RECEIVERS:
            return ""
        access = node.holder("member_expression", "property") or node.holder("subscript_expression", "index")
        if access is None:
            return BUILT_IN if node.kind != "string" or node.parent_kind == "pair_pattern" else ""
        is_used = access.call or access.holder("assignment_expression", "left") or self._becomes_plain(access)
        return "" if is_used else BUILT_IN

    def _about_subscript(self, node: Node) -> str:
        """Reason of a bracket that reads a member with a computed name: the value may be anything."""
        deleted = node.holder("unary_expression", "argument")
        is_deleted = deleted is not None and deleted.text_of("operator") == "delete"
        is_written = node.holder("assignment_expression", "left") or is_deleted
        return "" if is_written or self._is_certain(node.children[-1]) or self._becomes_plain(node) else COMPUTED

    def _is_raw(self, template: Node) -> bool:
        """Whether a template goes to `String.raw`, which returns its text."""
        tag = template.parent.part("function") if template.parent is not None else None
        return tag is not None and (tag.text_of("object"), tag.text_of("property")) == ("String", "raw")

    def _is_built_in_used(self, node: Node) -> bool:
        """Whether a built-in object is used only by a call of one of its listed functions."""
        name = node.text
        if name in self._own:
            return False
        if member := node.holder("member_expression", "object"):
            function = member.text_of("property")
            if function in _VALUES.get(name, ()) or function in MEMBERS:  # each of those is a reason by itself
                return True
            is_called = member.call or (function == "raw" and member.holder("call_expression", "function"))
            is_listed = function in _STATIC.get(name, ()) and member.part("optional_chain") is None
            return is_listed and bool(is_called)
        if name not in _STATIC:
            return False
        is_used = node.call or node.holder("new_expression", "constructor") or _is_tested(node)
        return bool(is_used) or (name in _FUNCTIONS and node.parent_kind == "arguments")

    def _declare_date(self, declarator: Node) -> None:
        """Remember a name whose value is a date."""
        name, value = declarator.part("name"), declarator.part("value")
        if name is None or value is None or name.kind != "identifier":
            return
        root = value.root
        if root.kind == "identifier" and (root.text in _DATES or root.text in self._dates):
            end, is_date = _date_row(root)
            if end is value and is_date:
                self._dates[name.text] = declarator

    def _is_date_used(self, node: Node) -> bool:
        """Whether a date stays in its row of calls, in a name of its own, or in another date's row."""
        declarator = self._dates.get(node.text)
        if _is_tested(node) or (declarator is not None and node.holder("variable_declarator", "name") is declarator):
            return True
        if node.setter[0] is not None or node.parent_kind == "update_expression":
            return False
        end, is_date = _date_row(node)
        if end is None or not is_date:
            return end is not None
        if holder := end.holder("variable_declarator", "value"):
            return self._dates.get(holder.text_of("name")) is holder
        if end.parent_kind == "arguments" and end.parent is not None and end.parent.parent is not None:
            call = end.parent.parent
            function = call.part("function")
            if function is not None and function.kind == "member_expression" and function.root.kind == "identifier":
                return function.root.text in _DATES or function.root.text in self._dates
        return self._becomes_plain(end)

    def _is_certain(self, key: Node) -> bool:
        """Whether a computed name is certainly not a refused one."""
        while key.kind == "parenthesized_expression":
            key = key.children[0]
        operator, right = key.text_of("operator"), key.part("right")
        match key.kind:
            case "number" | "update_expression":
                return True
            case "string":  # alone it is judged by itself
                is_alone = key.role == "index" or key.parent_kind == "computed_property_name"
                return is_alone or key.value not in _NOT_CALLABLE
            case "identifier":
                return self._only_counts(key.text)
            case "unary_expression":
                return operator in ("-", "+", "~")
            case "binary_expression":
                return operator in ("-", "*", "/", "%") or (
                    operator == "+" and right is not None and right.kind == "number"
                )
            case "call_expression":
                function = key.part("function")
                is_math = function is not None and function.text_of("object") == "Math"
                return is_math and function is not None and function.text_of("property") in _STATIC["Math"]
            case "template_string":
                parts = [child for child in key.children if child.kind == "template_substitution"]
                first = unescaped(key.source[key.begin + 1 : parts[0].begin if parts else key.end - 1].decode())
                last = unescaped(key.source[parts[-1].end if parts else key.begin + 1 : key.end - 1].decode())
                return not any(name.startswith(first) and name.endswith(last) for name in _NOT_CALLABLE)
        return False

    def _only_counts(self, name: str) -> bool:
        """Whether a variable is only ever set to numbers and counted up or down."""
        if name not in self._counters:
            setters = [place.setter for place in self._places[name]]
            numbers = [_sets_number(setter, is_direct) for setter, is_direct in setters if setter is not None]
            self._counters[name] = bool(numbers) and all(numbers)
        return self._counters[name]

    def _becomes_plain(self, node: Node) -> bool:
        """Whether a read value becomes plain at once, or only a harmless member of it is used."""
        while (parent := node.parent) is not None:
            operator, right = parent.text_of("operator"), parent.part("right")
            match parent.kind:
                case "parenthesized_expression":
                    if parent.parent_kind in _WORDS["conditions"]:
                        return True
                case "binary_expression" if operator in ("||", "??"):
                    if node.role != "left" or right is None or right.kind not in ("number", "string"):
                        return False
                case "binary_expression":
                    return operator in (_WORDS["looks"] if node.role == "left" else _WORDS["looks_before"])
                case "member_expression":
                    return _is_harmless_member(parent)
                case "unary_expression":
                    return operator in _WORDS["signs"]
                case "augmented_assignment_expression":
                    return node.role == "left" and operator in _WORDS["counts"]
                case "ternary_expression":
                    return node.role == "condition"
                case "arguments":
                    call = parent.parent
                    return call is not None and call.text_of("function") in _WORDS["makes_plain"]
                case _:
                    return parent.kind in ("template_substitution", "update_expression")
            node = parent
        return False


def _is_declared(name: Node) -> bool:
    """Whether a name gets its value here first: ``x += 1`` and ``for (x of list)`` take one from elsewhere."""
    setter, _ = name.setter
    if setter is None or setter.kind == "augmented_assignment_expression":
        return False
    return setter.kind != "for_in_statement" or setter.part("kind") is not None


def _is_tested(node: Node) -> bool:
    """Whether a name stands behind ``typeof`` or ``instanceof``."""
    test = node.holder("unary_expression", "argument") or node.holder("binary_expression", "right")
    return test is not None and test.text_of("operator") in ("typeof", "instanceof")


def _sets_number(setter: Node, is_direct: bool) -> bool:
    value = setter.part("value") or setter.part("right")
    return is_direct and setter.kind != "for_in_statement" and value is not None and value.kind == "number"


def _date_row(node: Node) -> tuple[Node | None, bool]:
    """Last part of a date's row of calls, None if it is uncertain; and whether that is a date."""
    if functions := _DATES.get(node.text):
        member = node.holder("member_expression", "object")
        if member is None or member.call is None or member.text_of("property") not in functions:
            return None, False
        node = member.call
    while member := node.holder("member_expression", "object"):
        name, call = member.text_of("property"), member.call
        if name in _WORDS["date_ends" if call else "date_parts"]:
            return call or member, False
        if call is None or name not in _WORDS["date_steps"]:
            return None, False
        node = call
    return node, True


def _is_harmless_member(member: Node) -> bool:
    """Whether a member of an arbitrary object is only read, counted up, or called as a listed method."""
    name = member.text_of("property")
    if name in MEMBERS:  # each of those is a reason by itself
        return True
    if call := member.call:
        return name in _WORDS["methods"] and call.part("optional_chain") is None
    outer = member
    while around := outer.parent if outer.parent_kind == "parenthesized_expression" else None:
        outer = around
    if outer.role in ("function", "constructor"):
        return False
    setter, is_direct = member.setter
    return setter is None or (is_direct and setter.text_of("operator") in _WORDS["counts"])
