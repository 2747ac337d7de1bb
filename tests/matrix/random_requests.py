"""Whatever somebody may send to a form or an address of the portal.

A request begins as what a browser, or the table's own form, would send. Then fields are filled with hostile texts, or with junk, are left
out or sent twice, ids become those of other rows, the body is garbled, and its sender is somebody else. `response_checks`
checks the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from tests import hostile_texts
from tests.matrix import junk_input
from tests.matrix.address_subjects import PEOPLE
from tests.matrix.address_table import URLENCODED
from tests.matrix.forms_and_addresses import Offer

_NUMBER = re.compile(r"(?<=/)\d+(?=/)")


@dataclass(frozen=True, repr=False)
class Request:
    """One request."""

    who: str
    method: str
    path: str
    body: bytes = b""
    kind: str = URLENCODED
    headers: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"{self.method} {self.path[:300]} by {self.who}, {self.kind}: {self.body[:500]!r} {dict(self.headers) or ''}"


Pairs = list[tuple[bytes, bytes]]

_TEXTS = [text.encode() for text in (*hostile_texts.MARKUP, *hostile_texts.FORMULAS, *hostile_texts.UNSEEN)]
_JUNK = [text for kind, several in junk_input.JUNK.items() for text in several if kind != "a long text"]
_DAYS = [b"0000-00-00", b"9999-12-31", b"1969-12-31", b"2026-11-24T25:61", b"-0001-01-01", b"2026-12-01"]
_OTHERWISE = [
    b"do",
    b"next",
    b"back",
    b"team",
    b"asks",
    b"answer",
    b"after",
    b"before",
    b"open",
    b"q",
    b"item",
    b"__proto__",
]
VALUES = (
    st.sampled_from([*_TEXTS, *_TEXTS, *_JUNK, *_DAYS]) | st.text(max_size=20).map(str.encode) | st.binary(max_size=8)
)
VALUES |= st.sampled_from([b"x" * 9_000, "\u202e".encode() * 200, b"a" * 161, b"b" * 4001])

#: Where a form might lead its reader.
ELSEWHERE = (b"javascript:hostile7()", b"//x.example/", b"/\\x.example/", b"https://x.example/")
METHODS = ["POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "SEVEN"]
CHANGES = ["in its place"] * 4 + ["beside", "instead", "nothing"]
#: How often each way of writing a body comes up.
WRITTEN = (
    ["urlencoded"] * 8 + ["multipart"] * 2 + ["files", "cut", "no boundary", "json", "text", "rot13", "utf-16", "none"]
)
HEADERS = st.sampled_from(
    [
        *[{}] * 4,
        {"HX-Request": "true", "HX-Target": "rows"},
        {"HX-Request": "true", "HX-Target": f"row-{hostile_texts.MARKUP[2]}"},
        {"HX-Request": "true", "HX-Current-URL": "javascript:hostile7()", "Referer": "//x.example/hostile7"},
        {
            "Referer": f"https://x.example/{quote(hostile_texts.MARKUP[0])}",
            "Accept-Language": "\xff",
            "Content-Encoding": "gzip",
        },
        {"Content-Length": "-1", "X-Forwarded-For": hostile_texts.MARKUP[1], "Accept": "*/" + "*" * 900},
    ]
)


@dataclass(frozen=True)
class Others:
    """What else may stand in a request.

    Args:
        ids: of rows of all kinds, some of which the sender may not see, and of none.
        names: of fields of other forms.
        theirs: the ids of `Theirs`, by the first part of the addresses of its rows.
    """

    ids: list[str]
    names: list[str]
    theirs: Mapping[str, str]

    def rows_at(self, path: str) -> list[str]:
        """The ids that an address may be sent with: half of them are rows of others."""
        foreign_id = self.theirs.get(path.strip("/").partition("/")[0])
        return [*self.ids, *([foreign_id] * len(self.ids) if foreign_id else [])]


@st.composite
def requests(draw: st.DrawFn, offer: Offer, others: Others) -> Request:
    """What may come of an offer: hostile texts where somebody types, all else right; or anything at all.

    Args:
        draw: Hypothesis's.
        offer: with what a browser, or the table, would send.
        others: what else may stand in it.
    """
    return draw(typed(offer)) if draw(st.booleans()) else draw(garbled(offer, others))


@st.composite
def typed(draw: st.DrawFn, offer: Offer) -> Request:
    """A form filled in by a person who sees it, with a hostile text in each text field."""
    who = offer.who or draw(st.sampled_from(list(PEOPLE)))
    pairs = _right(offer)
    free = {name.encode() for name in offer.texts} | {name for name, value in pairs if b" " in value}
    for name in sorted(free):
        pairs = _changed(pairs, name, draw(st.sampled_from(_TEXTS)), "in its place")
    elsewhere = draw(st.sampled_from([b"", *ELSEWHERE]))
    pairs += [(name, elsewhere) for name in (b"next", b"back") if elsewhere]
    return _sent(offer.method, who, offer.path, pairs, draw(st.sampled_from(["urlencoded", "multipart"])))


@st.composite
def garbled(draw: st.DrawFn, offer: Offer, others: Others) -> Request:
    """A form with junk, for any row, with any form of a body, by any person."""
    who = draw(st.sampled_from([offer.who] * 20 * bool(offer.who) + list(PEOPLE)))
    path = offer.path
    if draw(st.integers(0, 2)) == 0:
        path = _NUMBER.sub(lambda _: draw(st.sampled_from(others.rows_at(path))), path)
    pairs = _right(offer)
    field_names = [name.encode() for name in sorted(offer.choices.keys() | offer.right.keys())]
    foreign = st.sampled_from([*_OTHERWISE, *(name.encode() for name in others.names)]) | VALUES
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(field_names)) if field_names and draw(st.integers(0, 3)) else draw(foreign)
        chosen = [choice.encode() for choice in offer.choices.get(name.decode(errors="replace"), ())]
        value = draw(VALUES | st.sampled_from([*chosen, *(row_id.encode() for row_id in others.ids)]))
        pairs = _changed(pairs, name, value, draw(st.sampled_from(CHANGES)))
    method = draw(st.sampled_from([offer.method] * 12 + METHODS))
    return _sent(method, who, path, pairs, draw(st.sampled_from(WRITTEN)), draw(HEADERS))


def _right(offer: Offer) -> Pairs:
    return [(name.encode(), value.encode()) for name, values in offer.right.items() for value in values]


def _sent(
    method: str, who: str, path: str, pairs: Pairs, how: str, headers: Mapping[str, str] | None = None
) -> Request:
    body, kind = written(pairs, how)
    if method == "GET":
        kind = kind.partition(";")[
            0
        ]  # some encodings break before Django's handlers: `governance.wsgi` is there for them
        return Request(who, method, f"{path.partition('?')[0]}?{_urlencoded(pairs)}", b"", kind, headers or {})
    return Request(who, method, path, body, kind, headers or {})


def _changed(pairs: Pairs, name: bytes, value: bytes, how: str) -> Pairs:
    """The fields with one of them garbled."""
    rest = [pair for pair in pairs if pair[0] != name]
    match how:
        case "in its place":
            return [*rest, (name, value)]
        case "beside":
            return [*pairs, (name, value), (name, value)]
        case "instead":
            return [(name, value)]
        case _:
            return rest


def _urlencoded(pairs: Pairs) -> str:
    return urlencode(pairs)


def written(pairs: Pairs, how: str) -> tuple[bytes, str]:
    """A body, and what it says that it is."""
    plain = _urlencoded(pairs).encode()
    kinds = {"json": "application/json", "text": "text/plain", "none": ""}
    # Not "undefined": the test client asks no `wsgi`, which takes it out.
    kinds["utf-16"] = f"{URLENCODED}; charset=utf-16"
    if how in kinds:
        return plain, kinds[how]
    if how == "urlencoded":
        return plain, URLENCODED
    file = b'; filename="../' + hostile_texts.MARKUP[2].replace('"', "").encode() + b'.json"' if how == "files" else b""
    parts = [
        b'--seven\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
        % (name.replace(b'"', b"%22"), file, value)
        for name, value in pairs
    ]
    body = b"".join([*parts, b"--seven--\r\n"])
    match how:
        case "cut":
            return body[: len(body) * 2 // 3], "multipart/form-data; boundary=seven"
        case "no boundary":
            return body, "multipart/form-data"
        case "rot13":
            return body, "multipart/form-data; boundary=seven; charset=rot13"
        case _:
            return body, "multipart/form-data; boundary=seven"
