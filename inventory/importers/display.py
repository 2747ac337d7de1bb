"""Text from a source, made fit to be shown: one line, bounded, without control characters, with one form for the same thing."""

from __future__ import annotations

import hashlib
import re
import unicodedata

EXPRESSION = "{expression}"
"""Stands for a part that the platform computes at run time."""
MODEL = "{model}"
"""Stands for a part that a model chooses."""

_FROM_MODEL = re.compile(r"\$fromAI\b", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def vocabulary(words: str) -> frozenset[str]:
    """The words of a text, for tables that read better as prose."""
    return frozenset(words.split())


def shown(text: object, limit: int = 200) -> str:
    """`text` on one line without control characters; empty for what is not text or a number.

    What is longer than `limit` characters is cut and ends in a short digest of the whole, so that two long texts that
    begin alike stay two.
    """
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        return ""
    plain = _SPACE.sub(" ", str(text))
    if not plain.isascii() or not plain.isprintable():
        plain = "".join(c for c in plain if unicodedata.category(c) not in ("Cc", "Cs", "Co", "Cn"))
    plain = plain.strip()
    if len(plain) <= limit:
        return plain
    return f"{plain[: limit - 10].rstrip()}…{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def is_model_chosen(text: str) -> bool:
    """Whether an n8n value asks a model to fill it in (``$fromAI``)."""
    return "$from" in text and _FROM_MODEL.search(text) is not None


def is_expression(text: str) -> bool:
    """Whether n8n would compute the value: it starts with ``=``, or carries ``{{ }}`` as old exports do."""
    return text.startswith("=") or "{{" in text


def expressions(text: str) -> list[tuple[int, int]]:
    """Where the ``{{ … }}`` parts of a value begin and end; one that is not closed reaches to the end."""
    spans: list[tuple[int, int]] = []
    begin = text.find("{{")
    while begin >= 0:
        closed = text.find("}}", begin + 2)
        end = len(text) if closed < 0 else closed + 2
        spans.append((begin, end))
        begin = text.find("{{", end)
    return spans


def without_expressions(text: str) -> str:
    """The literal parts of a value, each computed part replaced by what stands for it."""
    body = text.removeprefix("=")
    parts, end = [], 0
    for begin, stop in expressions(body):
        parts += [body[end:begin], MODEL if is_model_chosen(body[begin:stop]) else EXPRESSION]
        end = stop
    return "".join([*parts, body[end:]])
