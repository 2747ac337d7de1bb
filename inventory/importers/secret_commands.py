"""Secrets on command lines: ``mysql -pX``, ``curl -u user:X``, ``sshpass -p X``, ``echo X | sudo -S``, ``--password X``, ``NAME_PASSWORD=X``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from inventory.importers.display import vocabulary
from inventory.importers.secret_words import has_password_form

Span = tuple[int, int]

_VALUE = r"(?:\"(?P<double>[^\"\n\\]{1,200})\\?\"|'(?P<single>[^'\n]{1,200})'|(?P<bare>[^\s\"'`|;&<>\\]{1,200}))"
_BETWEEN = r"[^|;&\n]{0,200}?"
#: What each expression needs in the text, so that most texts cost one look.
_COMMANDS = tuple(
    (literal, re.compile(expression + _VALUE))
    for literal, expression in (
        ("sshpass", r"\bsshpass\s+-p\s*"),
        ("sudo", rf"\bsudo\s{_BETWEEN}-[A-Za-z]*S\b{_BETWEEN}<<<\s*"),
        ("mysql", rf"\bmysql\w*\s{_BETWEEN}(?<=\s)-p(?=\S)"),
        ("mariadb", rf"\bmariadb[\w-]*\s{_BETWEEN}(?<=\s)-p(?=\S)"),
        ("curl", rf"\bcurl\s{_BETWEEN}(?<=\s)(?:-u|--user)[\s=]*(?:[^\s:\"'|;&]{{1,80}}:(?=[^\s\"']))?"),
        ("login", rf"\blogin\s{_BETWEEN}(?<=\s)-p\s+"),
        ("redis-cli", rf"\bredis-cli\s{_BETWEEN}(?<=\s)-a\s+"),
        ("--p", r"(?<=\s)--(?:password|passwd|pass|passphrase|pwd)[=\s]\s*"),
        ("PASS", r"\b[A-Z0-9_]{0,60}PASS(?:WORD|WD|PHRASE)?="),
        ("MYSQL_PWD", r"\bMYSQL_PWD="),
    )
)
_BY_ECHO = re.compile(rf"\becho\s+(?:-[a-z]+\s+)?{_VALUE}\s*\|\s*sudo\s+(?:-[A-Za-z]+\s+)*?-[A-Za-z]*S\b")


def in_commands(text: str) -> Iterator[tuple[Span, str]]:
    """Spans of passwords on the command lines in a text, each with the program or name before it."""
    for literal, expression in _COMMANDS:
        if literal in text:
            for found in expression.finditer(text):
                begin, end = found.span(found.lastgroup or "bare")
                if literal == "curl":
                    begin += text[begin:end].find(":") + 1
                if literal != "curl" or ":" in found.group():
                    yield (begin, end), literal.strip("-")
    if "sudo" in text and "echo" in text:
        for found in _BY_ECHO.finditer(text):
            yield found.span(found.lastgroup or "bare"), "sudo"


def password_argument(flag: str, value: str, program: str) -> Span | None:
    """Where in an argument after ``-p`` or ``-u`` a password stands, if it has a password's form."""
    if runs_what_it_is_given(program):
        return None
    user, colon, password = value.partition(":")
    if flag == "-u" and colon and user and has_password_form(password):
        return len(user) + 1, len(value)
    return (0, len(value)) if flag == "-p" and has_password_form(value) else None


_RUNNERS = vocabulary(
    "npx bunx pnpx npm pnpm yarn bun uvx uv pipx docker podman node deno python ruby sh bash zsh env mise"
)


def runs_what_it_is_given(program: str) -> bool:
    """Whether a program runs a package, an image, a module or a command that its arguments name."""
    return program.rstrip("0123456789.") in _RUNNERS
