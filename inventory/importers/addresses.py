"""HTTP addresses as a manifest shows them: who is called, and at which path; never with what.

User, password, query, fragment and what is hung on a part of a path are left out, also where they are written in an odd way;
computed parts are named, and a part of a path that may be a secret is not shown. A digest tells two of them apart only if a
machine made them: the digest of a password would give it away. An address is taken apart as the platforms take it apart (WHATWG URL): a backslash is a slash, and line breaks within it are nothing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import unquote

from inventory.importers.display import EXPRESSION, MODEL, shown, vocabulary, without_expressions
from inventory.importers.levels import EXECUTE, READ, WRITE, words
from inventory.importers.secret_repeats import REMOVED
from inventory.importers.secret_words import has_password_form, is_machine_made, is_made_up, looks_like_token

OPAQUE = "{opaque}"
"""Stands for a part that may be a password."""

_ADDRESS = re.compile(r"\s*(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.:-]*)://)?(?P<authority>[^/?#\s]*)(?P<path>[^?#]*)")
_HOST = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_HOLE = re.compile(r"\{[^{}]*\}")
_NOTHING = re.compile(r"[\t\r\n]")
#: What is hung on a part of a path, or would be its query or fragment but for how it is written: ``;``, ``%3F``, ``%2523``.
_HUNG_ON = re.compile(r"(?:[;?#]|%(?:25)*(?:3[bf]|23)).*", re.IGNORECASE | re.DOTALL)
_COLON = re.compile(r":|%(?:25)*3a", re.IGNORECASE)
_AT = re.compile(r"@|%(?:25)*40")
#: User and password where there is no host that can be told from a path.
_BEFORE_HOST = re.compile(r"^(/*)[^/]*@")
#: What stands where a host should and may be half of a user's password: the rest of it is in what follows.
_HALF_A_USER = re.compile(r"[:%@]")
_HALF_IN_A_HOLE = re.compile(r":(?![\d{])")
_TELLING = re.compile(
    r"(?:bot|catch|hooks?|key|secret|services|tokens?|triggers|webhooks?(?:-test)?|workflows)", re.IGNORECASE
)
#: Parts of a path after which a secret follows, unless they are about secrets: ``/token/refresh``, ``/password/reset``.
_HOLDS_SECRET = re.compile(
    r"(?:(?:access|api|auth|app|bot|secret|webhook)[-_]?)?(?:keys?|tokens?|secrets?|pass(?:word|wd|phrase|code)?|pwd?)",
    re.IGNORECASE,
)
_ABOUT_SECRETS = (
    READ
    | WRITE
    | EXECUTE
    | vocabulary(
        "access admin all any api auth authorize callback client code confirm default exchange forgot forgotten google grant id identity info "
        "introspect introspection issue issuance jwt key login logout me mine new oauth oidc openid policy private public recover refresh revoke revoke "
        "revocation secret service session sessions settings sign signin standard token type types url user users value values verification"
    )
)
#: What a part of a path has and a password seldom: several words, a version, an ordinal.
_PLAIN_PIECE = re.compile(r"[-_.:]|^v\d|\d(?:st|nd|rd|th)$")
_OF_A_BOT = re.compile(r"(?:bot)?\d{5,}:[\w-]{6,}")


@dataclass(frozen=True, slots=True)
class Address:
    """An HTTP address: host in lower case, empty where it is computed; path with its computed and opaque parts named."""

    host: str
    path: str
    dynamic: bool


def address_of(url: str) -> Address:
    """The host and path of an HTTP node's URL; user, password, query and fragment are left out."""
    literal = _NOTHING.sub("", without_expressions(url)).replace("\\", "/").strip()
    match = _ADDRESS.match(literal)
    if match is None or not literal:
        return Address("", "", False)
    written = match["authority"].rpartition("@")[2]
    authority, path = written.lower(), match["path"]
    if not match["scheme"] and "." not in authority and not _HOLE.search(authority):
        authority, path = "", _BEFORE_HOST.sub(r"\1", re.split(r"[?#]", literal, maxsplit=1)[0])
    host = authority.removesuffix(_DEFAULT_PORTS.get((match["scheme"] or "").lower(), "\0")).rstrip(".")
    if (_HOLE.search(authority) and not _HALF_IN_A_HOLE.search(written)) or REMOVED in authority:
        return Address("", shown(_HOLE.sub(_as_hole, written) + path_shown(path)), True)
    if host and not _HOST.fullmatch(host):
        if _HALF_A_USER.search(written):
            written, path = _opaque(written), path.rpartition("@")[2]
        return Address("", shown(written + path_shown(path)), True)
    return Address(host, shown(path_shown(path)), not host)


def path_shown(path: str, *, is_entry: bool = False) -> str:
    """The segments of a path, with ``{…}`` for holes and for secrets.

    Args:
        path: of an address or on a disk.
        is_entry: whether callers come in by it, so that its last part may be a password.
    """
    parts = _HOLE.sub(_as_hole, path).split("/")
    before = ["", *parts[:-1]]
    if is_entry and not _HOLDS_SECRET.fullmatch(before[-1]):
        before[-1] = "webhook"
    return "/".join(map(_segment, parts, before))


def _segment(segment: str, before: str) -> str:
    pieces = re.split(r"(\{[^{}]*\})", _without_user(_HUNG_ON.sub("", segment)))
    return "".join(_opaque(each) if _is_token(each, before) else each for each in pieces)


def _without_user(segment: str) -> str:
    """A segment without a user and a password, where those stand in it: ``jdbc:postgresql://user:password@host``."""
    found = list(_AT.finditer(segment))
    return segment[found[-1].end() :] if found and _COLON.search(segment[: found[-1].start()]) else segment


def _is_token(piece: str, before: str) -> bool:
    """Whether a literal piece of a path looks like a token; after a part that says so, a shorter one does."""
    if piece.startswith("{"):
        return False
    text = unquote(piece)
    if _TELLING.fullmatch(before) and has_password_form(text) and text.isascii() and not _PLAIN_PIECE.search(text):
        return True
    if _HOLDS_SECRET.fullmatch(before) and len(text) >= 4 and not _is_about_secrets(text):
        return True
    if len(text) >= 20 and looks_like_token(text):
        return True
    return is_made_up(text, telling=_TELLING.fullmatch(before) is not None) or _OF_A_BOT.fullmatch(text) is not None


def _is_about_secrets(text: str) -> bool:
    """Whether a part of a path after "token" or "password" is made of known words and numbers: ``reset-v2``."""
    return all(part.isdigit() or part == "v" or part in _ABOUT_SECRETS for part in words(text))


def _opaque(text: str) -> str:
    """What stands for a part that is not shown: with a digest if a machine made it, else always the same."""
    if not is_machine_made(unquote(text)):
        return OPAQUE
    return "{opaque " + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8] + "}"


def _as_hole(match: re.Match[str]) -> str:
    hole = match.group()
    return hole if hole in (EXPRESSION, MODEL) else EXPRESSION
