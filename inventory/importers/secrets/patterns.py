"""Published shapes of providers' secrets, each with a plain text that is searched before the expression."""

from __future__ import annotations

import re
from collections.abc import Iterator

from inventory.importers.facts import facts

_BEGINS = r"(?<![A-Za-z0-9])"
_ENDS = r"(?![A-Za-z0-9])"

#: An address that opens another workflow. It is reported and stays: it says which workflow is called, and no page shows it.
N8N = "n8n webhook"

PATTERNS: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (provider, literal, re.compile(re.sub("^<", _BEGINS, re.sub(">$", _ENDS, shape))))
    for provider, literal, shape in facts("secrets")["providers"]["shapes"]
)


def provider_matches(text: str) -> Iterator[tuple[str, int, int]]:
    """(provider, start, end) of each match in `text`."""
    for provider, literal, expression in PATTERNS:
        if literal in text:
            for match in expression.finditer(text):
                yield provider, match.start(), match.end()
