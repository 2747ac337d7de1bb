"""A secret in each kind of slot goes all the way, from the upload to the mails: nothing stored, shown, sent or logged has it (I6).

Secrets are random, words with a number, and plain words. What is planted, and that each is found, stands in
`tests.inventory.importers.secrets.test_planted_secrets` and `tests.inventory.importers.secrets.test_secret_kinds`. Here many go together in few exports,
each with a secret of its own, so that one that leaks is named by its slot.
"""

from __future__ import annotations

import json
import logging
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.urls import reverse

from approvals.assignment.context import load_context
from approvals.models import Approval, ApprovalState, Submission
from governance.core.mail.jobs import send_due
from governance.core.models import Notice
from inventory.importers.manifest import binding_key
from inventory.imports import import_process
from inventory.models import Finding, ImportItem
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.approvals.intake.builder import Build, everything_stored, manifest_of
from tests.inventory.importers.secrets.test_planted_secrets import MCP, N8N, OPAQUE, Plant
from tests.inventory.importers.secrets.test_secret_kinds import COMMANDS, PLACES, SLOTS
from tests.mail_server import Server
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

#: Members of an export that every plant has, and that are put together; each other one is one plant's.
TOGETHER = ("name", "nodes", "connections", "active")

#: Names that putting plants together would overwrite (`_workflows` and `_configurations` plant some).
_LEFT_OUT = frozenset({"name of a workflow", "name of a server"})
#: A word with a number, wherever a person could put a password.
NUMBERED = {
    f"numbered word, {kind}": plant for kind, plant in {**COMMANDS, **SLOTS, **PLACES}.items() if kind not in _LEFT_OUT
}
#: A plain word, where the place alone says that a password stands there.
PLAIN = {
    f"plain word, {kind}": {**COMMANDS, **SLOTS, **PLACES}[kind]
    for kind in (
        "mysql -p",
        "curl -u",
        "sshpass -p",
        "sudo -S by echo",
        "docker login -p",
        "--password=",
        "PGPASSWORD",
        "--password of a server",
        "shell of a server",
        "password",
        "header",
        "basic credentials in an address",
        "query",
        "assignment",
        "JSON body",
        "code",
        "typed in place",
        "env",
        "argument",
        "OAuth",
        "name of a node, after a blank",
        "path of a webhook, after token",
        "path of a form, after key",
        "path of an address, after secret",
        "address of a chat",
        "path of a server, after token",
    )
}
#: So many records of one kind say what a few say; the rest stays open.
MANY = 16


@dataclass
class Planted:
    """One export with many secrets: its file's name, its document, and the secret of each slot."""

    name: str
    document: dict[str, Any]
    canaries: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The file."""
        return json.dumps(self.document).encode()


def _canary(kind: str) -> str:
    """Never the same twice: random, or as people choose a password for the kinds of `NUMBERED` and `PLAIN`."""
    word = "".join(secrets.choice("bcdfghjklmnpqrstvwxz") + secrets.choice("aeiou") for _ in range(6))
    if kind.startswith("plain word"):
        return word
    if kind.startswith("numbered word"):
        return f"{word}{secrets.randbelow(90) + 10}"
    return f"cnry{secrets.token_hex(14)}9Z"


def _renamed(document: dict[str, Any], number: int) -> dict[str, Any]:
    """A workflow whose nodes are called as no other's."""
    names = {node["name"]: f"{number} {node['name']}" for node in document["nodes"]}
    for node in document["nodes"]:
        node["name"], node["id"] = names[node["name"]], f"{node['id']} {number}"
    if "pinData" in document:
        document["pinData"] = {names[name]: kept for name, kept in document["pinData"].items()}
    return document


def _workflows(plants: Mapping[str, Plant]) -> Iterator[Planted]:
    """As few workflows as hold all plants; where two want the same member, another begins."""
    made: list[Planted] = []
    for number, (kind, plant) in enumerate(plants.items()):
        canary = _canary(kind)
        document = _renamed(plant(canary), number)
        more = {name: kept for name, kept in document.items() if name not in TOGETHER}
        fits = (workflow for workflow in made if all(_joins(workflow.document.get(name), more[name]) for name in more))
        into = next(fits, None)
        if into is None:
            name, file = _canary("numbered word"), _canary("numbered word")
            into = Planted(
                f"flow-{len(made)} password {file}.json",
                {"id": f"canaries{len(made)}", "connections": {}, "nodes": []},
                {"name of a workflow": name, "name of a file": file},
            )
            into.document |= {"name": f"Canaries {len(made)} (password {name})", "active": True}
            made.append(into)
        into.canaries[kind] = canary
        into.document["nodes"] += document["nodes"]
        for name, kept in more.items():
            into.document[name] = {**into.document.get(name, {}), **kept} if isinstance(kept, dict) else kept
    yield from made


def _joins(there: Any, more: Any) -> bool:
    return there is None or (isinstance(there, dict) and isinstance(more, dict) and not there.keys() & more.keys())


def _configurations(plants: Mapping[str, Plant]) -> Iterator[Planted]:
    """One configuration for each shape of a client's, with a server for each plant."""
    made: dict[str, Planted] = {}
    for number, (kind, plant) in enumerate(plants.items()):
        canary = _canary(kind)
        document = plant(canary)
        shape = "servers" if "servers" in document else "mcpServers"
        into = made.setdefault(shape, Planted(f"{shape}.mcp.json", {shape: {}}))
        into.canaries[kind] = canary
        ((_, config),) = document.pop(shape).items()
        into.canaries[f"name of server {number}"] = name = _canary("numbered word")
        into.document[shape][f"srv{number}, password {name}"] = config
        into.document |= document
    yield from made.values()


def exports() -> list[Planted]:
    """Every slot, planted."""
    others = {**OPAQUE, **NUMBERED, **PLAIN}
    n8n = N8N | {kind: plant for kind, plant in others.items() if "nodes" in plant("x")}
    mcp = MCP | {kind: plant for kind, plant in others.items() if "nodes" not in plant("x")}
    return [*_workflows(n8n), *_configurations(mcp)]


@dataclass
class Seen:
    """Everything that came out, by where."""

    texts: dict[str, str] = field(default_factory=dict)

    def page(self, build: Build, url: str) -> str:
        """Somebody reads a page."""
        answer = build.client.get(url, follow=True)
        assert answer.status_code == 200, (url, answer.status_code)
        return self.note(f"{url} for {build.person}", answer.content.decode())

    def note(self, where: str, text: str) -> str:
        """Something else that came out."""
        self.texts[f"{len(self.texts)}: {where}"] = text
        return text

    def leaks(self, canaries: Mapping[str, str]) -> list[str]:
        """Slot and place of each secret that is there, whole or in its greater part."""
        return [
            f"{kind} in {where}"
            for kind, canary in canaries.items()
            for where, text in self.texts.items()
            if (canary[4:-2] if canary.startswith("cnry") else canary) in text
        ]


@pytest.fixture
def mailbox(settings: Any, smtp: Server) -> Server:
    """A real mail server, which mails go to; the portal keeps them too."""
    settings.MAIL_SERVER = smtp.settings
    return smtp


def _connect(c: Company, item: ImportItem) -> None:
    """Omar says that whatever is used opens the ERP database."""
    for privilege in manifest_of(item).privileges:
        connector, instance = binding_key(privilege)
        bindings.bind_connection(
            c.erp, actor=as_actor(c.people.omar), now=c.now, connector=connector, instance=instance
        )


def _brought_in(c: Company, rita: Build, planted: Planted, seen: Seen) -> Submission:
    """Uploaded, previewed, refused for what is missing, submitted."""
    item = rita.import_item(planted.name, planted.content)
    _connect(c, item)
    assert "secret" in seen.page(rita, reverse("import_preview", args=[item.pk])).lower()
    seen.page(rita, reverse("import"))
    typed = rita.typed(item, c.people.jonas)
    seen.note("panel", rita.panel(item, typed).content.decode())
    missing = rita.post(item, typed | {"purpose": ""}, do="submit")
    assert missing.status_code == 422
    seen.note("refused submission", missing.content.decode())
    sent = rita.post(item, typed, do="submit", follow=True)
    seen.note("submission", sent.content.decode())
    made = Submission.objects.order_by("-pk")[0]
    assert made.version == ImportItem.objects.get(pk=item.pk).version, sent.content.decode()
    return made


def _decided(c: Company, made: Submission, seen: Seen) -> None:
    """Read by every person that it concerns, and put in force unless that takes long."""
    n = c.people
    theo, auditor = Build(client_of(n.theo), n.theo), Build(client_of(n.yuki), n.yuki)
    for url in (reverse("review", args=[made.pk]), reverse("home"), reverse("approvals")):
        seen.page(theo, url)
    scenarios.decide_app(c, made)
    records = list(made.approvals.filter(stage=2))
    for record in records if len(records) < MANY else records[:2]:
        _approved(record, c)
    assert Submission.objects.get(pk=made.pk).state == ("in_force" if len(records) < MANY else "open")
    for tab in ("overview", "privileges", "versions", "submissions", "timeline"):
        seen.page(auditor, f"{made.automation.href}?tab={tab}")
    for url in (c.erp.href, reverse("ledger"), f"{reverse('search')}?q=canaries", reverse("review", args=[made.pk])):
        seen.page(auditor, url)


def _approved(record: Approval, c: Company) -> None:
    """By the first candidate of each seat; a credential that is typed in place is nobody's resource."""
    while (fresh := Approval.objects.get(pk=record.pk)).state == ApprovalState.OPEN:
        seat = next(seat for seat in load_context(fresh, c.now).route.standing(fresh) if not seat.is_filled)
        scenarios.approve(fresh, seat.may_decide[0], now=c.now)


#: The child process, with a defect where it looks for secrets.
STUMBLES = """
from inventory.importers import child_process, reader
reader.scrub = lambda document, *_, **__: 1 / len(document[:0])
child_process.main()
"""


def _went_wrong(rita: Build, planted: Planted, seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken file; an importer that stumbles; a defect of the portal, with its traceback."""
    halves = rita.upload(("half.json", planted.content[:-40]), ("spoilt.json", planted.content.replace(b":", b";", 1)))
    seen.note("refused files", halves.content.decode())
    with monkeypatch.context() as patch:
        patch.setitem(import_process.read_in_child.__kwdefaults__, "program", (sys.executable, "-c", STUMBLES))
        answer = rita.upload((planted.name, planted.content)).content.decode()
        assert "does not cope with this file" in answer
        seen.note("an importer that stumbles", answer)
    rita.client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr("inventory.imports.transitions.previews._item_key", _defect)
        answer = rita.client.post(reverse("import"), {"pasted": planted.content.decode()})
        assert answer.status_code == 500
        seen.note("a defect", answer.content.decode())


def _defect(item: ImportItem, *_: Any) -> None:
    """A defect while a draft is at hand."""
    raise RuntimeError(f"draft {item.pk}")


def _mailed(c: Company, mailbox: Server, seen: Seen) -> None:
    """Every notice: as it was sent, as the portal keeps it, and on its page."""
    counts = send_due(now=c.now, gathering=timedelta())
    assert counts["digests"]
    assert counts["sent"] == len(mailbox.messages) > 0
    assert counts["failed"] == counts["put_off"] == 0
    for message in mailbox.messages:
        parts = [part.get_content() for part in message.walk() if not part.is_multipart()]
        seen.note("mail", "\n".join([str(message), *parts]))
    admin = Build.by(c.people.ines)
    for notice in Notice.objects.all():
        seen.note("kept mail", f"{notice.context} {notice.subject} {notice.text} {notice.html}")
    seen.page(admin, reverse("mail", args=[Notice.objects.latest("pk").pk]))
    seen.page(admin, reverse("mail_list"))


@pytest.mark.full("plants each secret in each place, and reads every page, mail, log and row")
@pytest.mark.rule("I6", "H7")
def test_planted_secrets_appear_nowhere(
    company: Company,
    rita: Build,
    mailbox: Server,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    planted, seen, printed = exports(), Seen(), StringIO()
    canaries = {f"{export.name}: {kind}": canary for export in planted for kind, canary in export.canaries.items()}
    assert len(canaries) > len(N8N) + len(MCP) + len(OPAQUE) + len(NUMBERED) + len(PLAIN)
    caplog.set_level(logging.DEBUG)
    with redirect_stdout(printed), redirect_stderr(printed):
        for export in planted:
            _decided(company, _brought_in(company, rita, export, seen), seen)
            _went_wrong(rita, export, seen, monkeypatch)
        _mailed(company, mailbox, seen)
    (lines,) = (handler for handler in logging.getLogger().handlers if handler.name == "out")
    logged = seen.note("log", "\n".join([caplog.text, *map(lines.format, caplog.records)]))
    assert "RuntimeError" in logged, "the defect was logged, with its traceback"
    seen.note("standard output and error", printed.getvalue())
    for number, row in enumerate(everything_stored()):
        seen.note(f"row {number}", row)
    for session in Session.objects.all():
        seen.note("session", json.dumps(session.get_decoded()))
    assert seen.leaks(canaries) == []
    places = Finding.objects.filter(code="embedded_secret").values_list("place", flat=True)
    assert len(set(places)) >= len(N8N) + len(MCP) - 1, "each was found, by its place"


@pytest.mark.rule("I6")
def test_a_secret_that_comes_out_is_named_by_its_slot() -> None:
    seen = Seen()
    seen.note("page", "the value is cnry0123456789abcdef9Z, they say")
    assert seen.leaks({"header": "cnry0123456789abcdef9Z", "code": "cnryffffffff9Z"}) == ["header in 0: page"]
