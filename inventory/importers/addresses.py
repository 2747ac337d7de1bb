"""HTTP addresses in a manifest: host and path, without secrets.

User, password, query, fragment and path parameters are left out, in every notation. Computed parts are named. A part
that may be a secret is hidden, with a digest only if a machine generated it: the digest of a password would reveal it.
Addresses are parsed as platforms do (WHATWG URL): a backslash is a slash, and line breaks are ignored.
"""

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import unquote

from inventory.importers.display import EXPRESSION, MODEL, displayed, without_expressions
from inventory.importers.secrets.repeats import REMOVED
from inventory.importers.secrets.slots import has_password_form, is_machine_made, is_made_up, is_plain, looks_like_token

#: Stands for a part that may be a password.
OPAQUE = "{opaque}"

_ADDRESS = re.compile(r"\s*(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.:-]*)://)?(?P<authority>[^/?#\s]*)(?P<path>[^?#]*)")
_HOST = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_HOLE = re.compile(r"\{[^{}]*\}")
_NOTHING = re.compile(r"[\t\r\n]")
#: Suffixes of a path part that are parameters, a query or a fragment in another notation: ``;``, ``%3F``, ``%2523``.
_HUNG_ON = re.compile(r"(?:[;?#]|%(?:25)*(?:3[bf]|23)).*", re.IGNORECASE | re.DOTALL)
_COLON = re.compile(r":|%(?:25)*3a", re.IGNORECASE)
_AT = re.compile(r"@|%(?:25)*40")
#: User and password of an address whose host can't be told from a path.
_BEFORE_HOST = re.compile(r"^(/*)[^/]*@")
#: A host that may be half of a user's password; the rest of the password follows.
_HALF_A_USER = re.compile(r"[:%@]")
_HALF_IN_A_HOLE = re.compile(r":(?![\d{])")
_TELLING = re.compile(
    r"(?:auth|bot|catch|hooks?|key|login|secret|services|tokens?|triggers|webhooks?(?:-test)?|workflows)", re.IGNORECASE
)
#: Path parts before the name of a webhook, a form or an MCP trigger.
_ENTRY = re.compile(r"hooks?|(?:form|mcp|webhooks?)(?:-test|-waiting)?", re.IGNORECASE)
_HOLDING = (
    r"(?:(?:access|api|auth|app|bot|secret|webhook)[-_]?)?"
    r"(?:keys?|tokens?|secrets?|pass(?:word|wd|phrase|code|wort)?|pwd?|kennwort|pin)"
)
#: Path parts before a secret, unless they are about secrets: ``/token/refresh``, ``/password/reset``.
_HOLDS_SECRET = re.compile(_HOLDING, re.IGNORECASE)
#: Path parts before a secret that may be a number, unlike the id in ``/keys/45``.
_HOLDS_DIGITS = re.compile(r"pin|pass(?:word|wd|code|wort)?|pwd?|kennwort", re.IGNORECASE)
#: Path part that contains a secret: ``token-hunter2``, ``in_api_key=swordfish``.
_WITH_SECRET = re.compile(rf"((?:.*?[-_])??(?:{_HOLDING}|auth)([-_=:]|%3d|%3a))(.{{4,}})", re.IGNORECASE | re.DOTALL)
_SEPARATOR = re.compile(r"[-_.:]")
#: One word of a part of a path.
_PART = re.compile(r"[^-_.:]+")
#: Words frequent in paths and rare in passwords: a version, an ordinal.
_PLAIN_PIECE = re.compile(r"^v\d|\d(?:st|nd|rd|th)$")
_OF_A_BOT = re.compile(r"(?:bot)?\d{5,}:[\w-]{6,}")


@dataclass(frozen=True, slots=True)
class Address:
    """HTTP address: host in lower case, empty if computed; path with names for computed and hidden parts."""

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
        return Address("", displayed(_HOLE.sub(_as_hole, written) + path_shown(path)), True)
    if host and not _HOST.fullmatch(host):
        if _HALF_A_USER.search(written):
            written, path = _opaque(written), path.rpartition("@")[2]
        return Address("", displayed(written + path_shown(path)), True)
    return Address(host, displayed(path_shown(path)), not host)


def path_shown(path: str, *, is_entry: bool = False) -> str:
    """The segments of a path, with ``{…}`` for holes and for secrets.

    Args:
        path: of an address or on a disk.
        is_entry: whether callers start an automation with it, so that each part may be a password.
    """
    shown_parts: list[str] = []
    before = ""
    for part in _HOLE.sub(_as_hole, path).split("/"):
        is_entry = is_entry or _ENTRY.fullmatch(before) is not None
        telling = "webhook" if is_entry and not _HOLDS_SECRET.fullmatch(before) else before
        pieces = re.split(r"(\{[^{}]*\})", _without_user(_HUNG_ON.sub("", part)))
        shown_parts.append("".join(_piece(each, telling) for each in pieces))
        before = part
    return "/".join(shown_parts)


def _piece(piece: str, before: str) -> str:
    """A piece of a path part, literal or computed, without secrets."""
    if match := _WITH_SECRET.fullmatch(piece):
        head, mark, value = match.groups()
        text = unquote(value)
        if mark not in "-_" or (has_password_form(text) and not is_plain(text)):
            return unquote(head) + _opaque(value)
    if _is_token(piece, before):
        return _opaque(piece)
    return _PART.sub(_without_password, piece) if _ENTRY.fullmatch(before) else piece


def _without_password(part: re.Match[str]) -> str:
    return OPAQUE if _is_password(unquote(part.group())) else part.group()


def _without_user(segment: str) -> str:
    """A segment without user and password: ``jdbc:postgresql://user:password@host``."""
    matches = list(_AT.finditer(segment))
    return segment[matches[-1].end() :] if matches and _COLON.search(segment[: matches[-1].start()]) else segment


def _is_token(piece: str, before: str) -> bool:
    """Whether a literal piece looks like a token; a shorter one counts after a telling part."""
    if piece.startswith("{"):
        return False
    text = unquote(piece)
    if len(text) >= 20 and looks_like_token(text):
        return True
    if len(text) >= 4 and text.isdecimal() and _HOLDS_DIGITS.fullmatch(before):
        return True
    if is_plain(text):
        return False
    if _HOLDS_SECRET.fullmatch(before) and len(text) >= 4:
        return True
    is_told = _TELLING.fullmatch(before) is not None
    if is_told and not _SEPARATOR.search(text) and _is_password(text):
        return True
    return is_made_up(text, telling=is_told) or _OF_A_BOT.fullmatch(text) is not None


def _is_password(text: str) -> bool:
    return has_password_form(text) and text.isascii() and not _PLAIN_PIECE.search(text) and not is_plain(text)


def _opaque(text: str) -> str:
    """Placeholder of a hidden part, with a digest if a machine generated it."""
    if not is_machine_made(unquote(text)):
        return OPAQUE
    return "{opaque " + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8] + "}"


def _as_hole(match: re.Match[str]) -> str:
    hole = match.group()
    return hole if hole in (EXPRESSION, MODEL) else EXPRESSION
