"""Role exclusions of midPoint, as XML: what its policy rules say of two roles becomes a conflict rule (S6). Pure.

Read are exclusions in ``policyRule`` of a role's own assignments; alone, or joined by ``and`` and ``or``. What is said of whatever
has a role (inducements), what depends on a condition, and what another kind of constraint narrows is more than a rule of
two roles: it is refused in words, by line. A DTD is refused unread, so that no entity is ever expanded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from xml.parsers import expat  # the parser itself, with a DTD refused before anything in it counts

from approvals.conflicts.imported import LEGS, Collected, Imported, Side, file_shown
from inventory.importers.display import label

#: In bytes, of one file and of all; files; elements, of one file and of all; how deep.
SIZE, IN_ALL, FILES, ELEMENTS, ELEMENTS_IN_ALL, DEEPEST = (
    20 * 1024 * 1024,
    100 * 1024 * 1024,
    5_000,
    300_000,
    1_000_000,
    60,
)
#: Objects that are held, and may exclude each other.
_ROLES = frozenset({"role", "org", "service", "archetype"})
_TYPE = "http://www.w3.org/2001/XMLSchema-instance type"
#: What a policy does about it, the strictest first.
_ACTIONS = (("enforcement", "enforce"), ("prune", "enforce"), ("approval", "approval"))
_JOINS = frozenset({"policyConstraints", "and", "or"})
#: Beside what says whom an exclusion is about, these narrow nothing.
_HARMLESS = frozenset({"name", "description", "documentation", "displayName", "targetRef", "presentation"})
_RULE_PARTS = frozenset(
    {
        "name",
        "description",
        "documentation",
        "policyConstraints",
        "policyActions",
        "policySituation",
        "markRef",
        "order",
    }
)
_WAYS = 50
_AGAIN = "Export the object from midPoint again, and bring in that file unchanged."


@dataclass(slots=True)
class _Element:
    name: str
    line: int
    attributes: dict[str, str]
    texts: list[str] = field(default_factory=list)
    children: list[_Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[_Element]:
        return (child for child in self.children if child.name == name)

    def said(self, name: str) -> str:
        """The text of a child, on one line; of a text in several languages its original."""
        child = next(self.all(name), None)
        if child is None:
            return ""
        original = next((one for one in child.children if one.name == "orig"), child)
        text = "".join(original.texts)
        return label(text, len(text) + 1)


class _NotRead(Exception):
    """A file can't be read: line (0 for the whole), what, what to do."""


class _Unclear(Exception):
    """A constraint says more than a rule of two or more roles: line, what, what to do."""


@dataclass(frozen=True, slots=True)
class _PolicyRule:
    """A policy rule with an exclusion; what else an object holds is not kept."""

    element: _Element
    is_own: bool
    is_plain: bool


@dataclass(frozen=True, slots=True)
class _Object:
    file: str
    oid: str
    side: Side
    is_role: bool
    rules: tuple[_PolicyRule, ...]


def read(files: Iterable[tuple[str, bytes]]) -> Imported:
    """The rules of some objects.

    Args:
        files: name and bytes of each; one object a file, or many in ``<objects>``. What a role excludes is named by its id: its
            own object has to be among them.

    Returns:
        Rules, each set of roles once; problems by file and line. Other objects are passed over.
    """
    found, objects = Collected(), list[_Object]()
    left, elements = IN_ALL, ELEMENTS_IN_ALL
    for number, (file, data) in enumerate(files):
        name = file_shown(file)
        left -= len(data)
        if number >= FILES or left < 0 or elements < 0:
            found.wrong(name, "it and what follows is more than is read at once", "Bring in fewer files at a time.")
            break
        try:
            root, count = _parse(data)
        except _NotRead as refused:
            line, what, what_to_do = refused.args
            found.wrong(f"{name}, line {line}" if line else name, what, what_to_do)
            continue
        elements -= count
        objects += (_object(name, element) for element in (root.children if root.name == "objects" else [root]))
    known = {one.oid: one.side for one in objects if one.oid}
    for one in objects:
        for rule in one.rules:
            _read_rule(one, rule, known, found)
    return found.result()


def _object(file: str, element: _Element) -> _Object:
    kind = element.attributes.get(_TYPE, "").rpartition(":")[2].removesuffix("Type").lower()
    is_role = (kind if element.name == "object" else element.name) in _ROLES
    return _Object(file, element.attributes.get("oid", ""), _side(element), is_role, tuple(_policy_rules(element)))


def _side(element: _Element) -> Side:
    names = [element.said(name) for name in ("name", "displayName", "identifier")]
    given = list(dict.fromkeys(name for name in names if name))
    return Side(given[0] if given else "", tuple(given))


def _read_rule(one: _Object, rule: _PolicyRule, known: dict[str, Side], found: Collected) -> None:
    where = f"{one.file}, line {rule.element.line}"
    more = sorted({child.name for child in rule.element.children} - _RULE_PARTS)
    if not one.is_role:
        found.wrong(where, "it is of no role", "Write a rule by hand, of what is meant.")
    elif not rule.is_own:
        found.wrong(where, "it is about whatever has this role", "Write a rule for each role that is meant.")
    elif not rule.is_plain or more:
        said = f"it depends on more than what is held ({label(', '.join(more), 60) or 'a condition of its assignment'})"
        found.wrong(where, said, "Write a rule by hand if it is to hold always.")
    elif not one.side.name:
        found.wrong(where, "the object has no name", _AGAIN)
    else:
        _ways(one, rule.element, known, found)


def _policy_rules(element: _Element) -> Iterator[_PolicyRule]:
    """Each policy rule below that excludes something; whether an assignment of this very object holds it, and without conditions."""
    waiting = [(element, "", True, 0)]
    while waiting:
        at, parent, is_plain, depth = waiting.pop()
        if at.name in ("policyRule", "globalPolicyRule"):
            if _has_exclusion(at):
                yield _PolicyRule(at, parent == "assignment" and depth == 2, is_plain)
            continue
        is_plain = depth == 0 or {"condition", "activation", "lifecycleState"}.isdisjoint(
            one.name for one in at.children
        )
        waiting += [(child, at.name, is_plain, depth + 1) for child in reversed(at.children)]


def _has_exclusion(element: _Element) -> bool:
    return element.name == "exclusion" or any(map(_has_exclusion, element.children))


def _ways(one: _Object, rule: _Element, known: dict[str, Side], found: Collected) -> None:
    """A rule for each way in which the constraints can hold."""
    try:
        ways = _all(list(rule.all("policyConstraints")))
    except _Unclear as unclear:
        line, what, what_to_do = unclear.args
        found.wrong(f"{one.file}, line {line}", what, what_to_do)
        return
    for way in ways:
        line = way[0].line
        targets = [next(exclusion.all("targetRef")).attributes["oid"] for exclusion in way]
        if unknown := [oid for oid in targets if oid not in known or not known[oid].name]:
            what = f"what it excludes ({label(unknown[0], 60)}) is not among the files"
            found.wrong(f"{one.file}, line {line}", what, "Bring in that object's file with this one.")
            continue
        reason = way[0].said("description") or rule.said("description")
        said = {"reason": reason, "mode": _mode(rule), "process": "Imported from midPoint"}
        found.add(f"{one.file}, line {line}", [one.side, *(known[oid] for oid in dict.fromkeys(targets))], said)


def _mode(rule: _Element) -> str:
    actions = {action.name for part in rule.all("policyActions") for action in part.children}
    return next((mode for name, mode in _ACTIONS if name in actions), "record")


def _all(elements: Sequence[_Element]) -> list[tuple[_Element, ...]]:
    """The ways in which all of some constraints hold: each a set of exclusions."""
    ways = [tuple(one for way in picked for one in way) for picked in _bounded(elements)]
    if any(len(way) >= LEGS for way in ways):
        raise _Unclear(elements[0].line, f"it joins more than {LEGS - 1} exclusions", "Write a rule by hand.")
    return ways


def _bounded(elements: Sequence[_Element]) -> Iterator[tuple[tuple[_Element, ...], ...]]:
    parts = [_either(element) for element in elements]
    number = 1
    for part in parts:
        number *= len(part)
        if number > _WAYS:
            raise _Unclear(elements[0].line, f"it holds in more than {_WAYS} ways", "Write rules by hand.")
    return product(*parts)


def _either(element: _Element) -> list[tuple[_Element, ...]]:
    """The ways in which one constraint holds."""
    inner = [child for child in element.children if child.name not in ("name", "description", "documentation")]
    if element.name in _JOINS and not inner:
        raise _Unclear(element.line, "it joins nothing", _AGAIN)
    if element.name == "or":
        return [way for child in inner for way in _either(child)]
    if element.name in _JOINS:
        return _all(inner)
    if element.name != "exclusion":
        raise _Unclear(
            element.line, f"it is narrowed by another constraint ({label(element.name, 40)})", "Write a rule by hand."
        )
    targets = list(element.all("targetRef"))
    if len(targets) != 1 or not targets[0].attributes.get("oid"):
        raise _Unclear(
            element.line, "whom it excludes is worked out when it is asked", "Write a rule for each that is meant."
        )
    if more := sorted({child.name for child in element.children} - _HARMLESS):
        raise _Unclear(element.line, f"it is narrowed ({label(', '.join(more), 60)})", "Write a rule by hand.")
    return [(element,)]


def _parse(data: bytes) -> tuple[_Element, int]:
    """The elements of a file, without their namespaces, and how many."""
    if len(data) > SIZE:
        raise _NotRead(0, f"it is larger than {SIZE // 1024 // 1024} MB", "Bring in fewer objects at a time.")
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    builder = _Builder(parser)
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise _NotRead(error.lineno, "it is not XML from here on", _AGAIN) from None
    except (ValueError, LookupError):
        raise _NotRead(0, "its encoding is not known", "Save it in UTF-8.") from None
    assert builder.root is not None, "what has no element is not XML"
    return builder.root, builder.count


class _Builder:
    """Keeps elements as the parser meets them, and stops at what is too much."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.parser = parser
        self.root: _Element | None = None
        self.open: list[_Element] = []
        self.count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        line = self.parser.CurrentLineNumber
        self.count += 1
        if self.count > ELEMENTS:
            raise _NotRead(line, f"it holds more than {ELEMENTS:,} elements", "Bring in fewer objects at a time.")
        if len(self.open) >= DEEPEST:
            raise _NotRead(line, "it is nested too deep", _AGAIN)
        made = _Element(name.rpartition(" ")[2], line, attributes)
        if self.open:
            self.open[-1].children.append(made)
        else:
            self.root = made
        self.open.append(made)

    def end(self, name: str) -> None:
        self.open.pop()

    def characters(self, text: str) -> None:
        if self.open:
            self.open[-1].texts.append(text)

    def doctype(self, *declared: object) -> None:
        raise _NotRead(self.parser.CurrentLineNumber, "it brings a DTD, which is not read", _AGAIN)
