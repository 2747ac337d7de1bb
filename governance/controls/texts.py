"""Free text that people type: kept beside ledger and history, which hold its keyed digest only (H6)."""

from __future__ import annotations

import secrets
import unicodedata
from datetime import datetime

from django.db.models import QuerySet

from governance.controls.keys import keyed_digest
from governance.controls.models import FreeText
from governance.controls.refusals import Refusal, refuse

#: The longest reason, comment or justification, in characters.
LONGEST = 4000

#: Format characters that languages need inside words: zero-width non-joiner and joiner.
_JOINERS = "\u200c\u200d"


def clean(text: str) -> str:
    """The text without control characters and bidirectional overrides, trimmed; line breaks stay.

    Raises:
        InvalidInput: it is longer than `LONGEST`. Nothing is cut off silently: the person shortens it.
    """
    one = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (c for c in one if c in "\n\t" or c in _JOINERS or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    cleaned = "".join(kept).strip()
    if len(cleaned) > LONGEST:
        sentence = f"This text has {len(cleaned):,} characters; at most {LONGEST:,} are kept."
        raise refuse(
            Refusal("TEXT", "input", sentence, "Shorten it, or put the long part into a document and link to it.")
        )
    return cleaned


def keep(text: str) -> FreeText | None:
    """Store a text under a key of its own; None for an empty one.

    Raises:
        InvalidInput: see `clean`.
    """
    text = clean(text)
    if not text:
        return None
    key = secrets.token_bytes(32)
    return FreeText.objects.create(text=text, key=key, digest=keyed_digest(key, text))


def erase(rows: QuerySet[FreeText], *, now: datetime) -> None:
    """Destroy texts with their keys: their digests, which stay, say nothing of them any more (H6)."""
    rows.exclude(text="").update(text="", key=b"", erased_at=now)


def erase_from(row: FreeText, text: str, *, now: datetime) -> None:
    """Leave of a text what is given, without whoever is erased; its key goes too, or the digest would confirm what was there (H6)."""
    row.text, row.key, row.erased_at = text, b"", now
    row.save(update_fields=["text", "key", "erased_at"])
