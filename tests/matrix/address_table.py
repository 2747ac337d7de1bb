"""Requests of the matrix of addresses: its table, and the answers of the portal.

What the table's columns mean stands in ``test_addresses.py``; who and what they name, in `address_subjects`.
"""

from __future__ import annotations

import copy
import csv
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.db import connection
from django.urls import reverse

from tests.matrix.address_subjects import PEOPLE, Portal
from tests.savepoints import undone

TABLE = Path(__file__).with_name("addresses.csv")
#: Who is at the sign-in where no line says otherwise.
SIGNED_OUT = ("anonymous", "left")
SHOWN = ("200", "302")
REFUSED = ("401", "403", "404", "409", "422", "login")
#: Tables that keep a refused attempt and its reason.
RECORD = {"controls_ledgerevent", "controls_freetext"}
#: Tables of typed previews, choices on cards and named filters: a refusal keeps them, since they are no governed facts.
DRAFTS = {"approvals_savedview", "inventory_importbatch", "inventory_importitem", "recertification_draft"}
URLENCODED = "application/x-www-form-urlencoded"

Key = tuple[str, str, str]
Cells = dict[Key, dict[str, str]]


def read() -> Cells:
    """(address, method, subject) to who to what is expected; a cell named twice, or nobody's, is an error in the table."""
    named: Cells = {}
    rest: dict[Key, str] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            key = (line["address"], line["method"], line["subject"])
            cells = named.setdefault(key, {})
            for who in line["who"].split():
                if who == "*":
                    assert key not in rest, f"{key} has two lines for everybody else"
                    rest[key] = line["expected"]
                    continue
                assert who in PEOPLE, f"nobody is called {who}"
                assert who not in cells, f"{key} names {who} twice"
                cells[who] = line["expected"]
    return {key: {who: _cell(key, who, cells, rest) for who in PEOPLE} for key, cells in named.items()}


def _cell(key: Key, who: str, cells: dict[str, str], rest: dict[Key, str]) -> str:
    return cells.get(who) or ("login" if who in SIGNED_OUT else rest[key])


def is_of_every_model(address: str) -> bool:
    """Whether an address of the table stands for one of every model in the admin."""
    return address.startswith("admin:*_")


CELLS = read()
ADDRESSES = list(dict.fromkeys(address for address, _, _ in CELLS))


# --- the portal ---------------------------------------------------------------------------------------------------------


@dataclass
class Answer:
    """What came back, which tables were written to on the way, and whether the next page has a message."""

    verdict: str
    text: str = ""
    written: list[str] = field(default_factory=list)
    caching: str = ""
    is_told: bool = False


WRITES = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM|MERGE INTO|TRUNCATE)\s+"?(\w+)', re.IGNORECASE)


@contextmanager
def writes() -> Iterator[list[str]]:
    """The tables that are written to during a block."""
    tables: list[str] = []

    def watch(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        if written := WRITES.match(str(sql)):
            tables.append(written[1])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield tables


def send(
    portal: Portal,
    who: str,
    method: str,
    path: str,
    form: Any = None,
    *,
    kind: str = URLENCODED,
    then: Callable[[Any, Answer], None] | None = None,
    **headers: str,
) -> Answer:
    """Send somebody to a path, and undo whatever came of it.

    Args:
        portal: where.
        who: one of `PEOPLE`.
        method: as in ``GET``.
        path: with what it asks.
        form: its fields; bytes are sent unchanged.
        kind: the content type of bytes.
        then: looks at the response, and at what the answer says of it, before that is undone.
        headers: of the request.
    """
    client = portal.clients[who]
    client.raise_request_exception = False
    cookies = copy.copy(client.cookies)
    # No GET writes: one that did would be found, and what it wrote undone with the test.
    with nullcontext() if method == "GET" else undone(), writes() as written:
        if form is None or isinstance(form, bytes):
            answer = client.generic(method, path, form or b"", kind, headers=headers, CONTENT_TYPE=kind)
        else:
            answer = client.post(path, form, headers=headers)
        verdict = str(answer.status_code)
        if verdict == "302":
            verdict = _led(portal, who, answer["Location"])
        text = "" if answer.streaming else answer.content.decode()
        is_told = getattr(getattr(answer.wsgi_request, "_messages", None), "added_new", False)
        outcome = Answer(verdict, text, written, answer.get("Cache-Control", ""), is_told)
        if then is not None:
            then(answer, outcome)
    client.cookies = cookies
    return outcome


def shown(portal: Portal, who: str, path: str) -> Answer:
    """The answer at a path whose verdict the table's own test checks: once for all tests, since none changes it."""
    key = who, path
    if key not in portal.shown:
        portal.shown[key] = send(portal, who, "GET", path)
    answer: Answer = portal.shown[key]
    return answer


def _led(portal: Portal, who: str, location: str) -> str:
    """Where a redirect leads: to the sign-in, on in the portal, or to the admin's answer without permission."""
    where = urlsplit(urljoin("http://ours/here/", location))
    is_ours = (where.scheme, where.netloc) == ("http", "ours") and "\\" not in where.path
    assert is_ours, f"{location} is not ours"
    if location.startswith(reverse("account_login")):
        return "login"
    if location == reverse("admin:index") or location.startswith(reverse("admin:login")):
        return send(portal, who, "GET", location).verdict
    return "302"
