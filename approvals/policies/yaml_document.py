"""A YAML document as data, with the line on which each part of it stands; bounded, and nothing but plain data comes out.

No anchors and aliases (a few lines with them stand for gigabytes), no name twice, no tags: what a person reads in the text is what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

#: What is written by hand is smaller and shallower by far.
LARGEST_BYTES, DEEPEST, MOST_NODES = 64 * 1024, 10, 5_000

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """What is wrong with a document, as whoever wrote it reads it.

    Args:
        line: the line of the text, from 1; 0 where none is to blame.
        where: which part of it, with dots between: ``seats.app.high``.
        what: what is wrong, as a sentence.
        to_do: what makes it right.
    """

    line: int
    where: str
    what: str
    to_do: str = ""


class Unreadable(Exception):
    """The text is no document at all; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


@dataclass(frozen=True)
class Read:
    """What a text says, and the line of each of its parts by its path."""

    data: Any
    lines: Mapping[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of a part, or of the nearest part around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Read:
    """Read a text as YAML, of which JSON is a part.

    Raises:
        Unreadable: it is too large or too deep, is no YAML, or says more than plain data.
    """
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_BYTES:
        raise Unreadable(
            Problem(
                1, "", f"It is larger than {LARGEST_BYTES // 1024} KB.", "What is written by hand is a few dozen lines."
            )
        )
    try:
        _bounded(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = dict(_lines(node, ())) if node is not None else {}
        return Read(yaml.safe_load(text), lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        raise Unreadable(
            Problem(mark.line + 1 if mark else 1, "", f"This is no YAML: {said}.", "Correct this line.")
        ) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise Unreadable(Problem(1, "", f"This can't be read: {str(error)[:200]}.", "Correct the text.")) from None


def _bounded(text: str) -> None:
    """Refuse what is too deep, has too many parts, or stands for more than it shows, before anything is built of it."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark is not None else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(Problem(line, "", "Anchors and aliases (& and *) are not read.", "Write it out."))
        if getattr(event, "tag", None):
            raise Unreadable(Problem(line, "", "Tags (!) are not read.", "Leave the tag out."))
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        if documents > 1:
            raise Unreadable(Problem(line, "", "There is a second document (---).", "One text is one document."))
        if depth > DEEPEST or nodes > MOST_NODES:
            raise Unreadable(Problem(line, "", "It is too deep or has too many parts.", "Take out what is not needed."))


def _lines(node: yaml.Node, path: Path) -> Iterator[tuple[Path, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for number, one in enumerate(node.value):
            yield from _lines(one, (*path, number))
    elif isinstance(node, yaml.MappingNode):
        seen = set[str]()
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen:
                where = ".".join(str(part) for part in (*path, name))
                raise Unreadable(Problem(line, where, f"{name} stands here twice.", "Keep one of the two."))
            seen.add(name)
            yield from _lines(value, (*path, name))
            yield (*path, name), line  # of the name, which is where somebody looks for it
