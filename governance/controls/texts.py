"""Free text that people type: kept beside ledger and history, which hold its keyed digest only (H6)."""

from __future__ import annotations

import secrets
import unicodedata

from governance.controls.keys import keyed_digest
from governance.controls.models import FreeText

#: The longest reason, comment or justification, in characters.
LONGEST = 4000


def clean(text: str) -> str:
    """The text without control characters and bidirectional overrides, trimmed; line breaks stay."""
    kept = (c for c in text.replace("\r\n", "\n") if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    return "".join(kept).strip()[:LONGEST]


def keep(text: str) -> FreeText | None:
    """Store a text under a key of its own; None for an empty one."""
    text = clean(text)
    if not text:
        return None
    key = secrets.token_bytes(32)
    return FreeText.objects.create(text=text, key=key, digest=keyed_digest(key, text))
