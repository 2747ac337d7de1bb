"""Read a policy document and report all its problems with line and fix; write it as editable text.

Written parts keep their order, each under its comment from the shipped document.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from approvals.policies import schema
from approvals.policies.yaml_document import InvalidDocument, ParsedYaml, Problem, parse
from approvals.policies.yaml_document import Path as YamlPath

#: More problems at once don't help.
MOST_PROBLEMS = 50


def from_text(text: str) -> dict[str, Any]:
    """Read YAML or JSON text. Return the policy as plain data in schema order.

    Raises:
        InvalidDocument: with the problems by line.
    """
    return _check(parse(text))


def from_data(data: object) -> dict[str, Any]:
    """Return plain data from a form or the database in schema order.

    Raises:
        InvalidDocument: see `from_text`.
    """
    return _check(ParsedYaml(data))


def _check(parsed: ParsedYaml) -> dict[str, Any]:
    if not isinstance(parsed.data, dict):
        sentence = "This is no policy: it has no named parts."
        raise InvalidDocument(Problem(1, "", sentence, "Begin with the policy in force."))
    try:
        document = schema.Document.model_validate(parsed.data).model_dump(mode="json", exclude_defaults=True)
        found = schema.problems(document)
        problems = [Problem(parsed.line(path), dotted(path), sentence, to_do) for path, sentence, to_do in found]
    except ValidationError as error:
        problems = [_problem(dict(detail), parsed) for detail in error.errors(include_url=False)]
    if problems:
        raise InvalidDocument(*sorted(problems, key=lambda problem: problem.line)[:MOST_PROBLEMS])
    return document


def dotted(path: YamlPath) -> str:
    """Return a path with dots."""
    return ".".join(str(part) for part in path)


#: By type of a validation error: the problem, and the fix.
_WORDS = {
    "missing": ("{name} is missing.", "Add {name}; the policy in force has one."),
    "extra_forbidden": ("{name} is no name that is known here.", "Take it out{near}."),
    "literal_error": ("{given} is not known here.", "It is {expected}."),
    "greater_than_equal": ("{given} is too little.", "At least {ge}."),
    "less_than_equal": ("{given} is too much.", "At most {le}."),
    "int_type": ("This is no whole number.", "Write a whole number, without quotes."),
    "bool_type": ("This is neither true nor false.", "Write true or false, without quotes."),
    "list_type": ("This is no list.", "Write a list: [one, another]."),
    "model_type": ("This has no named parts.", "Write its parts below it, each with its name."),
    "model_attributes_type": ("This has no named parts.", "Write its parts below it, each with its name."),
    "string_type": ("This is no word.", "Write a word."),
}
_OTHER = ("This is not what belongs here ({kind}).", "Look at the policy in force.")


def _problem(error: Mapping[str, Any], parsed: ParsedYaml) -> Problem:
    path: YamlPath = tuple(error["loc"])
    kind, ctx, names = error["type"], error.get("ctx", {}), ", ".join(_allowed_names(path[:-1]))
    values = {
        **ctx,
        "kind": kind.replace("_", " "),
        "name": str(path[-1]) if path else "",
        "given": _short(error["input"]),
        "near": f", or use one of: {names}" if names else "",
        "expected": str(ctx.get("expected", "")).replace("'", ""),
    }
    sentence, to_do = (words.format(**values) for words in _WORDS.get(kind, _OTHER))
    is_nowhere = kind == "missing" and len(path) == 1
    return Problem(0 if is_nowhere else parsed.line(path), dotted(path), sentence, to_do)


def _short(given: object) -> str:
    """Return a value for a problem sentence; huge numbers are not spelled out."""
    is_long = isinstance(given, int) and abs(given) >= 2**53
    try:
        return "A number of that size" if is_long else str(given)[:40]
    except ValueError:  # Python writes no number of thousands of digits, in a list neither
        return "A list with a number of that size"


def _allowed_names(path: YamlPath) -> Iterator[str]:
    """Yield the names allowed in a part."""
    model: Any = schema.Document
    for name in path:
        field = model.model_fields.get(str(name)) if hasattr(model, "model_fields") else None
        if field is None:
            return
        model = field.annotation
    yield from getattr(model, "model_fields", {})


#: The shipped document.
SHIPPED = Path(__file__).with_name("default.yaml")


class _Dumper(yaml.SafeDumper):
    """YAML with parts as blocks and lists on one line."""


_Dumper.add_representer(
    list, lambda dumper, items: dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)
)


def as_text(document: Mapping[str, Any]) -> str:
    """Return the YAML of a document; reading it gives the same document."""
    return "\n".join(_part(name, value) for name, value in ordered(document).items())


def ordered(part: Mapping[str, Any], model: Any = schema.Document) -> dict[str, Any]:
    """Return a document or part in schema order; the database does not keep the order."""
    fields = {name: field.annotation for name, field in model.model_fields.items() if name in part}
    return {
        name: ordered(part[name], inner) if isinstance(part[name], Mapping) else part[name]
        for name, inner in fields.items()
    }


def _part(name: str, value: object) -> str:
    yaml_text = yaml.dump({name: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return f"{comments().get(name, '')}{yaml_text}"


@cache
def comments() -> dict[str, str]:
    """Return the comment above each part of the shipped document."""
    comment_by_name, above = {}, ""
    for line in SHIPPED.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("#"):
            above += line
        elif line.strip() and not line.startswith(" "):
            comment_by_name[line.partition(":")[0]] = above
            above = ""
    return comment_by_name
