"""Checks of every answer of the portal, whatever was sent: the answer, the writes, and every page afterwards."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.signals import got_request_exception
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from governance.core.ledger import ledger_export, sealing
from governance.core.mail import mail_text
from governance.core.models import Membership, Notice
from governance.core.roles.roles import Role
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, Resource
from tests import hostile_texts, scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import of_its_own
from tests.matrix.address_subjects import PEOPLE, Portal
from tests.matrix.address_table import CELLS, DRAFTS, RECORD, SHOWN, Answer, is_of_every_model, send, shown
from tests.matrix.random_requests import Request
from tests.people import as_actor, give_role, make_person
from tests.run_lengths import IS_SOAK

#: How the portal may answer; 204 where a script asks and nothing changed.
KNOWN = frozenset({"200", "204", "302", "400", "401", "403", "404", "405", "409", "413", "415", "422", "login"})
#: Too many attempts to sign in.
TOO_OFTEN = "429"
#: Answers to a request that can't be read or is not the portal's, for every sender.
UNREAD = frozenset({"400", "405", "413", "415"})
#: What may be answered where the table says that somebody may not: that it is not there, not theirs, or not like this.
INSTEAD = {
    "404": UNREAD | {"404"},
    "403": UNREAD | {"403", "404", "409", "422"},
    "login": UNREAD | {"login"},
    "401": UNREAD | {"401"},
}
#: What is theirs alone has this in its name.
THEIRS = "Zebra77"
#: The page of a row, by the first part of the addresses of its operations. A 404 there means 404 everywhere.
ROWS = {"automations", "resources", "review", "credentials", "identities", "recertify", "import", "samples"}


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
        kinds = {"resources": "resource", "automations": "automation", "import": "preview"}
        return {part: str(self.rows[kind].pk) for part, kind in kinds.items()}

    def versions(self) -> list[Any]:
        """Where each row stands in its table: another place after each change of it."""
        tables = [(row._meta.db_table, row.pk) for row in self.rows.values()]
        query = " UNION ALL ".join(f"SELECT '{table}', ctid::text FROM {table} WHERE id = {pk}" for table, pk in tables)
        with connection.cursor() as cursor:
            cursor.execute(query)
            return sorted(cursor.fetchall())


def theirs(portal: Portal) -> Theirs:
    """Marketing's own: an automation under review, a preview, and a resource, of people who are in nothing else."""
    w, n = portal.world, portal.world.northwind
    zoe, zac = make_person("Zoe Zander"), make_person("Zac Zander")
    for person in (zoe, zac):
        Membership.objects.create(team=n.marketing, person=person)
    give_role(zoe, Role.BUILDER, admins=(n.ines, n.karl))
    held = scenarios.resource(n, f"{THEIRS} store", "data_store", "restricted", zac, zoe, n.marketing)
    content = of_its_own(stock_report.EXPORT, "theirs").replace(b"Weekly stock report", THEIRS.encode())
    files = [(f"{THEIRS}.json", content)]
    item, kept = (
        previews.preview(files, actor=as_actor(zoe), now=w.now, team=n.marketing).items.get() for _ in range(2)
    )
    fields = {"business_owner": zac, "technical_owner": zoe, "purpose": f"{THEIRS} sends."}
    version = confirmation.confirm_import(
        n.marketing, actor=as_actor(zoe), now=w.now, item=item, fields=fields, chosen={}
    )
    rows = {"resource": held, "automation": version.automation, "version": version, "preview": kept}
    clients = {who: as_actor(person) for who, person in w.people.items() if who in PEOPLE}
    seen_by = {
        who
        for who, actor in clients.items()
        if Automation.objects.visible_to(actor, w.now).filter(pk=version.automation_id).exists()
        or Resource.objects.visible_to(actor, w.now).filter(pk=held.pk).exists()
    }
    return Theirs(rows, frozenset(seen_by))


# --- what holds of every answer ---------------------------------------------------------------------------------------------


class Watch:
    """Sends requests and says what is wrong with the answers.

    Args:
        portal: where; its writes are undone.
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

    def wrong(self, request: Request) -> list[str]:
        """What is wrong with the answer to a request, and with what it left."""
        problems: list[str] = []
        errors: list[str] = []

        def note(**_: Any) -> None:
            errors.append(_error())

        def look(response: Any, answer: Answer) -> None:
            if response.streaming:
                b"".join(response.streaming_content)
            problems.extend(self._afterwards(request, response, answer))

        got_request_exception.connect(note)
        try:
            answer = send(
                self.portal,
                request.who,
                request.method,
                request.path,
                request.body,
                kind=request.kind,
                then=look,
                **request.headers,
            )
        finally:
            got_request_exception.disconnect(note)
        self.counts[answer.verdict] = self.counts.get(answer.verdict, 0) + 1
        return [*errors, *problems, *self._of_the_answer(request, answer)]

    def _of_the_answer(self, request: Request, answer: Answer) -> Iterator[str]:
        """What the answer alone, and the tables that were written to, say."""
        if answer.verdict not in KNOWN and not (answer.verdict == TOO_OFTEN and request.path.startswith("/account/")):
            yield f"answered {answer.verdict}"
        yield from hostile_texts.let_out(answer.text)
        if THEIRS in answer.text and request.who not in self.theirs.seen_by:
            yield "shows what others own"
        if request.method in ("GET", "HEAD", "OPTIONS") and answer.written:
            yield f"a {request.method} wrote to {sorted(set(answer.written))}"
        kept = set(answer.written) - RECORD - DRAFTS
        if kept and answer.verdict not in SHOWN:
            yield f"refused with {answer.verdict}, and wrote to {sorted(kept)}"
        yield from self._against_the_table(request, answer)

    def _against_the_table(self, request: Request, answer: Answer) -> Iterator[str]:
        """A person refused at an address by the table gets no further by any form, and learns nothing of a hidden row."""
        path = urlsplit(request.path).path
        for expected in self.verdicts.get((request.method, path, request.who), ()):
            shows = self.verdicts.get(("GET", path, request.who)) == {"200"}
            is_empty = answer.verdict == "200" and shows  # a POST of nothing is shown the form, as who asks for it is
            is_left = expected == "login" and path == reverse("account_logout")  # where signing out leads by itself
            if expected in INSTEAD and answer.verdict not in INSTEAD[expected] and not is_empty and not is_left:
                yield f"the table says {expected}, the portal {answer.verdict}"
        kind, _, rest = path.strip("/").partition("/")
        key = rest.partition("/")[0]
        if kind in ROWS and key.isdecimal() and len(key) < 19:
            is_seen = shown(self.portal, request.who, f"/{kind}/{key}/").verdict
            if is_seen in ("404", "login") and answer.verdict not in INSTEAD[is_seen]:
                yield f"the row's page says {is_seen}, the portal {answer.verdict}"

    def _afterwards(self, request: Request, response: Any, answer: Answer) -> Iterator[str]:
        """What stands after the answer, before it is undone: nothing of others' changed, pages show what was typed as text, the ledger holds."""
        if request.who not in self.theirs.seen_by and self.theirs.versions() != self.before:
            yield "changed what others own"
        if not answer.written or answer.verdict not in SHOWN:
            return
        self.turn += 1
        for who, path in self._pages(request, response):
            page = send(self.portal, who, "GET", path)
            if page.verdict not in KNOWN:
                yield f"{path} answers {who} with {page.verdict} afterwards"
            yield from (f"{path} afterwards: {problem}" for problem in hostile_texts.let_out(page.text))
        for notice in Notice.objects.filter(pk__gt=self.told)[:3]:
            letter = mail_text.write(notice, None)
            yield from (f"a mail, {notice.event}: {problem}" for problem in hostile_texts.let_out(letter.html))
            if not letter.subject.isprintable():
                yield f"the subject of a mail hides something: {letter.subject!r}"
        if IS_SOAK or self.turn % 4 == 1:
            sealing.seal_all(at=timezone.now())
            yield from ledger_export.verify_database().problems

    def _pages(self, request: Request, response: Any) -> Iterator[tuple[str, str]]:
        """Where what was written may be seen: where the answer leads, the row's page, and in turn those of everybody."""
        if response.status_code == 302 and not response["Location"].startswith(reverse("account_login")):
            yield request.who, response["Location"]
        kind, _, rest = urlsplit(request.path).path.strip("/").partition("/")
        if kind in (*ROWS, "people", "teams") and rest:
            yield "every_role", f"/{kind}/{rest.partition('/')[0]}/"
        few = EVERYBODYS if IS_SOAK else [EVERYBODYS[self.turn % len(EVERYBODYS)]]
        yield from few


#: Pages that show what anybody did, or named.
EVERYBODYS = (
    ("auditor", "/ledger/"),
    ("every_role", f"/search/?q={hostile_texts.MARK}"),
    ("every_role", "/automations/"),
    ("every_role", "/resources/"),
    ("admin", "/people/"),
    ("every_role", "/approvals/"),
    ("builder", "/"),
    ("builder", "/import/"),
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
    by_address: dict[tuple[str, str, str], set[str]] = {}
    for (address, method, subject), cells in CELLS.items():
        if is_of_every_model(address):
            continue
        path = urlsplit(portal.path(address, subject)).path
        for who, expected in cells.items():
            by_address.setdefault((method, path, who), set()).add(expected)
    return {key: answers for key, answers in by_address.items() if len(answers) == 1}
