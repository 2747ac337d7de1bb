"""Matrices of segregation of duties, as CSV: a list of pairs, or a square of marks (S6). Pure.

Lists have a heading and a row for each conflict: what is in conflict in two or more columns, beside them what it is called, how
bad it is and why. Squares have the same names above and on the left and a mark where two are in conflict. Separators, encodings
and spellings are those that spreadsheets and the usual tools write. What can't be read is refused in words, by line.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from approvals.conflicts.imports.imported_rules import LEGS, RULES, Collected, Imported, Side, file_shown, rating_of
from inventory.importers.display import label, vocabulary

#: In bytes; rows; columns.
SIZE, ROWS, COLUMNS = 5 * 1024 * 1024, 20_000, 500
_SEPARATORS = ",;\t|"
#: Spreadsheets put a title above the heading.
_ABOVE = 10

_THINGS = (
    "role|rolle|function|funktion|activity|aktivitat|task|aufgabe|duty|entitlement|privilege|permission|berechtigung|access|"
    "transaction|tcode|right|recht|responsibility|profile|profil|object|action|step|side|leg"
)
_SIDE = re.compile(
    rf"(?:conflicting|conflict|sod|incompatible)?(?:{_THINGS})(?:name|code|id)?(?P<which>[a-f]|[1-6]|first|second|left|right)"
    r"(?:name|code|id|technicalname)?"
)
_FIRST = re.compile(rf"(?:(?:first|left)(?:{_THINGS})|{_THINGS})(?:name)?")
_SECOND = re.compile(
    rf"(?:conflicting|incompatible|second|other|right|excluded)(?:{_THINGS})(?:name)?|conflictswith|incompatiblewith|conflictwith|excludes"
)
_COLUMNS = MappingProxyType(
    {
        "code": "riskid id ruleid rule conflictid sodid rulecode riskcode code number nr no risikoid risiko risk ref",
        "rating": (
            "risklevel level severity rating riskrating priority criticality prio risikostufe stufe kritikalitat schweregrad impact "
            "classification conflictlevel"
        ),
        "reason": (
            "description riskdescription conflictdescription ruledescription reason rationale text beschreibung "
            "begrundung comment remarks note details why"
        ),
        "title": "title name riskname rulename conflictname bezeichnung titel shorttext",
        "process": "process businessprocess module area prozess geschaftsprozess modul domain functionalarea",
        "resolve": "mitigation mitigatingcontrol remediation resolution resolve compensatingcontrol control massnahme kontrolle",
        "mode": "mode enforcement handling modus controltype",
    }
)
_COLUMN_OF = MappingProxyType({word: name for name, words in _COLUMNS.items() for word in words.split()})
_MODES = MappingProxyType(
    {
        "record": "record report detect detective monitor warn warning log notify allow",
        "approval": "approval approve mitigate mitigated review escalate",
        "enforce": "enforce enforced block prevent preventive preventative deny forbid reject",
    }
)
_MODE_OF = MappingProxyType({word: mode for mode, words in _MODES.items() for word in words.split()})
#: What a mark is, beside a rating; what none is; as `_plain` has them.
_MARKS = vocabulary(
    "x xx 1 yes y ja j oui si true conflict konflikt sod c \u2713 \u2714 \u2717 \u2718 \u2715 \u25cf \u2022 \u00d7"
)
_NO_MARKS = vocabulary("0 no n nein non false na ok none - \u2013 \u2014 . n/a \\ / = +")
#: How compressed files and others that are no text begin.
BINARY = (b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"%PDF", b"BZh", b"7z\xbc\xaf")


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    cells: list[str]


@dataclass(frozen=True, slots=True)
class _Heading:
    """Which columns are what; a side may have several, a name and an id."""

    row: int
    sides: tuple[tuple[int, ...], ...]
    said: Mapping[str, int]


class _NotRead(Exception):
    """The file as a whole can't be read: where, what, what to do."""


def read(file: str, data: bytes) -> Imported:
    """The rules of a matrix.

    Args:
        file: its name as the person gave it.
        data: its bytes: UTF-8, UTF-16 with a byte order mark, or what Windows writes in western Europe.

    Returns:
        Rules, symmetric, each pair once; modes are *record* where nothing says otherwise, since a matrix says what is a risk and
        not what to do about it. Problems name file and line.
    """
    name, found = file_shown(file), Collected()
    try:
        rows, heading = _table(_text(data))
        if heading is not None:
            _list(name, rows, heading, found)
        else:
            _square(name, rows, found)
    except _NotRead as refused:
        where, what, what_to_do = refused.args
        found.wrong(f"{name}, {where}" if where else name, what, what_to_do)
    result = found.result()
    if not result.documents and not result.problems:
        found.wrong(name, "it holds no conflict", "Bring in a list with rows, or a square with marks.")
    return found.result()


def _text(data: bytes) -> str:
    if len(data) > SIZE:
        raise _NotRead("", f"it is larger than {SIZE // 1024 // 1024} MB", "Bring in fewer rules at a time.")
    if data.startswith(BINARY):
        raise _NotRead(
            "", "it is no text: a workbook or another packed file", "Save the sheet as CSV and bring in that."
        )
    encodings = ("utf-16",) if data.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if re.match(r"\s*<(?:\?xml\b|!|[A-Za-z][\w:.-]*[\s/>])(?!.*,)", text):
            raise _NotRead("", "it is XML", "Save the matrix as CSV and import that.")
        if "\0" not in text:
            return text
    raise _NotRead("", "it is no text in an encoding that is known", "Save it as CSV in UTF-8.")


def _table(text: str) -> tuple[list[_Row], _Heading | None]:
    """The rows by the separator that gives a heading, or else the most columns, and the heading if it is a list."""
    said = re.match(r"sep=(.)\r?\n", text, re.IGNORECASE)
    separators = said.group(1) if said and said.group(1) in _SEPARATORS else _SEPARATORS
    widest: list[_Row] = []
    refused: _NotRead | None = None
    for separator in separators:
        try:
            rows = list(_rows(text, separator, 1 if said else 0))
        except _NotRead as problem:
            refused = refused or problem
            continue
        for number, row in enumerate(rows[:_ABOVE]):
            if (heading := _heading(number, row.cells)) is not None:
                return rows, heading
        if _width(rows) > _width(widest):
            widest = rows
    if refused is not None and _width(widest) < 2:
        raise refused
    return widest, None


def _width(rows: Sequence[_Row]) -> int:
    return max((len(row.cells) for row in rows[:_ABOVE]), default=0)


def _rows(text: str, separator: str, skipped: int) -> Iterator[_Row]:
    """Rows that say something, each with the line that it begins in, cells made fit to be shown."""
    lines = io.StringIO(text, newline="")
    for _ in range(skipped):
        lines.readline()
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    begins, count = skipped + 1, 0
    try:
        for cells in reader:
            if len(cells) > COLUMNS:
                raise _NotRead(f"line {begins}", f"it has more than {COLUMNS} columns", "Bring in a smaller matrix.")
            shown = [label(cell, len(cell) + 1) for cell in cells]
            if any(shown):
                count += 1
                if count > ROWS:
                    raise _NotRead(f"line {begins}", f"there are more than {ROWS:,} rows", "Bring in fewer at a time.")
                yield _Row(begins, shown)
            begins = skipped + reader.line_num + 1
    except csv.Error:
        what = "a quoted text is not closed, or goes on after its quotes, or is too long"
        raise _NotRead(f"line {begins}", what, "Save it as CSV again from where it was made.") from None


def _heading(number: int, cells: Sequence[str]) -> _Heading | None:
    plain = [_plain(cell) for cell in cells]
    sides = _sides(plain)
    if len(sides) < 2:
        return None
    said: dict[str, int] = {}
    for place, word in enumerate(plain):
        if word in _COLUMN_OF and not any(place in side for side in sides):
            said.setdefault(_COLUMN_OF[word], place)
    return _Heading(number, sides[:LEGS], said)


def _sides(plain: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """Columns of what is in conflict, those with names before those with ids: ``Role_A`` and ``Role_B``, ``Role`` and ``Conflicting role``."""
    numbered: dict[str, list[int]] = {}
    for place, word in enumerate(plain):
        if (one := _SIDE.fullmatch(word)) is not None:
            numbered.setdefault(one["which"], []).append(place)
    if numbered:
        return tuple(
            tuple(sorted(places, key=lambda place: plain[place].endswith(("id", "code"))))
            for places in numbered.values()
        )
    first = next((place for place, word in enumerate(plain) if _FIRST.fullmatch(word)), None)
    second = next((place for place, word in enumerate(plain) if _SECOND.fullmatch(word) and place != first), None)
    return ((first,), (second,)) if first is not None and second is not None else ()


def _list(file: str, rows: Sequence[_Row], heading: _Heading, found: Collected) -> None:
    for row in rows[heading.row + 1 :]:
        where = f"{file}, line {row.line}"
        called = [[name for place in places if (name := _cell(row, place))] for places in heading.sides]
        sides = [Side(names[0], tuple(dict.fromkeys(names))) for names in called if names]
        if len(sides) < 2:
            missing = _cell(rows[heading.row], heading.sides[called.index([])][0])
            found.wrong(where, f"{missing} is empty", "Say what is in conflict with what.")
            continue
        said = {name: _cell(row, place) for name, place in heading.said.items()}
        if said.get("rating") and not rating_of(said["rating"]):
            found.wrong(where, "its rating is none that is known", "It is taken as medium; write low, medium or high.")
        if said.get("mode") and _plain(said["mode"]) not in _MODE_OF:
            found.wrong(
                where, "its mode is none that is known", "It is taken as record; write record, approval or enforce."
            )
        said["rating"] = rating_of(said.get("rating", ""))
        said["mode"] = _MODE_OF.get(_plain(said.get("mode", "")), "")
        found.add(where, sides, said)


def _square(file: str, rows: Sequence[_Row], found: Collected) -> None:
    above = next((row for row in rows[:_ABOVE] if sum(map(bool, row.cells[1:])) >= 2), None)
    if above is None:
        found.wrong(
            file,
            "it is neither a list of conflicts nor a square of marks",
            "Head two columns Role_A and Role_B, or write the same names above and on the left.",
        )
        return
    names = {name.casefold(): name for name in above.cells[1:] if name}
    below = [row for row in rows if row.line > above.line]
    if not any(row.cells[0].casefold() in names for row in below):
        raise _NotRead(
            f"line {above.line}",
            "it is neither a heading that is known nor the top of a square, whose names stand on the left too",
            "Head two columns Role_A and Role_B, or write the same names above and on the left.",
        )
    for row in below:
        _marks(file, above, names, row, found)


def _marks(file: str, above: _Row, names: Mapping[str, str], row: _Row, found: Collected) -> None:
    where = f"{file}, line {row.line}"
    left = names.get(row.cells[0].casefold())
    if left is None:
        if any(_is_mark(cell) for cell in row.cells[1:]):
            found.wrong(
                where, "the name on its left does not stand above", "Write the same names above and on the left."
            )
        return
    for place, mark in enumerate(row.cells[1:], 1):
        top = _cell(above, place)
        if not mark or _plain(mark) in _NO_MARKS or (top and top.casefold() == left.casefold()):
            continue
        if not top:
            found.wrong(f"{where}, column {place + 1}", "a mark has no name above it", "Write what it is about.")
        elif not _is_mark(mark):
            found.wrong(
                f"{where}, column {place + 1}", "a mark is none that is known", "Write X, or low, medium or high."
            )
        else:
            sides = [Side(name, (name,)) for name in (left, top)]
            found.add(where, sides, {"rating": rating_of(mark)})


def _is_mark(cell: str) -> bool:
    return _plain(cell) in _MARKS or bool(rating_of(cell))


def _cell(row: _Row, place: int) -> str:
    return row.cells[place] if place < len(row.cells) else ""


def _plain(text: str) -> str:
    """A heading or a mark without case, accents and what stands between words; a sign alone stays."""
    one = text.strip().casefold()
    if len(one) == 1 or one == "n/a":
        return one
    letters = unicodedata.normalize("NFKD", one).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]", "", letters)


__all__ = ["RULES", "read"]
