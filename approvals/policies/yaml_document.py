"""Read a YAML document as bounded plain data with the line of each part.

Refuses anchors and aliases (a few lines can expand to gigabytes), duplicate names and tags: the text means what it
shows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

#: Limits far above any hand-written document.
LARGEST_BYTES, DEEPEST, MOST_NODES = 64 * 1024, 10, 5_000

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """A problem of a document, for its author.

    Args:
        line: the line in the text, from 1; 0 for none.
        where: path of the part: ``seats.app.high``, ``legs 2, any 1, levels``.
        what: the problem, with a full stop.
        to_do: the fix.
    """

    line: int
    where: str
    what: str
    to_do: str = ""

    def __str__(self) -> str:
        return f"{f'line {self.line}' if self.line else self.where}: {self.what} {self.to_do}"


class InvalidDocument(Exception):
    """A text or data is no document of its kind; `problems` lists all errors."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


@dataclass(frozen=True)
class ParsedYaml:
    """Parsed data, and the line of each part by path."""

    data: Any
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """Return the line of a part, or of the nearest parent."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def parse(text: str) -> ParsedYaml:
    """Read text as YAML or JSON.

    Raises:
        InvalidDocument: too large, too deep, not YAML, or more than plain data.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_BYTES:
        sentence = f"It is larger than {LARGEST_BYTES // 1024} KB."
        raise _invalid(1, sentence, "What is written by hand is a few dozen lines.")
    try:
        _check_bounds(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = dict(_lines(node, ())) if node is not None else {}
        return ParsedYaml(yaml.safe_load(text), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        detail = " ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else 1
        raise _invalid(line, f"This is no YAML: {detail}.", "Correct this line.") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise _invalid(1, f"This can't be read: {str(error)[:200]}.", "Correct the text.") from None


def _invalid(line: int, what: str, to_do: str, where: str = "") -> InvalidDocument:
    return InvalidDocument(Problem(line, where, what, to_do))


def _check_bounds(text: str) -> None:
    """Refuse text that is too deep, has too many parts, or uses aliases, before anything is built from it."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _invalid(line, "Anchors and aliases (& and *) are not read.", "Write it out.")
        if getattr(event, "tag", None):
            raise _invalid(line, "Tags (!) are not read.", "Leave the tag out.")
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        if documents > 1:
            raise _invalid(line, "There is a second document (---).", "One text is one document.")
        if depth > DEEPEST or nodes > MOST_NODES:
            raise _invalid(line, "It is too deep or has too many parts.", "Take out what is not needed.")


def _lines(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _lines(item, (*path, number))
    elif isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen:
                where = ".".join(str(part) for part in (*path, name))
                raise _invalid(line, f"{name} stands here twice.", "Keep one of the two.", where)
            seen.add(name)
            yield from _lines(value, (*path, name))
            yield (*path, name), line  # the line of the name, where people look for it
