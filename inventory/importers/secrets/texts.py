"""Secrets inside a longer text: in addresses, by provider, after a telling name, before a program, after ``Bearer`` (I6).

Each function returns spans of the text. `scrubber.py` removes them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from inventory.importers.secrets.commands import in_commands
from inventory.importers.secrets.names import passwords_after_users, passwords_in, tokens_in
from inventory.importers.secrets.slots import (
    has_password_form,
    is_plain,
    judge,
    looks_like_token,
    provider_matches,
    slot_strength,
)
from inventory.importers.work_budget import Budget

Span = tuple[int, int]

_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,20})://(?P<rest>[^\s\"'`<>\\]{1,8192})")
_ONE_ADDRESS = re.compile(r"\s*=?[A-Za-z][A-Za-z0-9+.-]{1,20}://\S{1,8192}\s*")
_PARAMETER = re.compile(
    r"(?:[?&#;]|%(?:25)*(?:3[bf]|23|26))([\w.~\[\]-]{1,80})(?:=|%(?:25)*3d)((?:(?!%(?:25)*(?:3b|23|26))[^&#;]){1,4096})",
    re.IGNORECASE,
)
_ODD_USER = re.compile(r"(?P<user>[^/?#@:]*:(?P<port>[^/?#@]*)[/?#][^@\s]*)@")
_KEYWORD = re.compile(
    r"[kK][eE][yY]|[tT][oO][kK][eE][nN]|[sS][eE][cC][rR][eE][tT]|[pP][aA][sS][sS]|[pP][wW][dD]|"
    r"[aA][uU][tT][hH]|[cC][oO][oO][kK][iI][eE]|DSN|dsn|[cC][rR][eE][dD][eE][nN][tT]|[cC][oO][nN][nN]"
)
#: Keywords in lower case: a text without any of them is not searched.
_KEYWORDS = ("key", "token", "secret", "pass", "pwd", "auth", "cookie", "dsn", "credent", "conn")
_QUOTED_VALUE = re.compile(r"\\?[\"'`]?\]?\s{0,8}(?:=>|:=|[:=,])\s{0,8}\\?([\"'`])(?P<value>[^\"'`\n\\]{4,4096})\\?\1")
_BARE_VALUE = re.compile(r"\\?[\"'`]?\s{0,4}[:= ]\s{0,4}(?:(?:Bearer|Basic|Token)\s)?(?P<value>[\w.~+/=:@-]{12,4096})")
_NAME = re.compile(r"[\w-]{0,40}")
_NOT_NAME = re.compile(r"[^\w-]")
_LONGEST_NAME = 40
_SIGNED_IN = re.compile(r"\b(?:Bearer|Basic|Token|Bot|bearer|basic|token)\s+(?P<value>[A-Za-z0-9._~+/=-]{16,4096})")
_ASSIGNED = re.compile(
    r"([A-Za-z_]\w{0,80})=(?:\"(?P<double>[^\"]{0,4096})\"|'(?P<single>[^']{0,4096})'|(?P<bare>[^\s;&|]{0,4096}))\s*"
)
_COMMAND_BEGINS = re.compile(r"(?:\A|[;&|(]|(?:\A|(?<=[\s/]))(?:env|export)(?=\s))\s*")


@dataclass(frozen=True, slots=True)
class Within:
    """Reason why a part of a text is a secret: kind of place, name before it, matching provider."""

    kind: str = ""
    name: str = ""
    provider: str = ""


def secrets_within(text: str, budget: Budget, *, kind: str = "", is_data: bool = False) -> list[tuple[Span, Within]]:
    """Spans of secrets and placeholders in a text, in order and apart.

    Args:
        text: from one value of the document.
        budget: of the file.
        kind: ``command``: variables may be set before a program; ``code``: a word after a name may be a variable;
            ``name``: a name for people; ``credential``: the name of a credential, where a password may follow its user.
        is_data: whether the text is execution data, where only a token's form counts as a secret.

    Raises:
        OverBudget: the file costs too much work.
    """
    budget.spend_characters(len(text))
    is_name = kind in ("name", "credential")
    is_searched = kind != "code" and not is_data
    candidates: Iterable[tuple[Span, Within]] = chain(
        _assigned(text, budget) if kind == "command" else (),
        ((span, Within("url", name)) for span, name in _in_addresses(text, budget, is_data=is_data)),
        (((begin, end), Within(provider=provider)) for provider, begin, end in provider_matches(text)),
        ((span, Within(name=name)) for span, name in _after_names(text, budget, is_data=is_data)),
        ((span, Within(name=name)) for span, name in _in_commands(text, budget)),
        ((span, Within(name="password")) for span in (passwords_in(text, is_name=is_name) if is_searched else ())),
        ((span, Within(name="password")) for span in (passwords_after_users(text) if kind == "credential" else ())),
        ((span, Within(name="token")) for span in (tokens_in(text) if is_name else ())),
        ((match.span("value"), Within()) for match in _SIGNED_IN.finditer(text) if looks_like_token(match["value"])),
    )
    spans: dict[Span, Within] = {}
    for span, within in candidates:
        budget.hit()
        spans.setdefault(span, within)
    chosen: list[tuple[Span, Within]] = []
    for span in sorted(spans):
        if not chosen or span[0] >= chosen[-1][0][1]:
            chosen.append((span, spans[span]))
    return chosen


def _in_addresses(text: str, budget: Budget, *, is_data: bool) -> Iterator[tuple[Span, str]]:
    """Spans of secrets within addresses of a text, each with its name: ``password``, ``user``, or the parameter.

    Finds passwords before the host, and parameters of a query or path with telling names, in every notation. A user
    without a password is a token over HTTP, except a usual word (``git``) or the owner of the path.
    """
    if "://" not in text:
        return
    if _ONE_ADDRESS.fullmatch(text):
        text = text.replace("\\", "/")  # as a client reads it; in a longer text it is mostly an escape
    for address in _ADDRESS.finditer(text):
        budget.hit()
        rest, offset = address["rest"], address.start("rest")
        user, at = _user_of(rest)
        if at and user:
            name, colon, password = user.partition(":")
            begin = offset + len(name) + 1 if colon else offset
            part = password if colon else user
            is_http = address["scheme"].lower().endswith(("http", "https"))
            is_alone = is_http and not is_plain(user) and f"/{user}/" not in rest
            is_token = looks_like_token(part)
            if part and judge(part, "strong").what != "reference" and (colon or is_token or (is_alone and not is_data)):
                yield (begin, begin + len(part)), "password" if colon else "user"
        for parameter in _PARAMETER.finditer(rest):
            budget.hit()
            name, value = parameter.groups()
            if _is_secret_parameter(name, value) and (not is_data or name == "password" or looks_like_token(value)):
                begin = offset + parameter.start(2)
                yield (begin, begin + len(value)), name


def _is_secret_parameter(name: str, value: str) -> bool:
    """Whether a parameter is a secret. A short plain one is because of its name; a plain ``key`` also sorts and looks up."""
    strength = slot_strength(name, "query")
    is_told = strength == "strong" and (has_password_form(value) or (name.lower() != "key" and len(value) >= 4))
    return bool(strength) and (len(value) >= 8 or is_told) and judge(value, strength).what in ("literal", "placeholder")


def _user_of(rest: str) -> tuple[str, str]:
    """User and password before the host, and the ``@`` after them; empty without any.

    A password with a raw ``/``, ``?`` or ``#`` reaches to the last ``@``; a port before those does not.
    """
    authority = re.match(r"[^/?#]*", rest).group()  # type: ignore[union-attr]  # matches always
    user, at, _host = authority.rpartition("@")
    if not at and (odd := _ODD_USER.match(rest)) and not odd["port"].isdecimal():
        return odd["user"], "@"
    return user, at


def _in_commands(text: str, budget: Budget) -> Iterator[tuple[Span, str]]:
    for secret in in_commands(text, budget):
        if judge(text[slice(*secret.span)], "strong").what in ("literal", "placeholder"):
            yield secret.span, secret.name.lstrip("-")


def _assigned(text: str, budget: Budget) -> Iterator[tuple[Span, Within]]:
    """Values of variables before a program: ``NAME=value npx``, ``env NAME=value npx``."""
    at = 0
    for begins in _COMMAND_BEGINS.finditer(text):
        if begins.end() < at:
            continue
        at = begins.end()
        while match := _ASSIGNED.match(text, at):
            budget.hit()
            at, group = match.end(), match.lastgroup or "bare"
            name, begin = match.group(1), match.start(group)
            judged = judge(match[group], slot_strength(name, "env") or "weak")
            if judged.what == "literal":
                for first, last in judged.spans:
                    yield (begin + first, begin + last), Within("env", name)


def _after_names(text: str, budget: Budget, *, is_data: bool) -> Iterator[tuple[Span, str]]:
    """Values after a telling name: in code, JSON within text, commands and notes.

    A name, and a run of characters without a token, is searched once, with any number of keywords.
    """
    if not any(map(text.lower().__contains__, _KEYWORDS)):
        return
    resume = no_token_until = 0
    for keyword in _KEYWORD.finditer(text):
        if keyword.start() < resume:
            continue
        budget.hit()
        before = text[max(0, keyword.start() - _LONGEST_NAME) : keyword.start()]
        end = _NAME.match(text, keyword.end()).end()  # type: ignore[union-attr]  # matches always
        name = (_NOT_NAME.split(before)[-1] + text[keyword.start() : end]).strip("-_")
        resume = end
        strength = slot_strength(name)
        if not strength:
            continue
        quoted = _QUOTED_VALUE.match(text, end)
        match = quoted or (_BARE_VALUE.match(text, end) if end >= no_token_until else None)
        if not match:
            continue
        value = match["value"]
        budget.spend_characters(len(value))
        if not quoted and not looks_like_token(value):
            no_token_until = match.end()
            continue
        judged = judge(value, strength if quoted else "weak")
        if judged.what == "literal":
            for first, last in judged.spans:
                span = match.start("value") + first, match.start("value") + last
                if not is_data or looks_like_token(text[slice(*span)]):
                    yield span, name
            resume = match.end()
