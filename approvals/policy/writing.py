"""Writing a policy document as the text that people edit: the parts in their order, each under the comment that the shipped one has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from approvals.policy.schema import Document

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
