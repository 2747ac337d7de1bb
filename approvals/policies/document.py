"""Reading a policy document that somebody wrote: everything that is wrong with it, at once, with the line and what makes it right.

Writing a policy document as the text that people edit: the parts in their order, each under the comment that the shipped one has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from approvals.policies import checks
from approvals.policies.schema import Document
from approvals.policies.yaml_document import Path as YamlPath
from approvals.policies.yaml_document import Problem, Read, Unreadable, read

#: More at once helps nobody.
MOST_PROBLEMS = 50


@dataclass(frozen=True)
class Result:
    """What came of reading a text or data.

    Args:
        document: the policy as plain data, each name in its place; empty where there is a problem.
        problems: in the order of the lines.
    """

    document: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()


def from_text(text: str) -> Result:
    """Read what somebody wrote as YAML or JSON."""
    try:
        found = read(text)
    except Unreadable as error:
        return Result({}, (error.problem,))
    return _checked(found)


def from_data(data: object) -> Result:
    """Check plain data, as a form or the database has it."""
    return _checked(Read(data))


def _checked(found: Read) -> Result:
    if not isinstance(found.data, dict):
        return Result(
            {}, (Problem(1, "", "This is no policy: it has no named parts.", "Begin with the policy in force."),)
        )
    try:
        made = Document.model_validate(found.data)
    except ValidationError as error:
        problems = [_problem(dict(one), found) for one in error.errors(include_url=False)]
        return Result({}, tuple(sorted(problems, key=lambda one: one.line)[:MOST_PROBLEMS]))
    document = made.model_dump(mode="json", exclude_unset=True)
    problems = [Problem(found.line(path), dotted(path), what, to_do) for path, what, to_do in checks.wrong(document)]
    if problems:
        return Result({}, tuple(sorted(problems, key=lambda one: one.line)[:MOST_PROBLEMS]))
    return Result(_ordered(document))


def _ordered(document: Mapping[str, Any]) -> dict[str, Any]:
    """The parts as the schema has them, whatever order somebody wrote them in, and without what says nothing."""
    plain = {name: document[name] for name in Document.model_fields}
    plain["fresh_sign_in_minutes"] = {
        tier: minutes for tier, minutes in plain["fresh_sign_in_minutes"].items() if minutes is not None
    }
    plain["tiers"]["at_least"] = {kind: tier for kind, tier in plain["tiers"]["at_least"].items() if tier != "low"}
    return plain


def dotted(path: YamlPath) -> str:
    """A path as people read it."""
    return ".".join(str(part) for part in path)


def _problem(error: Mapping[str, Any], found: Read) -> Problem:
    path: YamlPath = tuple(error["loc"])
    what, to_do = _words(error, path)
    is_nowhere = error["type"] == "missing" and len(path) == 1
    return Problem(0 if is_nowhere else found.line(path), dotted(path), what, to_do)


def _words(error: Mapping[str, Any], path: YamlPath) -> tuple[str, str]:
    kind, ctx, name = error["type"], error.get("ctx", {}), str(path[-1]) if path else ""
    if kind == "missing":
        return f"{name} is missing.", f"Add {name}; the policy in force has one."
    if kind == "extra_forbidden":
        near = ", ".join(_known(path[:-1]))
        return (
            f"{name} is no name that is known here.",
            f"Take it out, or use one of: {near}." if near else "Take it out.",
        )
    if kind == "literal_error":
        return f"{_short(error['input'])} is not known here.", f"It is {ctx['expected'].replace(chr(39), '')}."
    if kind in ("greater_than_equal", "less_than_equal"):
        least = kind == "greater_than_equal"
        bound = ctx["ge"] if least else ctx["le"]
        return (
            f"{_short(error['input'])} is too {'little' if least else 'much'}.",
            f"At {'least' if least else 'most'} {bound}.",
        )
    return _WANTED.get(
        kind, (f"This is not what belongs here ({kind.replace('_', ' ')}).", "Look at the policy in force.")
    )


def _short(given: object) -> str:
    """A value as a problem names it: a number of thousands of digits is not spelt out."""
    is_long = isinstance(given, int) and abs(given) >= 2**53
    return "A number of that size" if is_long else str(given)[:40]


_WANTED = {
    "int_type": ("This is no whole number.", "Write a whole number, without quotes."),
    "bool_type": ("This is neither true nor false.", "Write true or false, without quotes."),
    "list_type": ("This is no list.", "Write a list: [one, another]."),
    "model_type": ("This has no named parts.", "Write its parts below it, each with its name."),
    "model_attributes_type": ("This has no named parts.", "Write its parts below it, each with its name."),
    "string_type": ("This is no word.", "Write a word."),
}


def _known(path: YamlPath) -> Iterator[str]:
    """The names that may stand in a part."""
    model: Any = Document
    for name in path:
        field = model.model_fields.get(str(name)) if hasattr(model, "model_fields") else None
        if field is None:
            return
        model = field.annotation
    yield from getattr(model, "model_fields", {})


#: The document that ships.
SHIPPED = Path(__file__).with_name("default.yaml")

WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """Parts one below the other, lists in one line."""


_Dumper.add_representer(
    list, lambda dumper, items: dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)
)


def as_text(document: Mapping[str, Any]) -> str:
    """The YAML of a document that was read; reading it again gives the same document."""
    return "\n".join(_part(name, value) for name, value in ordered(document).items())


def ordered(part: Mapping[str, Any], model: Any = Document) -> dict[str, Any]:
    """A document, or a part of one, with its names as the schema has them: the database keeps them in no order of ours."""
    fields = {name: field.annotation for name, field in model.model_fields.items() if name in part}
    return {
        name: ordered(part[name], inner) if isinstance(part[name], Mapping) else part[name]
        for name, inner in fields.items()
    }


def _part(name: str, value: object) -> str:
    said = yaml.dump({name: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)
    return f"{comments().get(name, '')}{said}"


@cache
def comments() -> dict[str, str]:
    """The comment above each part, as the shipped document has it."""
    found, above = {}, ""
    for line in SHIPPED.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("#"):
            above += line
        elif line.strip() and not line.startswith(" "):
            found[line.partition(":")[0]] = above
            above = ""
    return found
