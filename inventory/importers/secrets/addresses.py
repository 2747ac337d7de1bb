"""Secrets within addresses: user and password before a host, and parameters with telling names (I6)."""

from __future__ import annotations

import re

from inventory.importers.secrets.plain_words import is_plain
from inventory.importers.secrets.slots import has_password_form, judge, looks_like_token, slot_strength
from inventory.importers.work_budget import Budget

_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,20})://(?P<rest>[^\s\"'`<>\\]{1,8192})")
_ONE_ADDRESS = re.compile(r"\s*=?[A-Za-z][A-Za-z0-9+.-]{1,20}://\S{1,8192}\s*")
_PARAMETER = re.compile(
    r"(?:[?&#;]|%(?:25)*(?:3[bf]|23|26))([\w.~\[\]-]{1,80})(?:=|%(?:25)*3d)((?:(?!%(?:25)*(?:3b|23|26))[^&#;]){1,4096})",
    re.IGNORECASE,
)
_ODD_USER = re.compile(r"(?P<user>[^/?#@:]*:(?P<port>[^/?#@]*)[/?#][^@\s]*)@")


def in_addresses(text: str, budget: Budget) -> dict[tuple[int, int], str]:
    """Spans of secrets within addresses of a text, each with its name: ``password``, or the parameter.

    Finds passwords before the host, and parameters of a query or path with telling names, in every notation.

    Raises:
        OverBudget: the file costs too much work.
    """
    spans: dict[tuple[int, int], str] = {}
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
            is_token = colon or looks_like_token(part) or _is_token_alone(address["scheme"], user, rest)
            if part and judge(part, "strong").what != "reference" and is_token:
                spans[begin, begin + len(part)] = "password" if colon else "user"
        for parameter in _PARAMETER.finditer(rest):
            budget.hit()
            name, value = parameter.groups()
            strength = slot_strength(name, "query")
            is_long = len(value) >= 8 or (
                strength == "strong" and (has_password_form(value) or _says_secret(name, value))
            )
            if strength and is_long and judge(value, strength).what in ("literal", "placeholder"):
                begin = offset + parameter.start(2)
                spans[begin, begin + len(value)] = name
    return spans


def _is_token_alone(scheme: str, user: str, rest: str) -> bool:
    """Whether a user without a password is a token: over HTTP, except a usual word (``git``) or the owner of the path."""
    return scheme.lower().endswith(("http", "https")) and not is_plain(user) and f"/{user}/" not in rest


def _says_secret(name: str, value: str) -> bool:
    """Whether a short plain value is a secret because of the parameter's name; a plain ``key`` also sorts and looks up."""
    return name.lower() != "key" and len(value) >= 4


def _user_of(rest: str) -> tuple[str, str]:
    """User and password before the host, and the ``@`` after them; empty without any.

    A password with a raw ``/``, ``?`` or ``#`` reaches to the last ``@``; a port before those does not.
    """
    authority = re.match(r"[^/?#]*", rest).group()  # type: ignore[union-attr]  # matches always
    user, at, _host = authority.rpartition("@")
    if not at and (odd := _ODD_USER.match(rest)) and not odd["port"].isdecimal():
        return odd["user"], "@"
    return user, at
