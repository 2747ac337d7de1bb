"""Reads a list: a CSV file whose head says what it is a list of (P1). Pure: no database, no settings.

The table `columns.csv` has the columns. A column that no list has is refused, because its content would be lost.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from governance.core.texts import free_text
from governance.core.texts.csv_tables import read_rows
from inventory.importers.secrets.slots import published_secret

#: Most rows of one upload, and longest cell in characters.
MOST_ROWS, LONGEST_CELL = 5_000, 4_000
#: Most columns of a head or a line, with empty ones that spreadsheets add.
MOST_COLUMNS = 100
#: Separators of cells that spreadsheets write.
SEPARATORS: Final = ",;\t"
REMOVE_IT: Final = "Remove it, and replace it where it is valid."
COLUMNS: Final = read_rows(__file__, "columns.csv")
#: Kinds of lists in the order in which rows are applied: teams after people, because people lead them.
KINDS: Final = tuple(dict.fromkeys(row["list"] for row in COLUMNS))


class ListProblem(Exception):
    """A file that can't be read as a list.

    Args:
        file: its name.
        line: line number; 0 for the whole file.
        sentence: what is wrong.
        to_do: what to do.
    """

    def __init__(self, file: str, line: int, sentence: str, to_do: str) -> None:
        super().__init__(sentence)
        self.file, self.line, self.sentence, self.to_do = file, line, sentence, to_do


@dataclass(frozen=True)
class Line:
    """One row of a list.

    Args:
        kind: one of `KINDS`.
        file: name of its file.
        number: line in the file, from 1.
        cells: text by column, without blanks around it; empty cells are left out.
    """

    kind: str
    file: str
    number: int
    cells: Mapping[str, str]


def columns_of(kind: str, *, needed: bool = False) -> list[str]:
    """Return the columns of a kind of list, in their order.

    Args:
        kind: one of `KINDS`.
        needed: only those that must be there.
    """
    return [row["column"] for row in COLUMNS if row["list"] == kind and (row["needed"] or not needed)]


def read_lists(files: Iterable[tuple[str, bytes]]) -> list[Line]:
    """Read the rows of some files.

    Args:
        files: name and content of each.

    Raises:
        ListProblem: a file is no list, or they have more than `MOST_ROWS` rows.
    """
    lines: list[Line] = []
    for name, data in files:
        if provider := published_secret(free_text.seen(name)):
            raise ListProblem("A file", 0, f"Its name holds a secret ({provider}).", REMOVE_IT)
        for line in _read(name, data):
            if len(lines) == MOST_ROWS:
                raise ListProblem(name, line.number, f"More than {MOST_ROWS:,} rows are too many at once.", "Split it.")
            lines.append(line)
    return lines


def _read(file: str, data: bytes) -> Iterator[Line]:
    text = _decode(file, data)
    separator = max(SEPARATORS, key=text.partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        head = _without_empty_ends(file, 1, next(rows, []))
        columns = [cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in head]
        kind = _kind_of(file, head, columns)
        before = rows.line_num
        for row in rows:
            number, before = before + 1, rows.line_num
            cells = [cell.replace("\r\n", "\n").strip() for cell in _without_empty_ends(file, number, row)]
            if any(cells):
                _check_cells(file, number, columns, cells)
                yield Line(kind, file, number, {key: text for key, text in zip(columns, cells, strict=False) if text})
    except csv.Error as error:
        raise ListProblem(file, rows.line_num, f"This is no CSV: {error}.", "Export it once more as CSV.") from error


def _without_empty_ends(file: str, number: int, cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells.pop()
    if len(cells) > MOST_COLUMNS:
        raise ListProblem(file, number, f"A line has more than {MOST_COLUMNS} cells.", "Keep the columns of the list.")
    return cells


def _decode(file: str, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ListProblem(file, line, "This is not UTF-8.", "Save it as “CSV UTF-8”.") from error
    if "\0" in text:
        raise ListProblem(file, text[: text.index("\0")].count("\n") + 1, "This is no text.", "Save it as CSV.")
    if not text.strip():
        raise ListProblem(file, 0, "This file is empty.", "Its first line names the columns.")
    return text


def _kind_of(file: str, head: Sequence[str], columns: Sequence[str]) -> str:
    """The kind whose needed columns are all there; with several, the one with most of them."""
    fitting = [kind for kind in KINDS if set(columns_of(kind, needed=True)) <= set(columns)]
    if not fitting:
        lists = "; ".join(f"{kind}: {', '.join(columns_of(kind, needed=True))}" for kind in KINDS)
        raise ListProblem(file, 1, "The first line names the columns of no list.", f"A list needs: {lists}.")
    kind = max(fitting, key=lambda name: len(columns_of(name, needed=True)))
    allowed = columns_of(kind)
    unknown = [column for column in columns if column not in allowed]
    if any(published_secret(free_text.seen(cell)) for cell in head):
        raise ListProblem(file, 1, "The first line holds a secret.", REMOVE_IT)
    if unknown:
        sentence = f"A list of {kind} has no column “{unknown[0][:60]}”."
        raise ListProblem(file, 1, sentence, f"Its columns are: {', '.join(columns_of(kind))}.")
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise ListProblem(file, 1, f"The column “{twice}” stands twice.", "Remove one of them.")
    return kind


def _check_cells(file: str, number: int, columns: Sequence[str], cells: Sequence[str]) -> None:
    if len(cells) > len(columns) and any(cells[len(columns) :]):
        sentence = f"This line has {len(cells)} cells and the head {len(columns)}."
        raise ListProblem(file, number, sentence, "Put text with a separator in it between quotation marks.")
    longest = max(cells, key=len)
    if len(longest) > LONGEST_CELL:
        raise ListProblem(file, number, f"A cell has more than {LONGEST_CELL:,} characters.", "Shorten it.")
    for cell in cells:
        if provider := published_secret(free_text.seen(cell)):
            sentence = f"A cell holds a secret ({provider})."
            raise ListProblem(file, number, sentence, REMOVE_IT)
