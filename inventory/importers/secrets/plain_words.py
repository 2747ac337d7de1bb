"""Words that are no secret, even with a number: ``reset2``, ``oauth2``, ``sha256``, ``json2csv``."""

from __future__ import annotations

import re

from inventory.importers.facts import word_lists
from inventory.importers.levels import EXECUTE, EXECUTE_NOUNS, OBJECTS, READ, READ_NOUNS, WRITE, words

_WORDS = word_lists("secrets")
#: Words about secrets, frequently numbered words, states, file formats, environments and services.
_PLAIN = READ | READ_NOUNS | WRITE | EXECUTE | EXECUTE_NOUNS | OBJECTS | _WORDS["plain_words"]
_LONG_NUMBERED = _WORDS["long_numbered"]
_BARE = re.compile(r"[\w.:-]+")
_SEPARATOR = re.compile(r"[.:_-]")
_CONVERSION = re.compile(r"[A-Z]?[a-z]{1,20}2[A-Z]?[a-z]{1,20}|[A-Z]{2,9}2[A-Z]{2,9}")
#: Three digits or more right after a word: a year, or a password.
_LONG_NUMBER = re.compile(r"([A-Za-z]+)\d{3}")


def is_plain(text: str) -> bool:
    """Whether a text consists of usual words and short numbers, or names a conversion: ``reset-v2``, ``Reset!``,
    ``lead2crm``.
    """
    bare = text.rstrip("!?.") if text.isascii() and not re.search(r"\d", text) else text
    if _CONVERSION.fullmatch(bare):
        return True
    return (
        _BARE.fullmatch(bare) is not None
        and all(word.lower() in _LONG_NUMBERED for word in _LONG_NUMBER.findall(bare))
        and all(map(_is_plain_part, _SEPARATOR.split(bare)))
    )


def _is_plain_part(part: str) -> bool:
    return part.lower().rstrip("0123456789") in _PLAIN or all(word.isdigit() or word in _PLAIN for word in words(part))
