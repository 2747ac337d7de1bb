"""Text from a source, made fit to be shown: one line, bounded, nothing in it that can't be seen, one form for the same thing."""

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
#: Categories of what takes no place on a page: controls, formats (overrides of direction, joiners, tags), unassigned ones.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: What Unicode has as letters, marks or signs, and what shows nothing all the same: fillers, selectors of a variant, an empty cell.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def vocabulary(words: str) -> frozenset[str]:
    """The words of a text, for tables that read better as prose."""
    return frozenset(words.split())


def shown(text: object, limit: int = 200) -> str:
    """`text` on one line, without what can't be seen; empty for what is not text or a number.

    It may be a key: by it the register finds a connection or a credential again. So what had something in it that can't be
    seen, and what is longer than `limit` characters and cut, ends in a short digest of the whole: two texts that look alike,
    or begin alike, stay two.
    """
    line = _on_one_line(text)
    plain = _seen(line)
    if plain == line and len(plain) <= limit:
        return plain
    digest = hashlib.sha256(line.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{plain if len(plain) <= limit - 9 else plain[: limit - 10].rstrip()}…{digest}"


def label(text: object, limit: int = 200) -> str:
    """`text` as `shown` has it, where it is no key: a name for people has no digest for what can't be seen."""
    return shown(_seen(_on_one_line(text)), limit)


def _on_one_line(text: object) -> str:
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        return ""
    return _SPACE.sub(" ", str(text)).strip()


def _seen(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    kept = "".join(c for c in text if unicodedata.category(c) not in _UNSEEN)
    return _SPACE.sub(" ", _FILLERS.sub("", kept)).strip()


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
