"""HTTP addresses as a manifest shows them: who is called, and at which path; never with what.

User, password, query and fragment are left out, computed parts are named, and a part of a path that looks like a token
is told apart by a digest and not shown.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from inventory.importers.display import EXPRESSION, MODEL, shown, without_expressions
from inventory.importers.secret_words import looks_like_token
from inventory.importers.secrets import REMOVED

_ADDRESS = re.compile(r"\s*(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?(?P<authority>[^/?#\s]*)(?P<path>[^?#]*)")
_HOST = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_HOLE = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Address:
    """An HTTP address: host in lower case, empty where it is computed; path with its computed and opaque parts named."""

    host: str
    path: str
    dynamic: bool


def address_of(url: str) -> Address:
    """The host and path of an HTTP node's URL; user, password, query and fragment are left out."""
    literal = without_expressions(url).strip()
    match = _ADDRESS.match(literal)
    if match is None or not literal:
        return Address("", "", False)
    authority = match["authority"].rpartition("@")[2].lower()
    path = match["path"]
    if not match["scheme"] and "." not in authority and not _HOLE.search(authority):
        authority, path = "", literal.partition("?")[0].partition("#")[0]
    host = authority.removesuffix(_DEFAULT_PORTS.get((match["scheme"] or "").lower(), "\0")).rstrip(".")
    if _HOLE.search(authority) or (host and not _HOST.fullmatch(host)) or REMOVED in authority:
        return Address("", shown(_HOLE.sub(_as_hole, match["authority"].rpartition("@")[2]) + path_shown(path)), True)
    return Address(host, shown(path_shown(path)), not host)


def path_shown(path: str) -> str:
    """Segments as they are, but ``{…}`` for holes; what looks like a token is told apart by a digest, not shown."""
    return "/".join(_segment(each) for each in _HOLE.sub(_as_hole, path).split("/"))


def _segment(segment: str) -> str:
    if len(segment) >= 20 and "{" not in segment and looks_like_token(segment):
        return "{opaque " + hashlib.sha256(segment.encode()).hexdigest()[:8] + "}"
    return segment


def _as_hole(match: re.Match[str]) -> str:
    hole = match.group()
    return hole if hole in (EXPRESSION, MODEL) else EXPRESSION
