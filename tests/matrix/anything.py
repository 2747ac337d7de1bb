"""Whatever somebody may send to a form or an address of the portal, and what holds of the answer, whatever it was.

A request begins as what a browser, or the table's own form, would send. Then fields are filled with junk, left out or sent twice, ids
become those of other rows, the body is garbled, and whoever sends it is somebody else.
"""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from django.core.signals import got_request_exception
from django.db import connection
from django.urls import reverse
from django.utils import timezone
from hypothesis import strategies as st

from governance.controls import ledger_export, mail_text, sealing
from governance.controls.models import Membership, Notice
from governance.controls.roles import Role
from inventory import registry
from inventory.models import Automation, Resource
from tests import hostile, journeys
from tests.approvals import stock
from tests.approvals.bring_in.building import of_its_own
from tests.lengths import IS_SOAK
from tests.matrix import junk
from tests.matrix.addresses_worlds import PEOPLE, Portal
from tests.matrix.asking import CELLS, DRAFTS, RECORD, SHOWN, URLENCODED, Answer, is_of_every_model, send, shown
from tests.matrix.offers import Offer
from tests.people import as_actor, give_role, make_person

#: How the portal may answer; 204 where a script asks and nothing changed.
KNOWN = frozenset({"200", "204", "302", "400", "403", "404", "405", "409", "413", "422", "login"})
#: Too many attempts to sign in.
TOO_OFTEN = "429"
#: How a request that can't be read, or is none of the portal's, is answered whoever sends it.
UNREAD = frozenset({"400", "405", "413"})
#: What may be answered where the table says that somebody may not: that it is not there, not theirs, or not like this.
INSTEAD = {
    "404": UNREAD | {"404"},
    "403": UNREAD | {"403", "404", "409", "422"},
    "login": UNREAD | {"login"},
}
#: What is theirs alone has this in its name.
THEIRS = "Zebra77"
#: The page on which a row is seen, by the first part of the addresses of what can be done to it: who gets 404 there gets it everywhere.
ROWS = {"automations", "resources", "review", "credentials", "identities", "recertify", "bring-in", "samples"}
_NUMBER = re.compile(r"(?<=/)\d+(?=/)")


# --- what others own --------------------------------------------------------------------------------------------------------


@dataclass
class Theirs:
    """What a team has that has nothing to do with anybody of `PEOPLE`, and who of these may see it all the same.

    Args:
        rows: one of each kind.
        seen_by: readers of everything.
    """

    rows: dict[str, Any]
    seen_by: frozenset[str]

    def by_address(self) -> dict[str, str]:
        """The id of each, by the first part of its addresses."""
        kinds = {"resources": "resource", "automations": "automation", "bring-in": "preview"}
        return {part: str(self.rows[kind].pk) for part, kind in kinds.items()}

    def versions(self) -> list[Any]:
        """Where each row stands in its table: another place after each change of it."""
        tables = [(row._meta.db_table, row.pk) for row in self.rows.values()]
        asked = " UNION ALL ".join(f"SELECT '{table}', ctid::text FROM {table} WHERE id = {pk}" for table, pk in tables)
        with connection.cursor() as cursor:
            cursor.execute(asked)
            return sorted(cursor.fetchall())


def theirs(portal: Portal) -> Theirs:
    """Marketing's own: an automation under review, a preview, and a resource, of people who are in nothing else."""
    w, n = portal.world, portal.world.northwind
    zoe, zac = make_person("Zoe Zander"), make_person("Zac Zander")
    for person in (zoe, zac):
        Membership.objects.create(team=n.marketing, person=person)
    give_role(zoe, Role.BUILDER, admins=(n.ines, n.karl))
    held = journeys.resource(n, f"{THEIRS} store", "data_store", "restricted", zac, zoe, n.marketing)
    content = of_its_own(stock.EXPORT, "theirs").replace(b"Weekly stock report", THEIRS.encode())
    files = [(f"{THEIRS}.json", content)]
    item, kept = (
        registry.preview(files, actor=as_actor(zoe), now=w.now, team=n.marketing).items.get() for _ in range(2)
    )
    fields = {"business_owner": zac, "technical_owner": zoe, "purpose": f"{THEIRS} sends."}
    version = registry.confirm_import(n.marketing, actor=as_actor(zoe), now=w.now, item=item, fields=fields, chosen={})
    rows = {"resource": held, "automation": version.automation, "version": version, "preview": kept}
    clients = {who: as_actor(person) for who, person in w.people.items() if who in PEOPLE}
    seen_by = {
        who
        for who, actor in clients.items()
        if Automation.objects.visible_to(actor, w.now).filter(pk=version.automation_id).exists()
        or Resource.objects.visible_to(actor, w.now).filter(pk=held.pk).exists()
    }
    return Theirs(rows, frozenset(seen_by))


# --- what is sent -----------------------------------------------------------------------------------------------------------


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

_TEXTS = [text.encode() for text in (*hostile.MARKUP, *hostile.FORMULAS, *hostile.UNSEEN)]
_JUNK = [one for kind, several in junk.JUNK.items() for one in several if kind != "a long text"]
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
    ["urlencoded"] * 8
    + ["multipart"] * 2
    + ["files", "cut", "no boundary", "json", "text", "rot13", "utf-16", "undefined", "none"]
)
HEADERS = st.sampled_from(
    [
        *[{}] * 4,
        {"HX-Request": "true", "HX-Target": "rows"},
        {"HX-Request": "true", "HX-Target": f"row-{hostile.MARKUP[2]}"},
        {"HX-Request": "true", "HX-Current-URL": "javascript:hostile7()", "Referer": "//x.example/hostile7"},
        {
            "Referer": f"https://x.example/{quote(hostile.MARKUP[0])}",
            "Accept-Language": "\xff",
            "Content-Encoding": "gzip",
        },
        {"Content-Length": "-1", "X-Forwarded-For": hostile.MARKUP[1], "Accept": "*/" + "*" * 900},
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
        """The ids that an address may be sent with: half of them of what others own there."""
        own = self.theirs.get(path.strip("/").partition("/")[0])
        return [*self.ids, *([own] * len(self.ids) if own else [])]


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
    """A form as it is filled in by whoever it is offered to, with a hostile text in each field that takes one."""
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
    """A form with junk in it, to whatever row, in whatever form of a body, by whomever."""
    who = draw(st.sampled_from([offer.who] * 20 * bool(offer.who) + list(PEOPLE)))
    path = offer.path
    if draw(st.integers(0, 2)) == 0:
        path = _NUMBER.sub(lambda _: draw(st.sampled_from(others.rows_at(path))), path)
    pairs = _right(offer)
    own = [name.encode() for name in sorted(offer.choices.keys() | offer.right.keys())]
    foreign = st.sampled_from([*_OTHERWISE, *(name.encode() for name in others.names)]) | VALUES
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from(own)) if own and draw(st.integers(0, 3)) else draw(foreign)
        chosen = [one.encode() for one in offer.choices.get(name.decode(errors="replace"), ())]
        value = draw(VALUES | st.sampled_from([*chosen, *(one.encode() for one in others.ids)]))
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
        return Request(who, method, f"{path.partition('?')[0]}?{_urlencoded(pairs)}", b"", kind, headers or {})
    return Request(who, method, path, body, kind, headers or {})


def _changed(pairs: Pairs, name: bytes, value: bytes, how: str) -> Pairs:
    """The fields with one of them garbled."""
    rest = [one for one in pairs if one[0] != name]
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
    kinds |= {charset: f"{URLENCODED}; charset={charset}" for charset in ("utf-16", "undefined")}
    if how in kinds:
        return plain, kinds[how]
    if how == "urlencoded":
        return plain, URLENCODED
    file = b'; filename="../' + hostile.MARKUP[2].replace('"', "").encode() + b'.json"' if how == "files" else b""
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


# --- what holds of every answer ---------------------------------------------------------------------------------------------


class Watch:
    """Sends requests and says what is wrong with the answers.

    Args:
        portal: where; what is asked of it is undone.
    """

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.theirs = theirs(portal)
        self.verdicts = verdicts(portal)
        self.counts: dict[str, int] = {}
        self.turn = 0
        sealing.seal_all(at=timezone.now())
        self.before = self.theirs.versions()
        self.told = Notice.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    def wrong(self, one: Request) -> list[str]:
        """What is wrong with the answer to a request, and with what it left."""
        found: list[str] = []
        errors: list[str] = []

        def note(**_: Any) -> None:
            errors.append(_error())

        def look(response: Any, answer: Answer) -> None:
            if response.streaming:
                b"".join(response.streaming_content)
            found.extend(self._afterwards(one, response, answer))

        got_request_exception.connect(note)
        try:
            answer = send(self.portal, one.who, one.method, one.path, one.body, kind=one.kind, then=look, **one.headers)
        finally:
            got_request_exception.disconnect(note)
        self.counts[answer.said] = self.counts.get(answer.said, 0) + 1
        return [*errors, *found, *self._of_the_answer(one, answer)]

    def _of_the_answer(self, one: Request, answer: Answer) -> Iterator[str]:
        """What the answer alone, and the tables that were written to, say."""
        if answer.said not in KNOWN and not (answer.said == TOO_OFTEN and one.path.startswith("/account/")):
            yield f"answered {answer.said}"
        yield from hostile.let_out(answer.text)
        if THEIRS in answer.text and one.who not in self.theirs.seen_by:
            yield "shows what others own"
        if one.method in ("GET", "HEAD", "OPTIONS") and answer.written:
            yield f"a {one.method} wrote to {sorted(set(answer.written))}"
        kept = set(answer.written) - RECORD - DRAFTS
        if kept and answer.said not in SHOWN:
            yield f"refused with {answer.said}, and wrote to {sorted(kept)}"
        yield from self._against_the_table(one, answer)

    def _against_the_table(self, one: Request, answer: Answer) -> Iterator[str]:
        """Whom the table refuses an address, no form gets any further; whoever may not see a row, nothing done to it tells them of it."""
        path = urlsplit(one.path).path
        for expected in self.verdicts.get((one.method, path, one.who), ()):
            shows = self.verdicts.get(("GET", path, one.who)) == {"200"}
            is_empty = answer.said == "200" and shows  # a POST of nothing is shown the form, as who asks for it is
            is_left = expected == "login" and path == reverse("account_logout")  # where signing out leads by itself
            if expected in INSTEAD and answer.said not in INSTEAD[expected] and not is_empty and not is_left:
                yield f"the table says {expected}, the portal {answer.said}"
        kind, _, rest = path.strip("/").partition("/")
        key = rest.partition("/")[0]
        if kind in ROWS and key.isdecimal() and len(key) < 19:
            is_seen = shown(self.portal, one.who, f"/{kind}/{key}/").said
            if is_seen in ("404", "login") and answer.said not in INSTEAD[is_seen]:
                yield f"the row's page says {is_seen}, the portal {answer.said}"

    def _afterwards(self, one: Request, response: Any, answer: Answer) -> Iterator[str]:
        """What stands after the answer, before it is undone: nothing of others' changed, pages show what was typed as text, the ledger holds."""
        if one.who not in self.theirs.seen_by and self.theirs.versions() != self.before:
            yield "changed what others own"
        if not answer.written or answer.said not in SHOWN:
            return
        self.turn += 1
        for who, path in self._pages(one, response):
            page = send(self.portal, who, "GET", path)
            if page.said not in KNOWN:
                yield f"{path} answers {who} with {page.said} afterwards"
            yield from (f"{path} afterwards: {said}" for said in hostile.let_out(page.text))
        for notice in Notice.objects.filter(pk__gt=self.told)[:3]:
            letter = mail_text.write(notice, None)
            yield from (f"a mail, {notice.event}: {said}" for said in hostile.let_out(letter.html))
            if not letter.subject.isprintable():
                yield f"the subject of a mail hides something: {letter.subject!r}"
        if IS_SOAK or self.turn % 4 == 1:
            sealing.seal_all(at=timezone.now())
            yield from ledger_export.verify_database().problems

    def _pages(self, one: Request, response: Any) -> Iterator[tuple[str, str]]:
        """Where what was written may be seen: where the answer leads, the row's page, and in turn those of everybody."""
        if response.status_code == 302 and not response["Location"].startswith(reverse("account_login")):
            yield one.who, response["Location"]
        kind, _, rest = urlsplit(one.path).path.strip("/").partition("/")
        if kind in (*ROWS, "people", "teams") and rest:
            yield "every_role", f"/{kind}/{rest.partition('/')[0]}/"
        few = EVERYBODYS if IS_SOAK else [EVERYBODYS[self.turn % len(EVERYBODYS)]]
        yield from few


#: Pages that show what anybody did, or named.
EVERYBODYS = (
    ("auditor", "/ledger/"),
    ("every_role", f"/search/?q={hostile.MARK}"),
    ("every_role", "/automations/"),
    ("every_role", "/resources/"),
    ("admin", "/people/"),
    ("every_role", "/desk/"),
    ("builder", "/"),
    ("builder", "/bring-in/"),
    ("resource_owner", "/recertify/"),
    ("auditor", "/demo/mail/"),
)


def _error() -> str:
    """The exception that is being handled, with where it was raised."""
    error = sys.exc_info()[1]
    assert error is not None
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:300]} ({last.filename.rpartition('/')[2]}:{last.lineno})"


def verdicts(portal: Portal) -> dict[tuple[str, str, str], set[str]]:
    """(method, path, who) to what the table says of it; one path may be that of several subjects."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for (address, method, subject), cells in CELLS.items():
        if is_of_every_model(address):
            continue
        path = urlsplit(portal.path(address, subject)).path
        for who, expected in cells.items():
            found.setdefault((method, path, who), set()).add(expected)
    return {key: said for key, said in found.items() if len(said) == 1}
