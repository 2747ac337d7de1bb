"""A register's selected rows as CSV or XLSX (H4).

The file's name has filter, time and the first digits of the digest. CSV is a plain table. The second sheet of a workbook has the filter in
full, time, reader, number of rows and their whole digest.

Rows are read in chunks and written to a file on disk, so memory does not grow with the register.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from tempfile import TemporaryFile
from typing import Any, Final

from django.http import FileResponse, HttpResponseBase
from django.utils import timezone
from django.utils.text import slugify
from xlsxwriter import Workbook

from governance.core.access import Actor
from governance.recertification.evidence.evidence_file import cell, csv_text
from governance.web.components import state_words
from governance.web.registers.register import Listing
from inventory.models import Lifetime

#: Content types.
TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
#: The most rows of a file, and rows that are read at once.
MOST, CHUNK = 50_000, 1_000
#: Most characters of title and filter in a file's name.
LONGEST_NAME: Final = 120
#: In a workbook no text is a formula, a number or a link, and rows go to disk as they come.
OPTIONS: Final = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}

_VOCABULARIES = {
    "tier": state_words.TIERS,
    "risk": state_words.TIERS,
    "drawn_level": state_words.LEVELS,
    "data_class": state_words.DATA_CLASSES,
    "kind": state_words.RESOURCE_KINDS,
}
#: Words of the codes of a column, as the pages show them.
WORDS: Final = {name: {code: word.text for code, word in words.items()} for name, words in _VOCABULARIES.items()} | {
    "lifetime": dict(Lifetime.choices)
}


class Rows:
    """Rows of text and numbers, counted and digested while they are read.

    Args:
        rows: the values of each row.
    """

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows, self._digest, self.count = rows, hashlib.sha256(), 0

    def __iter__(self) -> Iterator[list[int | str]]:
        for row in self._rows:
            cells = [value if type(value) is int else cell(_text(value)) for value in row]
            self.count += 1
            self._digest.update(csv_text([cells]).encode())
            yield cells

    def head(self) -> Mapping[str, Any]:
        """Number of rows and the SHA-256 of their CSV lines, after all were read."""
        note = {"note": f"only the first {MOST:,} rows"} if self.count >= MOST else {}
        return {"rows": self.count, **note, "sha256": self._digest.hexdigest()}


def _text(value: object) -> object:
    if isinstance(value, datetime):  # in the portal's zone, with its offset
        return timezone.localtime(value).isoformat(" ", "seconds")
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _worded(name: str, value: Any) -> Any:
    if name in ("environment", "enforcement"):
        return value.capitalize()
    return WORDS[name].get(value, value) if name in WORDS else value


def answer(listing: Listing, form: str, actor: Actor, now: datetime) -> HttpResponseBase:
    """Send the selected rows of a register, in the order of its pages."""
    register, words = listing.register, state_words.STATES[listing.register.state[0]]
    selected = listing.sorted_rows(MOST).iterator(chunk_size=CHUNK)
    rows = (
        [
            words[row.shown_state].text if name == "shown_state" else _worded(name, getattr(row, name))
            for name in register.exports.values()
        ]
        for row in selected
    )
    return send(
        register.title, list(register.exports), rows, form, filters=listing.filter_words(), actor=actor, now=now
    )


def send(
    title: str,
    heads: Sequence[str],
    values: Iterable[Sequence[Any]],
    form: str,
    *,
    filters: str,
    actor: Actor,
    now: datetime,
) -> HttpResponseBase:
    """Send rows as a file.

    Args:
        title: what the rows are; also names the file.
        heads: the head of each column.
        values: at most `MOST` rows.
        form: a key of `TYPES`.
        filters: the filter in words.
        actor: the reader.
        now: business time.
    """
    rows, file = Rows(values), TemporaryFile()  # noqa: SIM115  closed when it is sent
    head = {"type": "export", "of": title, "filter": filters or "none", "at": now, "by": str(actor.person or "")}
    if form == "xlsx":
        _write_workbook(Workbook(file, OPTIONS), heads, rows, head)
    else:
        for row in chain([heads], rows):
            file.write(csv_text([row]).encode())
    file.seek(0)
    first = f"first-{MOST}-rows-" if rows.count >= MOST else ""
    words, digest = slugify(f"{title} {filters}")[:LONGEST_NAME], rows.head()["sha256"][:16]
    name = f"{words}-{first}{now:%Y-%m-%d-%H%M}-{digest}.{form}"
    return FileResponse(file, as_attachment=True, filename=name, content_type=TYPES[form])


def _write_workbook(book: Workbook, heads: Sequence[str], rows: Rows, head: Mapping[str, Any]) -> None:
    """Write one sheet with the rows, and one that says what they are."""
    with book:
        sheet = book.add_worksheet("Rows")
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, len(heads) - 1, 22)
        sheet.write_row(0, 0, heads, book.add_format({"bold": True}))
        for number, row in enumerate(rows, start=1):
            sheet.write_row(number, 0, row)
        summary = book.add_worksheet("About")
        for number, (name, value) in enumerate({**head, **rows.head()}.items()):
            summary.write_row(number, 0, [name, cell(value)])
