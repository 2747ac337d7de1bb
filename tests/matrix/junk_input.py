"""Junk for every field of every form and address of the portal, found on its own pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.run_lengths import IS_SOAK

#: One value, several, or none, as bytes: what is no text in UTF-8 comes by hand only.
Junk = tuple[bytes, ...]

JUNK: dict[str, Junk] = {
    "nothing": (),
    "empty": (b"",),
    "not a number": (b"NaN",),
    "infinity": (b"-Infinity",),
    "a fraction": (b"1e3",),
    "negative": (b"-1",),
    "zero": (b"0",),
    "one above bigint": (str(2**63).encode(),),
    "more digits than Python reads": (b"9" * 5000,),
    "digits of another script": ("\u0663\u00b2".encode(),),
    "a NUL": (b"1\0",),
    "a lone surrogate": (b"\xed\xa0\x80",),
    "no UTF-8": (b"\xff\xfe",),
    "a choice that is none": (b"no-such-choice",),
    "two values": (b"1", b"2"),
    "a list": (b"[1]",),
    "a day that is none": (b"2026-02-31",),
    "a day before all zones": (b"0001-01-01",),
    "a long text": (b"x" * 70_000,),
    "marks": ("<b>'\"%s {{ 7 }}\u202e\n".encode(),),
}

_FORM = re.compile(r"<form\b([^>]*)>(.*?)</form>", re.DOTALL)
_FIELD = re.compile(r"<(?:input|select|textarea|button)\b[^>]*\bname=\"([^\"]+)\"")
_ATTRIBUTE = re.compile(r"([\w-]+)=\"([^\"]*)\"")
_LINK = re.compile(r"href=\"(/[^\"#]*)")
#: The part of a path that names a row.
_KEY = re.compile(r"(?<=/)\d+(?=/)")
#: What tells the field of one row of a form from that of the next: its number, or what it is known by in an export.
_ROW = re.compile(r"(?<=-)(?:\d+|[0-9a-f]{12})\b")
#: Not read by us, but by what checks that a form is ours.
_ITS_OWN = "csrfmiddlewaretoken"


def forms(page: str, path: str) -> Iterator[tuple[str, str, list[str]]]:
    """Each form of a page: its method, where it leads, and the names of its fields."""
    for attributes, inside in _FORM.findall(page):
        by_name = dict(_ATTRIBUTE.findall(attributes))
        names = [unescape(name) for name in dict.fromkeys(_FIELD.findall(inside)) if name != _ITS_OWN]
        yield by_name.get("method", "get").upper(), unescape(by_name.get("action") or path), names


def query_fields(page: str, path: str) -> set[str]:
    """What the links and filters of a page ask of the page itself."""
    fields = {
        name
        for where in map(unescape, _LINK.findall(page))
        if urlsplit(where).path == path
        for name, _ in parse_qsl(urlsplit(where).query)
    }
    return fields | {
        name for method, where, names in forms(page, path) if method == "GET" and where == path for name in names
    }


def of_each_row(names: Iterable[str]) -> list[str]:
    """The fields that get junk: every other one, of a form's rows, which are read alike, of the first; all of them under `make soak`.

    The others get theirs at random, from any sender (`random_requests`).
    """
    if IS_SOAK:
        return sorted(names)
    of_first = {_ROW.sub("", name): name for name in sorted(names, reverse=True)}
    return sorted(of_first.values())[::2]


def body(form: Mapping[str, Any], field: str, junk: Junk) -> bytes:
    """A form, urlencoded, with junk in one field."""
    right = [(name, value) for name, value in form.items() if name != field]
    pairs = [(name, part) for name, value in right for part in (value if isinstance(value, list) else [value])]
    return urlencode([*pairs, *((field, value) for value in junk)]).encode()


def query(names: Iterator[str] | set[str], junk: Junk) -> str:
    """A query string with the same junk in each of some fields."""
    return urlencode([(name, value) for name in sorted(names) for value in junk])


def elsewhere(path: str) -> list[str]:
    """The path with other numbers in it: of no row, and of none that any table could hold."""
    return [_KEY.sub(str(number), path) for number in (0, 2**63)] if _KEY.search(path) else []
