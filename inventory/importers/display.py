"""Displayable text from a source: one line, limited length, visible characters only, one form."""

import hashlib
import re
import unicodedata

#: Stands for a part that the platform computes at run time.
EXPRESSION = "{expression}"
#: Stands for a part that a model chooses.
MODEL = "{model}"

_FROM_MODEL = re.compile(r"\$fromAI\b", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
#: Categories of invisible characters: controls, formats (direction overrides, joiners, tags), unassigned ones.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
#: Letters, marks and signs in Unicode that show nothing: fillers, variant selectors, an empty cell.
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def vocabulary(words: str) -> frozenset[str]:
    """Words of a text, for tables written as prose."""
    return frozenset(words.split())


def displayed(text: object, limit: int = 200) -> str:
    """`text` on one line, without invisible characters; empty for other types than text and numbers.

    The result may be a key for a connection or credential. A text with invisible characters, or longer than `limit`,
    ends in a short digest of the whole text. So two texts that look alike, or begin alike, stay different.
    """
    line = _on_one_line(text)
    plain = _seen(line)
    if plain == line and len(plain) <= limit:
        return plain
    digest = hashlib.sha256(line.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{plain if len(plain) <= limit - 9 else plain[: limit - 10].rstrip()}…{digest}"


def display_label(text: object, limit: int = 200) -> str:
    """`text` like `displayed`, for labels that are no keys: without a digest for invisible characters."""
    return displayed(_seen(_on_one_line(text)), limit)


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
    """Whether n8n computes the value: it starts with ``=``, or contains ``{{ }}`` as in old exports."""
    return text.startswith("=") or "{{" in text


def expressions(text: str) -> list[tuple[int, int]]:
    """Ranges of the ``{{ … }}`` parts of a value; an unclosed one reaches to the end."""
    spans: list[tuple[int, int]] = []
    begin = text.find("{{")
    while begin >= 0:
        closed = text.find("}}", begin + 2)
        end = len(text) if closed < 0 else closed + 2
        spans.append((begin, end))
        begin = text.find("{{", end)
    return spans


def without_expressions(text: str) -> str:
    """Literal parts of a value, with a placeholder for each computed part."""
    body = text.removeprefix("=")
    parts, end = [], 0
    for begin, stop in expressions(body):
        parts += [body[end:begin], MODEL if is_model_chosen(body[begin:stop]) else EXPRESSION]
        end = stop
    return "".join([*parts, body[end:]])
