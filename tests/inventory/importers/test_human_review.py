"""Thirty real files, read by a person and by the importer: both find the same, or the table says why not.

The table (`as_a_person/`) is compared both ways: what the person found and the importer did not, and what the importer
found and the person did not. What is printed of a difference never holds a text of the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from inventory.importers.reader import read_export
from inventory.importers.secrets.slots import looks_secret
from tests.inventory.importers import human_review
from tests.inventory.importers.human_review import KINDS, Found, Line

FILES = human_review.files()
LINES = human_review.lines()
DIFFERENCES = frozenset({"both", "person", "importer"})
_COUNTED = re.compile(r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", re.MULTILINE)
_CAUSE = re.compile(r"^\| ([\w' ]+) \| (\d+) \|", re.MULTILINE)


@pytest.fixture(scope="module")
def findings(real_exports: Path) -> dict[str, list[Found]]:
    """What the importer finds in each file."""
    by_file = {}
    for name, path in FILES.items():
        (result,) = read_export(Path(path).name, (real_exports / "imports" / path).read_bytes())
        by_file[name] = list(human_review.by_importer(result.manifest))
    return by_file


def differences(lines: list[Line], findings: list[Found]) -> Iterator[str]:
    """In words, what only one of the two finds, but for the differences that the table accepts.

    A line that stands for the importer must be found by it too: a difference that is gone is no longer accepted. Says which
    columns are not alike; what stands in them may be a text of the file, so it is not printed.
    """
    read_by_both = Counter(line.entry for line in lines if line.by != "person")
    by_importer = Counter(findings)
    missing, more = list((read_by_both - by_importer).elements()), list((by_importer - read_by_both).elements())
    for each in missing:
        alike = [other for other in more if (other.kind, other.where) == (each.kind, each.where)]
        if not alike:
            yield f"not found by the importer: {each.kind} at {each.where}"
            continue
        other = min(alike, key=lambda candidate: len(_unlike(each, candidate)))
        more.remove(other)
        yield f"read otherwise by the importer: {each.kind} at {each.where}, in {', '.join(_unlike(each, other))}"
    yield from (f"not found by the person: {each.kind} at {each.where}" for each in more)
    only_person = {line.entry for line in lines if line.by == "person"}
    yield from (f"no difference any more: {each.kind} at {each.where}" for each in only_person & set(findings))


def _unlike(finding: Found, other: Found) -> list[str]:
    return [field.name for field in fields(Found) if getattr(finding, field.name) != getattr(other, field.name)]


@pytest.mark.rule("I4", "I6", "I8")
@pytest.mark.parametrize("name", FILES)
def test_importer_agrees_with_human_review(name: str, findings: dict[str, list[Found]]) -> None:
    wrong = list(differences([line for line in LINES if line.file == name], findings[name]))
    if wrong:
        pytest.fail("\n".join([f"{name}:", *wrong]), pytrace=False)


def test_any_change_in_review_table_is_detected(findings: dict[str, list[Found]]) -> None:
    for index, line in enumerate(LINES):
        others = [each for at, each in enumerate(LINES) if at != index and each.file == line.file]
        for field in fields(Found):
            changed = replace(line, entry=replace(line.entry, **{field.name: getattr(line.entry, field.name) + "x"}))
            if line.by != "person":
                assert list(differences([*others, changed], findings[line.file])), (index, field.name)
        if line.by != "person":
            assert list(differences(others, findings[line.file])), index
        else:
            assert list(differences([*others, line], [*findings[line.file], line.entry])), index


def test_difference_shows_place_but_no_content() -> None:
    line = Line("f", "both", Found("privilege", "Node", "slack message:post", "write", "#finance"), "")
    read_otherwise = replace(line.entry, level="read", reach="https://example.org/?key=abc")
    (sentence,) = differences([line], [read_otherwise])
    assert sentence == "read otherwise by the importer: privilege at Node, in level, reach"


def test_the_table_is_of_thirty_files_and_every_difference_has_a_cause() -> None:
    assert len(FILES) == len(set(FILES.values())) == 30
    assert {line.file for line in LINES} == FILES.keys()
    assert {line.entry.kind for line in LINES} == set(KINDS)
    assert {line.by for line in LINES} <= DIFFERENCES
    assert all(bool(line.cause) == (line.by != "both") for line in LINES)
    assert len(LINES) == len({(line.file, line.by, line.entry) for line in LINES})


@pytest.mark.rule("I6")
def test_the_table_holds_no_secret() -> None:
    for line in LINES:
        for piece in re.split(r"[/ ]", f"{line.entry.where} {line.entry.reach}"):
            if looks_secret(piece):
                pytest.fail(
                    f"{line.file}: {line.entry.kind} {line.entry.what} holds what looks like a secret", pytrace=False
                )


def test_the_page_counts_as_the_table_does(root: Path) -> None:
    page = (root / "docs" / "importers.md").read_text(encoding="utf-8")
    counted = {kind: tuple(map(int, numbers)) for kind, *numbers in _COUNTED.findall(page)}
    for kind in KINDS:
        by = Counter(line.by for line in LINES if line.entry.kind == kind)
        person = by["both"] + by["person"]
        assert counted[kind] == (person, by["both"], by["person"], by["importer"]), kind
    causes = Counter(cause for cause in {(line.file, line.entry.where, line.cause) for line in LINES if line.cause})
    by_cause = Counter(cause for _, _, cause in causes)
    assert {cause: int(count) for cause, count in _CAUSE.findall(page) if cause in by_cause} == dict(by_cause)
