"""Parse bytes to a JSON document that is safe to walk. A problem names place and reason and quotes no content.

Checks size, encoding, depth, number of values, duplicate names, and numbers and text that canonical JSON (RFC 8785)
cannot carry. Comments and trailing commas are accepted, as in editors' configuration files. Other modules interpret the
document.
"""

import json
import math
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from inventory.importers.facts import facts
from inventory.importers.problem import ImportProblem

#: None, bool, int, float, str, list or dict with text keys.
JSON = Any


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one file: `size` in bytes, `depth` of nested lists and objects, `values` in total.

    A value takes up to thirty times its bytes in memory and long processing, so the number of values limits both. Real
    exports have one value in twenty-five bytes. `automations` counts those of a file; `steps` the nodes or servers of
    one automation; `entries` the arguments, variables, headers or tools of one server.
    """

    size: int = 20 * 1024 * 1024
    depth: int = 100
    values: int = 1_000_000
    automations: int = 2_000
    steps: int = 5_000
    entries: int = 1_000


LIMITS = Limits()

_TOKEN = re.compile(
    r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z))|(?P<comment>//[^\n]*|/\*[^*]*(?:\*(?!/)[^*]*)*(?:\*/|\Z))|(?P<mark>[{}\[\],:])|(?P<word>[^\s{}\[\],:"/]+|/)',
    re.DOTALL,
)
# An unclosed text or comment reaches to the end: each character is read once, in any file.
_COMMENT = re.compile(r"//|/\*")
_MAYBE_COMMENTED = re.compile(r"//|/\*|,\s*[}\]]")
_SURROGATE = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})(\\u[dD][c-fC-F][0-9a-fA-F]{2})?|\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
#: Texts, an unclosed one to the end: each is one value, with any content.
_TEXTS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_FACTS = facts("documents")
FEWER = "Import fewer automations at a time, or clear their pinned data before exporting."
_EXPORT_AGAIN = "Export it again from where it was made, and import that file unchanged."


class _Duplicate(Exception):
    """An object has two members of the same name."""


class _NotANumber(Exception):
    """NaN or Infinity, which JSON does not have."""


def parse(file: str, data: bytes, limits: Limits = LIMITS) -> JSON:
    """The JSON document in `data`.

    Args:
        file: name for problems.
        data: the file's bytes: UTF-8, with or without a byte order mark.
        limits: limits, checked before any expensive step.

    Raises:
        ImportProblem: for every failure; the exception contains no content.
    """
    if len(data) > limits.size:
        too_large(file, limits)
    text = _text(file, data)
    _check_number(file, text, limits)
    document, reason, position = _load(text)
    if position is not None and _MAYBE_COMMENTED.search(text):
        text = _without_comments(text)
        _check_number(file, text, limits)
        document, reason, position = _load(text)
    if reason:
        place = "" if position is None else place_of(text, position)
        raise ImportProblem(file, place, reason, _EXPORT_AGAIN)
    _check(file, text, document, limits)
    return document


def too_large(file: str, limits: Limits = LIMITS) -> NoReturn:
    """Refuse a file because of its size.

    Raises:
        ImportProblem: always.
    """
    raise ImportProblem(file, "", f"the file is larger than {limits.size // (1024 * 1024)} MB", FEWER)


def too_many(file: str, number: int, what: str, place: str = "") -> NoReturn:
    """Refuse a file because of a number in it.

    Args:
        file: name of the file.
        number: the limit.
        what: the counted things, in words.
        place: place in the file.

    Raises:
        ImportProblem: always.
    """
    raise ImportProblem(file, place, f"it holds more than {number:,} {what}", "Import fewer at a time.")


def _check_number(file: str, text: str, limits: Limits) -> None:
    """Refuse too many values before parsing: the number of marks is an upper limit."""
    if _marks(text) <= limits.values or _marks(_TEXTS.sub("", text)) <= limits.values:
        return
    if not _COMMENT.search(text) or _marks(_TEXTS.sub("", _without_comments(text))) > limits.values:
        too_many(file, limits.values, "values")


def _marks(text: str) -> int:
    return sum(map(text.count, "[{,"))


def place_of(text: str, position: int) -> str:
    """``line L, column C`` of a position in `text`, both counted from 1."""
    line = text.count("\n", 0, position) + 1
    return f"line {line}, column {position - text.rfind(chr(10), 0, position)}"


def _text(file: str, data: bytes) -> str:
    if not data.strip():
        raise ImportProblem(file, "", "the file is empty", _EXPORT_AGAIN)
    for first_bytes, reason, to_do in _FACTS["other_files"]:
        if data.startswith(tuple(map(bytes.fromhex, first_bytes.split()))):
            raise ImportProblem(file, "", reason, to_do)
    if b"\x00" in data[:4]:
        raise ImportProblem(file, "", "the file is UTF-16 or UTF-32, not UTF-8", "Save it again as UTF-8.")
    text, bad_at = None, 0
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as refused:
        bad_at = refused.start
    # Raised outside the handler: the decoder's exception contains the whole file and must not become the context.
    if text is None:
        line = data.count(b"\n", 0, bad_at) + 1
        raise ImportProblem(file, f"line {line}", "a byte is not UTF-8 text", "Save it again as UTF-8.")
    return text


def _load(text: str) -> tuple[JSON, str, int | None]:
    """Document, or reason of a refusal and its position in the text if known."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant), "", None
    except json.JSONDecodeError as refused:
        reason = _FACTS["json_problems"].get(refused.msg.removesuffix(" "), "it could not be parsed")
        return None, f"this is not JSON: {reason}", refused.pos
    except _Duplicate:
        reason = "an object has two members of one name, and which one counts is anybody's guess"
        return None, reason, _duplicate_at(text)
    except _NotANumber:
        words = (token for token in _TOKEN.finditer(text) if token["word"] in ("NaN", "Infinity", "-Infinity"))
        return None, "NaN and Infinity are not JSON", next((word.start() for word in words), None)
    except RecursionError:
        return None, "it is nested too deeply", None
    except ValueError:
        return None, "a number has too many digits", None


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Duplicate
    return members


def _no_constant(name: str) -> JSON:
    raise _NotANumber


def _without_comments(text: str) -> str:
    """Replace comments and trailing commas by blanks, so that positions stay."""
    parts: list[str] = []
    comma = -1  # position in `parts` of a comma that only blanks and comments have followed so far
    end = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[end : token.start()])
        end = token.end()
        piece = token.group()
        if token.lastgroup == "comment":
            parts.append(re.sub(r"[^\n]", " ", piece))
            continue
        if piece in ("}", "]") and comma >= 0:
            parts[comma] = " "
        comma = len(parts) if piece == "," else -1
        parts.append(piece)
    return "".join(parts) + text[end:]


def _duplicate_at(text: str) -> int | None:
    """Position of the second of two members with the same name."""
    seen: list[set[str] | None] = []
    last: re.Match[str] | None = None
    for token in _TOKEN.finditer(text):
        mark = token.group("mark")
        if mark in ("{", "["):
            seen.append(set() if mark == "{" else None)
        elif mark in ("}", "]") and seen:
            seen.pop()
        elif mark == ":" and last is not None and seen and (names := seen[-1]) is not None:
            name = json.loads(last.group(), strict=False)
            if name in names:
                return last.start()
            names.add(name)
        last = token if token.lastgroup == "string" else None
    return None


def _check(file: str, text: str, document: JSON, limits: Limits) -> None:
    """Refuse a document that is too deep, too large or not canonical JSON. Iterative, because the depth is unchecked."""
    level, depth, values = [document], 0, 0
    while level:
        values += len(level)
        if values > limits.values:
            too_many(file, limits.values, "values")
        if depth > limits.depth:
            raise ImportProblem(file, "", f"it is nested more than {limits.depth} levels deep", _EXPORT_AGAIN)
        below: list[JSON] = []
        for value in level:
            if isinstance(value, str):
                _check_text(file, text, value)
            elif isinstance(value, dict):
                for name in value:
                    _check_text(file, text, name)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, float) and not math.isfinite(value):
                raise ImportProblem(file, "", "a number is larger than JSON numbers can be", _EXPORT_AGAIN)
        level = below
        depth += 1


def _check_text(file: str, text: str, value: str) -> None:
    if value.isascii():
        return
    with suppress(UnicodeEncodeError):
        value.encode()
        return
    at = next((m.start() for m in _SURROGATE.finditer(text) if not (m.group(1) and m.group(2))), None)
    place = "" if at is None else place_of(text, at)
    raise ImportProblem(file, place, "a text holds half a character (a lone surrogate)", _EXPORT_AGAIN)
