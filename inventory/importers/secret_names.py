"""Secrets in what people write for people: in the names of nodes, workflows, credentials, servers and files, and in notes (I6).

A name is short and shown everywhere, so less is needed there: a random word is a token, and a password may follow the
word "password" without a colon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from inventory.importers.display import vocabulary
from inventory.importers.secret_words import UUID, has_password_form, is_random, is_strong_password, judge

Span = tuple[int, int]

_SAID = re.compile(
    r"(?<![\w-])(?:pass(?:word|wd|phrase|wort|code)?|pwd?|kennwort|contrase.a|senha)"
    r"(?P<mark>\s{0,3}[:=]\s{0,3}|\s{1,3}(?:is\s)?)(?P<value>[^\s\"'`,;)}\]]{4,64})(?P<more>[ \t]+\w)?",
    re.IGNORECASE,
)
_HINT = re.compile(r"pass|pw|kennw|contras|senha", re.IGNORECASE)
#: Words that are often numbered: ``reset2``, ``sha256``. With a number they are no password.
_NUMBERED = vocabulary(
    "base flow group http item list md node oauth page part phase profile reset sha stage step table task test user utf"
)
_LETTERS = re.compile(r"[A-Za-z]+")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{15,4096}")
_RUN = re.compile(r"[A-Za-z0-9]{16,}")
_PLAIN_PART = re.compile(r"[A-Z]?[a-z]{2,}")
_SEPARATOR = re.compile(r"[-_]")
_EXTENSION = re.compile(r"\.[A-Za-z]{1,5}$")
_BETWEEN_WORDS = str.maketrans("-_/\\", "  \n\n")


def may_say_password(text: str) -> bool:
    """Whether a text may have the word "password" in it. A name too short for a token is searched only then."""
    return _HINT.search(text) is not None


def passwords_in(text: str, *, is_name: bool = False) -> Iterator[Span]:
    """Passwords after the word "password".

    After ``:`` the value needs a password's form: letters with digits or symbols. A word with a number has it only where
    nothing follows. In a name ``=`` needs no form, and a blank is enough. A plain word after a colon or a blank is shown.
    """
    for said in _SAID.finditer(text):
        value, mark = said["value"], said["mark"].strip()
        if mark == "=" and is_name:
            is_password = judge(value, "strong").what in ("literal", "placeholder")
        elif mark in (":", "=") or is_name:
            is_password = is_strong_password(value) or (not said["more"] and _is_word_with_number(value))
        else:
            is_password = False
        if is_password:
            yield said.span("value")


def tokens_in(name: str) -> Iterator[Span]:
    """Words of a name that a machine made up."""
    for word in _WORD.finditer(name):
        text, begin = word.group(), word.start()
        if UUID.fullmatch(text):
            yield word.span()
            continue
        runs = [run.span() for run in _RUN.finditer(text) if is_random(run.group())]
        parts = _SEPARATOR.split(text)
        has_words = any(_PLAIN_PART.fullmatch(part) for part in parts)
        if len(parts) <= 1 + len(text) // 10 and is_random("".join(parts)) and not (runs and has_words):
            runs = [(0, len(text))]
        yield from ((begin + first, begin + last) for first, last in runs)


def passwords_in_path(path: str) -> Iterator[Span]:
    """Passwords after the word "password" in a file's path, where ``-`` and ``_`` stand for blanks."""
    stem = _EXTENSION.sub("", path)
    yield from passwords_in(stem.translate(_BETWEEN_WORDS), is_name=True)


def _is_word_with_number(value: str) -> bool:
    letters = _LETTERS.match(value)
    return (
        has_password_form(value)
        and _SEPARATOR.search(value) is None
        and not (letters and letters.group().lower() in _NUMBERED)
    )
