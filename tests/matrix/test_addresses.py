"""The permission matrix of addresses: everybody is sent to every address of the portal, and the answer is the table's.

``addresses.csv`` is written by hand from the product's rules. Columns: ``address``, a URL name, where ``admin:*_change`` stands
for that address of every model; ``method``; ``subject``, which `address_subjects` knows; ``who``, one name or several of
`PEOPLE`, or ``*`` for everybody without a line of their own for that address, method and subject; ``expected``:

- ``200``, ``302`` (done, or shown elsewhere), ``403`` (it is there, and not theirs to do), ``404`` (whether it is there is not
  told), ``409`` (not now), ``422`` (not like this) are the answer's status;
- ``401`` is the answer of the API to everybody, since a session opens nothing there; what a program gets stands in ``test_programs.py``;
- ``login`` is a redirect to the sign-in. Every address needs one unless it says otherwise: this is the answer to a person who
  is not signed in or has left, where no line names them; ``*`` does not include them.

Everybody is sent where the answers to a GET differ. Where those to a POST do, `WRITERS` of each answer are, and everybody under
`make full`: ``test_transitions.py`` checks everybody's permission on the operation itself. Of each answer only `FEW` are where all
who are signed in get the same, and where a GET asks before a POST that has lines of its own; who, changes from line to line.

A method without a line is not accepted: 405. A POST sends the fields of a permitted person, and is rolled back. No GET writes;
a refusal writes what was tried into the ledger, and nothing else.
"""

from __future__ import annotations

import itertools
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.urls import URLPattern, URLResolver, get_resolver
from hypothesis import HealthCheck, Phase, given, settings

from governance.portal.read_only_admin import admin_site
from tests import run_lengths
from tests.matrix import forms_and_addresses, junk_input, random_requests, response_checks
from tests.matrix.address_subjects import PEOPLE, Portal, admin_path
from tests.matrix.address_table import (
    ADDRESSES,
    CELLS,
    DRAFTS,
    RECORD,
    REFUSED,
    SHOWN,
    SIGNED_OUT,
    Answer,
    Key,
    is_of_every_model,
    send,
    shown,
)
from tests.matrix.cast_and_states import in_turn
from tests.matrix.forms_and_addresses import Offer
from tests.run_lengths import IS_SOAK

pytestmark = pytest.mark.matrix

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: The model for which everybody is sent to the admin's addresses; for all others these two are, in turn, to the list alone.
SAMPLE, SENT_EVERYWHERE = "controls.person", ("auditor", "superuser")

#: Refused before any operation on a governed row is tried, so that there is nothing to record: signing in again, reading, and
#: what a person notes for themself before they import or answer. The admin has no operations at all.
NOTHING_TRIED = (
    *("mfa_reauthenticate", "ledger_verify", "import", "import_form", "import_add", "submit_again"),
    *("promote", "lists", "list_upload", "try_mail"),
    *("recert_answer", "recert_card"),
)

#: Actions whose next page is the answer: it shows what was made or asks for the next thing.
SAID_BY_THE_PAGE = frozenset(
    (
        *("account_login", "account_reauthenticate", "account_reset_password", "account_change_password"),
        *("mfa_authenticate", "demo_sign_in", "clock", "introduction_close", "notification_open", "recert_submit"),
        *("import", "import_form", "import_batch", "submit_again", "promote", "grant_stop", "automation_stop"),
        *("identity_stop", "resource_stop", "team_stop", "stop_undo", "stop_explain", "lists", "list_upload"),
    )
)

#: Tables of people and of how they sign in: whatever is written there leaves an event, also what is others' code (H1).
PEOPLES = frozenset({"controls_person", "mfa_authenticator"})

#: What every answer says to browsers and proxies: none of them keeps a copy.
NOT_KEPT = "no-store, private"

#: How many people with the same answer are sent where not everybody is; the number of `PEOPLE` sends them all.
FEW = 2
WRITERS = run_lengths.run_length(2, full=len(PEOPLE))
#: How many people of `SENT_EVERYWHERE` open the list of one model; with FULL, each of them.
READERS = run_lengths.run_length(1, full=len(SENT_EVERYWHERE))
#: How many forms and addresses are sent whatever comes to mind, and how often each.
FORMS, EACH = 4, run_lengths.run_length(5, soak=int(os.environ.get("SOAK_EXAMPLES", "20")))
#: Where a link of a page leads, without what it filters by there.
LINK = re.compile(r'<a\b[^>]*\bhref="(/[^"#?]*)')

# --- the portal ---------------------------------------------------------------------------------------------------------


def names(patterns: Any, prefix: str = "") -> Iterator[str]:
    """What the table calls each address of a URL conf."""
    for entry in patterns:
        if isinstance(entry, URLResolver):
            yield from names(entry.url_patterns, f"{entry.namespace}:" if entry.namespace else prefix)
            continue
        assert isinstance(entry, URLPattern)
        name = entry.name or _without_a_name(patterns)
        kind = re.fullmatch(r"[a-z]+_[a-z]+(_(?:changelist|add|history|change|delete|\(.*\)))", name)
        yield f"{prefix}*{kind[1]}" if prefix and kind else f"{prefix}{name}"


def _without_a_name(siblings: Any) -> str:
    """What follows the addresses of one model is where its rows stood once; what follows all is anything else."""
    names = [entry.name or "" for entry in siblings if isinstance(entry, URLPattern)]
    lists = [name for name in names if name.endswith("_changelist")]
    return f"{lists[0].removesuffix('_changelist')}_(its old address)" if lists else "(anything else)"


# --- the table ----------------------------------------------------------------------------------------------------------


def test_an_address_that_is_missing_from_the_table_or_has_gone_is_found() -> None:
    assert set(ADDRESSES) == set(names(get_resolver().url_patterns))


@pytest.mark.full
@pytest.mark.rule("S5", "H1")
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_role_gets_tabled_answer_at_every_address(portal: Portal, address: str) -> None:
    mine = [key for key in CELLS if key[0] == address]
    wrong = [problem for key in mine for problem in disagreements(portal, key)]
    assert not wrong, "\n".join(wrong)


def disagreements(portal: Portal, key: Key) -> Iterator[str]:
    """Where the portal answers otherwise than the table, or writes what it should not."""
    address, method, subject = key
    for path, cells in paths(portal, address, subject, CELLS[key]):
        for who, expected in sent(key, cells).items():
            form = portal.form(address, subject) if method == "POST" else None
            answer = send(portal, who, method, path, form)
            if method == "GET" and answer.verdict in SHOWN:
                portal.shown[who, path] = answer
            line = f"{method} {address} {subject} by {who}"
            if answer.verdict != expected:
                yield f"{line}: the table says {expected}, the portal {answer.verdict}"
            if answer.caching != NOT_KEPT:
                yield f"{line}: Cache-Control is {answer.caching!r}"
            yield from (f"{line}: {problem}" for problem in written_wrongly(address, method, answer))


def paths(portal: Portal, address: str, subject: str, cells: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Where one line of the table leads, and who is sent there."""
    if not is_of_every_model(address):
        yield portal.path(address, subject), cells
        return
    yield admin_path(address, SAMPLE), cells
    if address == "admin:*_changelist":
        for turn, model in enumerate(admin_site.mount()._registry):
            path = admin_path(address, model._meta.label_lower)
            yield path, {who: cells[who] for who in in_turn(list(SENT_EVERYWHERE), turn)[:READERS]}


def sent(key: Key, cells: dict[str, str]) -> dict[str, str]:
    """The people of a line who are sent, with the expected answer."""
    address, method, subject = key
    is_question = method == "GET" and (address, "POST", subject) in CELLS
    differ = len(set(cells.values()) - {"login"}) > 1 and not is_question
    if differ and method == "GET":
        return cells
    of_each: dict[str, list[str]] = {}
    for who in in_turn(list(PEOPLE), list(CELLS).index(key)):
        if who in cells:
            of_each.setdefault(cells[who], []).append(who)
    return {who: verdict for verdict, people in of_each.items() for who in people[: WRITERS if differ else FEW]}


def written_wrongly(address: str, method: str, answer: Answer) -> Iterator[str]:
    """What a request wrote that it should not have, or did not write that it should have."""
    if method == "GET" and answer.written:
        yield f"a GET wrote to {sorted(set(answer.written))}"
    if PEOPLES & set(answer.written) and "controls_ledgerevent" not in answer.written:
        yield f"wrote to {sorted(PEOPLES & set(answer.written))}, and left no event"
    if method == "POST" and answer.verdict == "302" and not answer.is_told and address not in SAID_BY_THE_PAGE:
        yield "an action without a message"
    if method == "GET" or answer.verdict not in REFUSED:
        return
    if more := set(answer.written) - RECORD:
        yield f"refused with {answer.verdict}, and wrote to {sorted(more)}"
    is_tried = address not in NOTHING_TRIED and not address.startswith("admin:")
    if is_tried and answer.verdict in ("403", "409") and answer.written.count("controls_ledgerevent") != 1:
        yield f"refused with {answer.verdict}, and not on record"


@pytest.mark.full("sends every other method to every address")
def test_a_method_without_a_line_is_not_accepted(portal: Portal) -> None:
    lines = {(address, method) for address, method, _ in CELLS}
    subjects = {address: subject for address, _, subject in CELLS}
    wrong = []
    for address, subject in subjects.items():
        if address.startswith("admin:"):
            continue  # Django's own; that nothing is written there stands in the table
        path = portal.path(address, subject)
        for method in METHODS:
            if (address, method) in lines:
                continue
            for who, expected in (("every_role", ("405",)), ("anonymous", ("405", "login"))):
                answer = send(portal, who, method, path)
                if answer.verdict not in expected or answer.written:
                    wrong.append(f"{method} {address} by {who}: {answer.verdict}, wrote to {answer.written}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.full("asks every page once more")
def test_htmx_gets_the_same_verdict(portal: Portal) -> None:
    """For each GET, one permitted person, one refused person, and nobody: a fragment is no way around."""
    wrong = []
    for (address, method, subject), cells in CELLS.items():
        if method != "GET" or is_of_every_model(address):
            continue
        path = portal.path(address, subject)
        one_of_each = {expected: who for who, expected in cells.items()}
        for expected, who in one_of_each.items():
            answer = send(portal, who, "GET", path, **{"HX-Request": "true"})
            if answer.verdict != expected or answer.written:
                wrong.append(f"{address} {subject} by {who}: the table says {expected}, htmx gets {answer.verdict}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.full("opens every page, to follow its links")
@pytest.mark.parametrize("who", ["nobody", "builder"])
def test_pages_link_only_to_permitted_pages(portal: Portal, who: str) -> None:
    read: dict[str, Answer] = {}
    led: dict[str, str] = {}
    for (address, method, subject), cells in CELLS.items():
        if method == "GET" and cells[who] == "200" and not address.startswith("admin:"):
            path = portal.path(address, subject)
            read[path] = shown(portal, who, path)
            led |= dict.fromkeys(links(read[path]), f"{address} {subject}")
    for path in led.keys() - read.keys():
        read[path] = shown(portal, who, path)
    refused = [f"{where} to {path}" for path, where in led.items() if read[path].verdict not in SHOWN]
    assert not refused, "\n".join(refused)


def links(page: Answer) -> list[str]:
    """Where the links of a page lead."""
    return [unescape(path) for path in LINK.findall(page.text)]


# --- junk -----------------------------------------------------------------------------------------------------------------


@dataclass
class Sent:
    """A form that somebody may send: what is right in it, and the names of all its fields, whatever page they stand on."""

    right: dict[str, Any]
    fields: set[str]


@pytest.mark.full("sends junk to every field of every form")
@pytest.mark.rule("H1")
def test_junk_input_breaks_no_page_and_leaves_nothing_half_done(portal: Portal) -> None:
    """Each field of each form gets a piece of junk in turn, each page one in all that it is asked at once, each path numbers of no row."""
    wrong, seen, turn = [], {}, itertools.cycle(junk_input.JUNK)
    for who, path in _to_try(portal, "GET"):
        page = seen[path] = shown(portal, who, path).text
        query = junk_input.query(junk_input.query_fields(page, path), junk_input.JUNK[next(turn)])
        for where in (*([f"{path}?{query}"] if query else []), *junk_input.elsewhere(path)):
            wrong += _broken(f"GET {where[:200]} by {who}", send(portal, who, "GET", where))
    for (who, path), form in _sendable(portal, seen).items():
        for name, kind in zip(junk_input.of_each_row(form.fields), turn, strict=False):
            answer = send(portal, who, "POST", path, junk_input.body(form.right, name, junk_input.JUNK[kind]))
            wrong += _broken(f"POST {path} by {who} with {kind} as {name}", answer)
    assert not wrong, "\n".join(wrong)


def _to_try(portal: Portal, method: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Somebody who gets as far as an address goes, and where it leads for one of its subjects: each with address and subject."""
    targets: dict[str, tuple[str, str]] = {}
    for (address, how, subject), cells in CELLS.items():
        may = [who for who, verdict in cells.items() if verdict in SHOWN and who not in SIGNED_OUT]
        if how == method and not is_of_every_model(address) and may:
            targets.setdefault(address, (may[0], subject))
    return {(who, portal.path(at, subject).partition("?")[0]): (at, subject) for at, (who, subject) in targets.items()}


def _sendable(portal: Portal, seen: dict[str, str]) -> dict[tuple[str, str], Sent]:
    """Who sends what where: the table's forms, with the fields that they have on pages."""
    forms: dict[tuple[str, str], Sent] = {}
    for (who, path), target in _to_try(portal, "POST").items():
        right = dict(portal.form(*target))
        forms[who, path] = Sent(right, set(right))
    for page, text in seen.items():
        for method, where, names in junk_input.forms(text, page):
            for (_, path), form in forms.items():
                if method == "POST" and where.partition("?")[0] == path:
                    form.fields |= set(names)
    return forms


def _broken(what: str, answer: Answer) -> Iterator[str]:
    """Wrong effects of junk: an error of ours, or a part of a refused request."""
    if answer.verdict >= "500":
        yield f"{what}: {answer.verdict}"
    kept = set(answer.written) - RECORD - DRAFTS
    if kept and answer.verdict not in SHOWN:
        yield f"{what}: refused with {answer.verdict}, and wrote to {sorted(kept)}"


@pytest.mark.full("opens every page to learn its forms")
@pytest.mark.soak
@pytest.mark.rule("S5", "H1")
def test_random_requests_get_answers_without_foreign_data(portal: Portal, request: pytest.FixtureRequest) -> None:
    """A few of the forms and addresses in each run, other ones in the next; all of them under `make soak`."""
    watch, offered = response_checks.Watch(portal), _offered(portal)
    filled = [offer for offer in offered if offer.method == "POST" and offer.right]
    some = offered if IS_SOAK else [*random.sample(filled, FORMS), *random.sample(offered, FORMS // 2)]
    ids = [str(row.pk) for row in (*watch.theirs.rows.values(), *portal.rows.values()) if getattr(row, "pk", None)]
    names = sorted({name for offer in offered for name in offer.choices})
    others = random_requests.Others([*ids, "0", str(2**63), "9" * 30], names, watch.theirs.by_address())
    wrong: list[str] = []
    for offer in some:

        @settings(
            max_examples=EACH * (2 if IS_SOAK and offer in filled else 1),
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(random_requests.requests(offer, others))
        def attempt(attempted: random_requests.Request) -> None:
            problems = watch.wrong(attempted)
            assert not problems, f"{attempted}: {'; '.join(problems)}"

        try:
            attempt()
        except Exception as error:  # several that differ come as a group
            wrong.append(f"{offer}\n    {error}")
    cache.clear()  # how often somebody tried to sign in
    run_lengths.did(
        request,
        f"{sum(watch.counts.values()):,} requests to {len(some)} forms and addresses: {dict(sorted(watch.counts.items()))}",
    )
    assert not wrong, "\n".join(wrong)


def _offered(portal: Portal) -> list[Offer]:
    """Each form of each page that was shown, each address, and what the table sends to it."""
    for who, path in _to_try(portal, "GET"):
        shown(portal, who, path)
    if IS_SOAK:
        for (address, method, subject), cells in CELLS.items():
            if method == "GET" and not is_of_every_model(address):
                path = portal.path(address, subject)
                for who in [who for who, verdict in cells.items() if verdict == "200"]:
                    shown(portal, who, path)
    offers = [
        offer
        for (who, path), page in list(portal.shown.items())
        for offer in forms_and_addresses.forms(page.text, path, who)
    ]
    offers = forms_and_addresses.apart([*offers, *forms_and_addresses.addresses(portal)])
    right = {path: (who, dict(portal.form(*target))) for (who, path), target in _to_try(portal, "POST").items()}
    for offer in offers:
        if offer.method == "POST" and (path := offer.path.partition("?")[0]) in right:
            offer.who, form = right[path]
            offer.right |= {
                name: list(map(str, value if isinstance(value, list) else [value])) for name, value in form.items()
            }
    return offers
