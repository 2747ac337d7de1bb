"""Free text that people type, stored apart from ledger and history, which hold only its keyed digest (H6)."""

import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import Exists, F, OuterRef, QuerySet, TextField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from governance.core.duties.refusals import Refusal, refuse
from governance.core.keys.key_files import keyed_digest
from governance.core.models import FreeText, LedgerEvent

#: The longest reason, comment or justification, in characters.
LONGEST = 4000

#: How a cell begins that a spreadsheet computes, in each width; blanks before it count for nothing.
FORMULAS = (*"=+-@", *"＝＋－＠", *"﹦﹢﹣﹫", "\t", "\r", "\n")

#: Categories of invisible characters: controls, formats (overrides of direction, joiners, tags), separators of lines.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: What Unicode has as letters, marks or signs, and what shows nothing all the same: fillers, selectors of a variant, an empty cell.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
#: Zero-width joiner and non-joiner, which languages from Hebrew on need inside words; nowhere else does anybody see them.
_JOINER = re.compile("(?<=[\u0590-\u1fff])[\u200c\u200d](?=[\u0590-\u1fff])")
_LINE_BREAK = re.compile("\r\n?|[\u2028\u2029]")
_SPACE = re.compile(r"\s+")


def seen(text: str) -> str:
    """Return the text without invisible characters, trimmed, so that texts that look equal are equal. Line breaks stay.

    Two kinds of joiners stay where a word of a language needs them.
    """
    line = _LINE_BREAK.sub("\n", text)
    if line.isascii() and line.isprintable():
        return line.strip()
    line = _FILLERS.sub("", line)
    needed = {match.start() for match in _JOINER.finditer(line)}
    kept = (c for at, c in enumerate(line) if c in "\n\t" or at in needed or unicodedata.category(c) not in _UNSEEN)
    return "".join(kept).strip()


def name(text: str) -> str:
    """Return a name, code or title on one line, without invisible characters and joiners."""
    return _SPACE.sub(" ", seen(text).translate({0x200C: None, 0x200D: None})).strip()


def clean(text: str) -> str:
    """Return a typed text as it is stored: `seen`.

    Raises:
        InvalidInput: it is longer than `LONGEST`. The person shortens it; nothing is cut.
    """
    cleaned = seen(text)
    if len(cleaned) > LONGEST:
        sentence = f"This text has {len(cleaned):,} characters; at most {LONGEST:,} are kept."
        raise refuse(
            Refusal("TEXT", "input", sentence, "Shorten it, or put the long part into a document and link to it.")
        )
    return cleaned


def cell(value: object) -> str:
    """Return a cell of a CSV export that no spreadsheet computes: a formula's start gets an apostrophe before it (H4)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULAS) else text


def keep(text: str) -> FreeText | None:
    """Store a text with its own key; None for an empty text.

    Raises:
        InvalidInput: see `clean`.
    """
    return keep_all([text])[0]


def keep_all(given: Sequence[str]) -> list[FreeText | None]:
    """Store several texts like `keep`, in one statement, and return their rows."""
    texts = [clean(text) for text in given]
    keys = [secrets.token_bytes(32) if text else b"" for text in texts]
    made = [
        FreeText(text=text, key=key, digest=keyed_digest(key, text)) if text else None
        for text, key in zip(texts, keys, strict=True)
    ]
    FreeText.objects.bulk_create(row for row in made if row is not None)
    return made


def erase(rows: QuerySet[FreeText], *, now: datetime) -> None:
    """Destroy texts with their keys. Their digests stay, and reveal nothing without the keys (H6)."""
    rows.exclude(text="").update(text="", key=b"", erased_at=now)


def erase_from(row: FreeText, text: str, *, now: datetime) -> None:
    """Keep only the given rest of a text. Its key is destroyed, because the digest could confirm the erased words (H6)."""
    row.text, row.key, row.erased_at = text, b"", now
    row.save(update_fields=["text", "key", "erased_at"])


#: The event of which the erasure of texts is a part, at the same instant.
ERASING = "person.erased"
#: Rows that are read at once.
CHUNK = 2000


def rewritten() -> Iterator[str]:
    """Return changed texts, one sentence each, to verify the database (H2, H6).

    Each text is compared with its digest, and the digest with that of its sealed event. A text without an event, such as a
    justification, has only the first check. It reads in chunks.
    """
    for row in FreeText.objects.filter(erased_at__isnull=True).order_by("pk").iterator(chunk_size=CHUNK):
        if keyed_digest(bytes(row.key), row.text) != row.digest:
            yield f"{_named(row)} was rewritten: its digest does not match it."
    recorded = LedgerEvent.objects.filter(verb=ERASING, outcome="done", at=OuterRef("erased_at"))
    for row in FreeText.objects.filter(~Exists(recorded), erased_at__isnull=False).order_by("pk").iterator(CHUNK):
        yield f"{_named(row)} was erased, and no erasure is on record."
    events = LedgerEvent.objects.annotate(
        said=Coalesce(KT("payload__reason"), Value(""), output_field=TextField()),
        kept=Coalesce("reason__digest", Value(""), output_field=TextField()),
    ).exclude(said=F("kept"))
    for event in events.only("pk").order_by("pk").iterator(chunk_size=CHUNK):
        yield f"The text given with event {event.pk} is another than the event knows by its digest: it was rewritten."


def _named(row: FreeText) -> str:
    """Return the name of a text in a problem: its event, if there is one."""
    event = LedgerEvent.objects.filter(reason=row).order_by("pk").first()
    return f"The text given with event {event.pk}" if event is not None else f"Text {row.pk}, which no event was given,"
