"""`make language`: how plainly the project is written, by the rules of docs/decisions/0038.

It counts stilted phrases in docstrings, comments, strings, templates, SQL, YAML, CSV, docs and the changelog. It counts vague names of
variables, parameters, functions and methods, and docstrings with a long opening. `make lint` fails above the limits.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.structure.file_sizes import CODE, sources

ROOT = Path(__file__).resolve().parents[2]

#: Phrases that a plain sentence does without. A line that needs one says why: `plain: …` in a comment behind it.
STILTED = re.compile(
    r"\b(whoever|whomever|whom|whosever|thereof|wherein|of what|of that which|of those (?:who|which|that)|what nobody|what somebody"
    r"|what everybody|nobody answers|stands? in for|is said|was said|are told|is told|was told|takes one|meanwhile|beside it"
    r"|in the place of|come to nothing|came to nothing|for good|is asked of|as it stands|no more than is|which one has)\b",
    re.IGNORECASE,
)
#: Kinds of files, by suffix, that hold texts beside Python, templates and docs.
DATA_FILES = {".sql": "SQL", ".yaml": "YAML", ".csv": "CSV"}
#: A tag, variable or comment of a template, and a quoted text inside it.
TAG, QUOTED = re.compile(r"{[%{#].*?[%}#]}"), re.compile(r'"([^"]*)"')
#: Names that say nothing about their value.
VAGUE = {"one", "found", "said", "own", "no", "told", "asked", "known", "about", "beside", "taken"}
#: Names that say nothing about what a function returns or does, in addition.
VAGUE_FUNCTIONS = {
    *("of", "on", "at", "by", "before", "after", "back", "read", "rows", "more", "each", "who", "why", "mine", "its"),
    *("abouts", "gains", "loses", "answered"),
}

#: Stilted phrases per 1,000 words, vague names per 100, and words of a docstring's first sentence.
STILTED_LIMIT, VAGUE_LIMIT, OPENING_LIMIT = 1.0, 0.45, 25
#: Words of README and docs together, without the generated rules.
DOCS_LIMIT = 23_000


@dataclass
class Counts:
    """Counts of one kind of text, or of names."""

    words: int = 0
    hits: list[str] = field(default_factory=list)


def words(text: str) -> int:
    """Return the number of words of a text."""
    return len(re.findall(r"[A-Za-z']+", text))


def stilted(text: str) -> Iterator[str]:
    """Yield each stilted phrase of a text that its line does not explain."""
    for line in text.splitlines():
        if "plain:" not in line:
            yield from (match[0] for match in STILTED.finditer(line))


def documented(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each comment."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def strings(tree: ast.AST, source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each string with a space that is no docstring, unless its line explains a phrase."""
    lines = source.splitlines()
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in docstrings:
            continue
        if " " in node.value.strip() and "plain:" not in lines[node.lineno - 1]:
            yield node.lineno, node.value


def template_text(template: str) -> str:
    """Return what a template shows: its text, and quoted texts with a space in its tags."""
    return TAG.sub(lambda tag: " " + " ".join(text for text in QUOTED.findall(tag[0]) if " " in text) + " ", template)


def names(tree: ast.AST) -> Iterator[tuple[int, str, bool]]:
    """Yield each variable, parameter, function and method that is bound: its line, its name, and whether it is vague."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id, node.id in VAGUE
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg, node.arg in VAGUE
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name, node.name in VAGUE | VAGUE_FUNCTIONS


def count(root: Path) -> tuple[dict[str, Counts], dict[str, Counts], list[str]]:
    """Count a checkout.

    Returns:
        Counts by kind of text, counts of names, and places of long openings.
    """
    kinds, names_by_kind, openings = defaultdict[str, Counts](Counts), defaultdict[str, Counts](Counts), list[str]()

    def add(kind: str, where: str, text: str) -> None:
        kinds[kind].words += words(text)
        kinds[kind].hits += [f"{where}: {phrase}" for phrase in stilted(text)]

    tests = sorted((root / "tests").rglob("*.py"))
    for path in (*sources(root), *tests):
        source, where = path.read_text(encoding="utf-8"), str(path.relative_to(root))
        tree, of_tests = ast.parse(source), " of tests" if path in tests else ""
        for line, text in (*documented(tree), *comments(source)):
            add(f"docstrings and comments{of_tests}", f"{where}:{line}", text)
        for line, name, is_vague in names(tree):
            names_by_kind[f"names{of_tests}"].words += 1
            if is_vague:
                names_by_kind[f"names{of_tests}"].hits.append(f"{where}:{line}: {name}")
        if of_tests:
            continue
        for line, text in documented(tree):
            if words(re.split(r"(?<=[.;:])\s", text.strip())[0]) > OPENING_LIMIT:
                openings.append(f"{where}:{line}")
        for line, text in strings(tree, source):
            add("strings", f"{where}:{line}", text)
    for path in sorted((root / "templates").rglob("*.*")):
        if path.suffix in (".html", ".txt"):
            add("templates", str(path.relative_to(root)), template_text(path.read_text(encoding="utf-8")))
    for path in sorted(path for package in CODE for path in (root / package).rglob("*.*")):
        if path.suffix in DATA_FILES:
            add(DATA_FILES[path.suffix], str(path.relative_to(root)), path.read_text(encoding="utf-8"))
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        if path.name not in ("rules.md", "settings.md"):
            add("docs", str(path.relative_to(root)), path.read_text(encoding="utf-8"))
    add("changelog", "CHANGELOG.md", (root / "CHANGELOG.md").read_text(encoding="utf-8"))
    return kinds, names_by_kind, openings


def findings(root: Path) -> list[str]:
    """Return a sentence for each limit that the checkout exceeds, with its first places."""
    kinds, names_by_kind, openings = count(root)
    problems = []
    for kind, counts in kinds.items():
        rate = 1000 * len(counts.hits) / max(counts.words, 1)
        print(
            f"{kind}: {len(counts.hits)} stilted in {counts.words} words, {rate:.1f} per 1,000 (limit {STILTED_LIMIT})"
        )
        if rate > STILTED_LIMIT:
            problems.append(f"too many stilted phrases in {kind}:\n  " + "\n  ".join(counts.hits[:40]))
    for kind, counts in names_by_kind.items():
        share = 100 * len(counts.hits) / max(counts.words, 1)
        print(f"{kind}: {len(counts.hits)} vague of {counts.words}, {share:.1f} % (limit {VAGUE_LIMIT})")
        if share > VAGUE_LIMIT:
            problems.append(f"too many vague {kind}:\n  " + "\n  ".join(counts.hits[:40]))
    print(f"docs: {kinds['docs'].words} words (limit {DOCS_LIMIT})")
    if kinds["docs"].words > DOCS_LIMIT:
        problems.append("the docs are too long")
    print(f"docstrings with a long opening: {len(openings)}")
    if openings:
        problems.append("a docstring opens with a long sentence:\n  " + "\n  ".join(openings[:40]))
    return problems


def main() -> int:
    """Print the counts and what exceeds a limit; return the exit status."""
    problems = findings(ROOT)
    print("\n".join(problems))
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
