"""Free text that people type: kept beside ledger and history, which hold its keyed digest only (H6)."""

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
    """The text without what nobody sees, trimmed, so that two that look alike are alike; line breaks stay.

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
    """A name, code or title: on one line, and nothing in it that nobody sees, joiners included."""
    return _SPACE.sub(" ", seen(text).translate({0x200C: None, 0x200D: None})).strip()


def clean(text: str) -> str:
    """What a person typed, as it is kept: `seen`.

    Raises:
        InvalidInput: it is longer than `LONGEST`. Nothing is cut off silently: the person shortens it.
    """
    cleaned = seen(text)
    if len(cleaned) > LONGEST:
        sentence = f"This text has {len(cleaned):,} characters; at most {LONGEST:,} are kept."
        raise refuse(
            Refusal("TEXT", "input", sentence, "Shorten it, or put the long part into a document and link to it.")
        )
    return cleaned


def cell(value: object) -> str:
    """A cell of a CSV export that no spreadsheet computes: one that begins like a formula gets an apostrophe first (H4)."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULAS) else text


def keep(text: str) -> FreeText | None:
    """Store a text under a key of its own; None for an empty one.

    Raises:
        InvalidInput: see `clean`.
    """
    return keep_all([text])[0]


def keep_all(given: Sequence[str]) -> list[FreeText | None]:
    """Store some texts as `keep` does one, in one statement, and return what was made of each."""
    texts = [clean(text) for text in given]
    keys = [secrets.token_bytes(32) if text else b"" for text in texts]
    made = [
        FreeText(text=text, key=key, digest=keyed_digest(key, text)) if text else None
        for text, key in zip(texts, keys, strict=True)
    ]
    FreeText.objects.bulk_create(row for row in made if row is not None)
    return made


def erase(rows: QuerySet[FreeText], *, now: datetime) -> None:
    """Destroy texts with their keys: their digests, which stay, say nothing of them any more (H6)."""
    rows.exclude(text="").update(text="", key=b"", erased_at=now)


def erase_from(row: FreeText, text: str, *, now: datetime) -> None:
    """Keep the given rest of a text. Its key is destroyed too, or the digest would confirm the erased words (H6)."""
    row.text, row.key, row.erased_at = text, b"", now
    row.save(update_fields=["text", "key", "erased_at"])


#: The event of which the erasure of texts is a part, at the same instant.
ERASING = "person.erased"
#: Rows that are read at once.
CHUNK = 2000


def rewritten() -> Iterator[str]:
    """What is not as it was typed, one sentence each: for verifying the database (H2, H6).

    A text is compared with its own digest, and that with the one in the sealed event that it was given with. One that no event
    was given, a justification say, is found only by the first. Reads in chunks, however many there are.
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
    """What a problem calls a text: by the event that it was given with, where there is one."""
    event = LedgerEvent.objects.filter(reason=row).order_by("pk").first()
    return f"The text given with event {event.pk}" if event is not None else f"Text {row.pk}, which no event was given,"
