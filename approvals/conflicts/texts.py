"""From the text of a rule, YAML or JSON that is YAML too, to a document that is safe to walk (S6). Pure.

Refused, with what to do: what is too long or too deep, a name twice in one object, anchors and aliases, by which a short text
becomes an endless one.
"""

from __future__ import annotations

from typing import Any

import yaml

from approvals.conflicts.rules import NotARule, Problem, Rule, read

#: In characters.
LONGEST = 60_000
DEEPEST = 20
_WHOLE = "the whole text"


class _Loader(yaml.SafeLoader):
    """As YAML's safe loader, and stricter."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _problem(event.start_mark, "it uses an anchor or an alias", "Write out what it stands for.")
        self.depth += 1
        if self.depth > DEEPEST:
            raise _problem(event.start_mark, "it is nested too deep", "Write it as a rule is written.")
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise _problem(key.start_mark, "a name stands twice in one object", "Leave one of them.")
            seen.add(name)
        made: dict[Any, Any] = super().construct_mapping(node, deep)
        return made


def load(text: str) -> object:
    """The document in a text: what `rules.read` reads.

    Raises:
        NotARule: it can't be read; what it means is not looked at.
    """
    if len(text) > LONGEST:
        raise NotARule([Problem(_WHOLE, f"it has {len(text):,} characters", f"Shorten it to {LONGEST:,}.")])
    try:
        document: object = yaml.load(text, _Loader)  # noqa: S506 a safe loader of our own
    except yaml.MarkedYAMLError as error:
        raise _problem(
            error.problem_mark, "it is not YAML from here on", "Look at quotes, colons and indents."
        ) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        raise NotARule([Problem(_WHOLE, "it is not YAML", "Look at its signs, numbers and dates.")]) from None
    return document


def parse(text: str) -> Rule:
    """The rule in a text.

    Raises:
        NotARule: with everything that is wrong, at once.
    """
    return read(load(text))


def _problem(mark: yaml.Mark | None, what: str, what_to_do: str) -> NotARule:
    where = _WHOLE if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
    return NotARule([Problem(where, what, what_to_do)])
