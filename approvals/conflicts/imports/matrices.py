"""Matrices of segregation of duties as CSV: a list of pairs, or a square of marks (S6). Pure.

A list has a heading and one row for each conflict: two or more columns of sides, and columns for name, rating and
reason. A square has the same names above and on the left, and a mark for each conflict. It accepts the separators,
encodings and spellings of spreadsheets and common tools. Everything else is an error with its line.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from approvals.conflicts.imports.imported_rules import (
    WORDS,
    ImportedRules,
    RuleCollector,
    Side,
    by_word,
    file_shown,
    plain_word,
    rating_of,
)
from approvals.conflicts.rule_language.rule import LEGS
from inventory.importers.display import display_label, vocabulary

#: In bytes; rows; columns.
SIZE, ROWS, COLUMNS = 5 * 1024 * 1024, 20_000, 500
_SEPARATORS = ",;\t|"
#: Rows that may stand above the heading, for example a title.
_TITLE_ROWS = 10

_SIDE_WORDS = "|".join(WORDS["sides"].split())
_SIDE = re.compile(
    rf"(?:conflicting|conflict|sod|incompatible)?(?:{_SIDE_WORDS})(?:name|code|id)?(?P<which>[a-f]|[1-6]|first|second|left|right)"
    r"(?:name|code|id|technicalname)?"
)
_FIRST = re.compile(rf"(?:(?:first|left)(?:{_SIDE_WORDS})|{_SIDE_WORDS})(?:name)?")
_SECOND = re.compile(
    rf"(?:conflicting|incompatible|second|other|right|excluded)(?:{_SIDE_WORDS})(?:name)?|conflictswith|incompatiblewith|conflictwith|excludes"
)
_COLUMN_OF, _MODE_OF = by_word("columns"), by_word("modes")
#: Words for a mark (ratings are marks too) and for no mark, as `plain_word` returns them.
_MARKS, _NO_MARKS = vocabulary(WORDS["marks"]), vocabulary(WORDS["no_marks"])
#: First bytes of binary files.
BINARY = (b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"%PDF", b"BZh", b"7z\xbc\xaf")


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class _Heading:
    """The columns of a list. A side may have several: a name and an id."""

    row: int
    sides: tuple[tuple[int, ...], ...]
    texts: Mapping[str, int]


class _UnreadableFile(Exception):
    """The whole file can't be read: where, what, what to do."""


def parse_matrix(file: str, data: bytes) -> ImportedRules:
    """Parse the rules of a matrix.

    Args:
        file: its name as the person gave it.
        data: its bytes: UTF-8, UTF-16 with a byte order mark, or Windows-1252.

    Returns:
        Symmetric rules, each pair once. The default mode is *record*: a matrix names risks, not measures. Errors name file and line.
    """
    name, collected = file_shown(file), RuleCollector()
    try:
        rows, heading = _read_table(_decode(data))
        if heading is not None:
            _read_list(name, rows, heading, collected)
        else:
            _read_square(name, rows, collected)
    except _UnreadableFile as refused:
        where, message, what_to_do = refused.args
        collected.wrong(f"{name}, {where}" if where else name, message, what_to_do)
    if collected.is_empty:
        collected.wrong(name, "it holds no conflict", "Import a list with rows, or a square with marks.")
    return collected.result()


def _decode(data: bytes) -> str:
    if len(data) > SIZE:
        raise _UnreadableFile("", f"it is larger than {SIZE // 1024 // 1024} MB", "Import fewer rules at a time.")
    if data.startswith(BINARY):
        raise _UnreadableFile(
            "", "it is no text: a workbook or another packed file", "Save the sheet as CSV and import that."
        )
    encodings = ("utf-16",) if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if re.match(r"\s*<(?:\?xml\b|!|[A-Za-z][\w:.-]*[\s/>])(?!.*,)", text):
            raise _UnreadableFile("", "it is XML", "Save the matrix as CSV and import that.")
        if "\0" not in text:
            return text
    raise _UnreadableFile("", "it is no text in an encoding that is known", "Save it as CSV in UTF-8.")


def _read_table(text: str) -> tuple[list[_Row], _Heading | None]:
    """Return the rows and the heading of a list.

    The separator is the first that gives a heading, or the one with the most columns.
    """
    declared = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    separators = declared.group(1) if declared and declared.group(1) in _SEPARATORS else _SEPARATORS
    widest: list[_Row] = []
    refused: _UnreadableFile | None = None
    for separator in separators:
        try:
            rows = list(_read_rows(text, separator, 1 if declared else 0))
        except _UnreadableFile as problem:
            refused = refused or problem
            continue
        for number, row in enumerate(rows[:_TITLE_ROWS]):
            if (heading := _find_heading(number, row.cells)) is not None:
                return rows, heading
        if _width(rows) > _width(widest):
            widest = rows
    if refused is not None and _width(widest) < 2:
        raise refused
    return widest, None


def _width(rows: Sequence[_Row]) -> int:
    return max((len(row.cells) for row in rows[:_TITLE_ROWS]), default=0)


def _read_rows(text: str, separator: str, skipped: int) -> Iterator[_Row]:
    """Yield rows that are not empty, with their first line and cleaned cells."""
    lines = io.StringIO(text, newline="")
    for _ in range(skipped):
        lines.readline()
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    begins, count = skipped + 1, 0
    try:
        for cells in reader:
            if len(cells) > COLUMNS:
                raise _UnreadableFile(
                    f"line {begins}", f"it has more than {COLUMNS} columns", "Import a smaller matrix."
                )
            shown = [display_label(cell, len(cell) + 1) for cell in cells]
            if any(shown):
                count += 1
                if count > ROWS:
                    raise _UnreadableFile(
                        f"line {begins}", f"there are more than {ROWS:,} rows", "Import fewer at a time."
                    )
                yield _Row(begins, shown)
            begins = skipped + reader.line_num + 1
    except csv.Error:
        message = "a quoted text is not closed, or goes on after its quotes, or is too long"
        raise _UnreadableFile(f"line {begins}", message, "Save it as CSV again from where it was made.") from None


def _find_heading(number: int, cells: Sequence[str]) -> _Heading | None:
    plain = [plain_word(cell) for cell in cells]
    sides = _find_sides(plain)
    if len(sides) < 2:
        return None
    place_by_text: dict[str, int] = {}
    for place, word in enumerate(plain):
        if word in _COLUMN_OF and not any(place in side for side in sides):
            place_by_text.setdefault(_COLUMN_OF[word], place)
    return _Heading(number, sides[:LEGS], place_by_text)


def _find_sides(plain: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Return the columns of the sides, names before ids: ``Role_A`` and ``Role_B``, ``Role`` and ``Conflicting
    role``.
    """
    numbered: dict[str, list[int]] = {}
    for place, word in enumerate(plain):
        if (match := _SIDE.fullmatch(word)) is not None:
            numbered.setdefault(match["which"], []).append(place)
    if numbered:
        return tuple(
            tuple(sorted(places, key=lambda place: plain[place].endswith(("id", "code"))))
            for places in numbered.values()
        )
    first = next((place for place, word in enumerate(plain) if _FIRST.fullmatch(word)), None)
    second = next((place for place, word in enumerate(plain) if _SECOND.fullmatch(word) and place != first), None)
    return ((first,), (second,)) if first is not None and second is not None else ()


def _read_list(file: str, rows: Sequence[_Row], heading: _Heading, collected: RuleCollector) -> None:
    for row in rows[heading.row + 1 :]:
        where = f"{file}, line {row.line}"
        called = [[name for place in places if (name := _cell(row, place))] for places in heading.sides]
        sides = [Side(names[0], tuple(dict.fromkeys(names))) for names in called if names]
        if len(sides) < 2:
            missing = _cell(rows[heading.row], heading.sides[called.index([])][0])
            collected.wrong(where, f"{missing} is empty", "Say what is in conflict with what.")
            continue
        texts = {name: _cell(row, place) for name, place in heading.texts.items()}
        if texts.get("rating") and not rating_of(texts["rating"]):
            collected.wrong(
                where, "its rating is none that is known", "It is taken as medium; write low, medium or high."
            )
        if texts.get("mode") and plain_word(texts["mode"]) not in _MODE_OF:
            collected.wrong(
                where, "its mode is none that is known", "It is taken as record; write record, approval or enforce."
            )
        texts["rating"] = rating_of(texts.get("rating", ""))
        texts["mode"] = _MODE_OF.get(plain_word(texts.get("mode", "")), "")
        collected.add(where, sides, texts)


def _read_square(file: str, rows: Sequence[_Row], collected: RuleCollector) -> None:
    above = next((row for row in rows[:_TITLE_ROWS] if sum(map(bool, row.cells[1:])) >= 2), None)
    if above is None:
        collected.wrong(
            file,
            "it is neither a list of conflicts nor a square of marks",
            "Head two columns Role_A and Role_B, or write the same names above and on the left.",
        )
        return
    names = {name.casefold(): name for name in above.cells[1:] if name}
    below = [row for row in rows if row.line > above.line]
    if not any(row.cells[0].casefold() in names for row in below):
        raise _UnreadableFile(
            f"line {above.line}",
            "it is neither a heading that is known nor the top of a square, whose names stand on the left too",
            "Head two columns Role_A and Role_B, or write the same names above and on the left.",
        )
    for row in below:
        _read_marks(file, above, names, row, collected)


def _read_marks(file: str, above: _Row, names: Mapping[str, str], row: _Row, collected: RuleCollector) -> None:
    where = f"{file}, line {row.line}"
    left_name = names.get(row.cells[0].casefold())
    if left_name is None:
        if any(_is_mark(cell) for cell in row.cells[1:]):
            collected.wrong(
                where, "the name on its left does not stand above", "Write the same names above and on the left."
            )
        return
    for place, mark in enumerate(row.cells[1:], 1):
        top_name = _cell(above, place)
        if not mark or plain_word(mark) in _NO_MARKS or (top_name and top_name.casefold() == left_name.casefold()):
            continue
        if not top_name:
            collected.wrong(f"{where}, column {place + 1}", "a mark has no name above it", "Write what it is about.")
        elif not _is_mark(mark):
            collected.wrong(
                f"{where}, column {place + 1}", "a mark is none that is known", "Write X, or low, medium or high."
            )
        else:
            sides = [Side(name, (name,)) for name in (left_name, top_name)]
            collected.add(where, sides, {"rating": rating_of(mark)})


def _is_mark(cell: str) -> bool:
    return plain_word(cell) in _MARKS or bool(rating_of(cell))


def _cell(row: _Row, place: int) -> str:
    return row.cells[place] if place < len(row.cells) else ""
