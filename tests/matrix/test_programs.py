"""The permission matrix of programs: everybody's program asks every operation of the API, and the answer is the table's (S5).

``programs.csv`` is written by hand from the product's rules. Columns: ``operation``; ``subject``; ``who``, one name or several of
`PEOPLE`, or ``*`` for everybody without a line of their own for that operation and subject; ``expected``, a status, and after a colon the
``code`` that the document has, where it has one. What a program may read is not in it: that is what its person's pages show (`READ`).
In make test `FEW` people with the same answer ask, and they change from line to line; under ``make full`` everybody does.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from approvals.models import Submission
from governance.core.models import ApiToken, Person, Team
from governance.core.tokens import transitions as token_transitions
from inventory.models import Automation, ImportItem
from tests import run_lengths
from tests.approvals import stock_report
from tests.approvals.api.programs import ROOT, Answer, Program
from tests.approvals.intake.builder import of_its_own
from tests.matrix.address_subjects import PEOPLE, Portal
from tests.matrix.address_table import CELLS, DRAFTS, RECORD, SHOWN, writes
from tests.matrix.cast_and_states import in_turn
from tests.savepoints import undone

pytestmark = pytest.mark.matrix

#: Who has a program: one that is not signed in has no token.
HOLDERS = [who for who in PEOPLE if who != "anonymous"]
FEW = run_lengths.run_length(3, full=len(HOLDERS))
#: An address of a page, and the operation that reads the same.
READ = {"automation": "automations", "review": "submissions"}


def read() -> dict[tuple[str, str], dict[str, str]]:
    """(operation, subject) to who to what is expected."""
    named: dict[tuple[str, str], dict[str, str]] = {}
    rest: dict[tuple[str, str], str] = {}
    with Path(__file__).with_name("programs.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            key = (line["operation"], line["subject"])
            for who in line["who"].split():
                if who == "*":
                    rest[key] = line["expected"]
                    continue
                assert who in HOLDERS
                assert who not in named.setdefault(key, {}), f"{key} names {who} twice"
                named[key][who] = line["expected"]
    return {key: {who: cells.get(who) or rest[key] for who in HOLDERS} for key, cells in named.items()}


TABLE = read()


def program(person: Person, team: Team | None = None) -> Program:
    """Somebody's program, also of one who has left: their token was made before."""
    secret, at = token_transitions.new_secret(), timezone.now()
    ApiToken.objects.create(
        person=person,
        team=team,
        shown=secret[: token_transitions.SHOWN],
        secret_digest=token_transitions.digest_of(secret),
        made_at=at,
        expires_at=at + timedelta(days=1),
    )
    return Program(secret)


def _automation(portal: Portal, subject: str) -> Automation:
    row = portal.rows[subject]
    automation = row.automation if isinstance(row, Submission) else row
    assert isinstance(automation, Automation)
    return automation


def _team(portal: Portal, caller: Program) -> str:
    """One of theirs, where they have several: which one is no matter here."""
    teams = caller.get("/me").said.get("teams", [])
    return f"&team={teams[0]['id']}" if len(teams) > 1 else ""


def _preview(portal: Portal, caller: Program, subject: str) -> Answer:
    return caller.post(f"/preview?name=x.json{_team(portal, caller)}", of_its_own(stock_report.EXPORT, "program"))


def _import(portal: Portal, caller: Program, subject: str) -> Answer:
    """A new automation, owned by its importer; or one of Finance Operations from the register."""
    profile = caller.get("/me").said
    owner = profile["person"]["id"] if "person" in profile else 1
    word = "program" if subject == "stock" else subject
    return caller.post(
        f"/automations?business_owner={owner}{_team(portal, caller)}", of_its_own(stock_report.EXPORT, word)
    )


def _submit(portal: Portal, caller: Program, subject: str) -> Answer:
    return caller.post(f"/automations/{_automation(portal, subject).pk}/submissions", {})


def _gate(portal: Portal, caller: Program, subject: str) -> Answer:
    version = _automation(portal, subject).versions.order_by("-number")[0]
    return caller.get(f"/gate/{version.manifest_digest}")


SENT: dict[str, Callable[[Portal, Program, str], Answer]] = {
    "preview": _preview,
    "import": _import,
    "submit": _submit,
    "gate": _gate,
    "me": lambda portal, caller, subject: caller.get("/me"),
    "lists": lambda portal, caller, subject: caller.post(
        "/lists", {"files": [{"name": "a.csv", "content": "team\nA"}]}
    ),
    "list": lambda portal, caller, subject: caller.get(f"/lists/{portal.rows[subject].pk}"),
    "automations": lambda portal, caller, subject: caller.get("/registers/automations"),
    "people": lambda portal, caller, subject: caller.get("/registers/people"),
}


def sent(operation: str, subject: str) -> dict[str, str]:
    """The people of a line who are sent, with the expected answer."""
    cells, of_each = TABLE[operation, subject], defaultdict[str, list[str]](list)
    for who in in_turn(list(cells), list(TABLE).index((operation, subject))):
        of_each[cells[who]].append(who)
    return {who: verdict for verdict, people in of_each.items() for who in people[:FEW]}


@pytest.mark.full
@pytest.mark.rule("S5", "A17")
@pytest.mark.parametrize(("operation", "subject"), TABLE)
def test_every_program_gets_tabled_answer(portal: Portal, operation: str, subject: str) -> None:
    wrong, before = [], list(ImportItem.objects.values_list("pk", flat=True))
    for who, expected in sent(operation, subject).items():
        with undone():
            caller = program(portal.world.people[who])
            with writes() as written:
                answer = SENT[operation](portal, caller, subject)
            verdict = f"{answer.status}:{answer.said['code']}" if "code" in answer.said else str(answer.status)
            if verdict != expected:
                wrong.append(
                    f"{operation} {subject} by a program of {who}: the table says {expected}, it gets {verdict}"
                )
            kept = set(written) - RECORD - DRAFTS - {"controls_apitoken"}
            left = ImportItem.objects.exclude(pk__in=before).exists()
            if answer.status in (401, 403, 404) and (kept or left):
                wrong.append(f"{operation} {subject} by a program of {who}: refused, and wrote to {sorted(kept)}")
    assert wrong == []


@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("page", "subject"), [(page, subject) for page, method, subject in CELLS if page in READ and method == "GET"]
)
def test_program_reads_only_what_its_person_may_see(portal: Portal, page: str, subject: str) -> None:
    wrong, path = [], f"/{READ[page]}/{portal.rows[subject].pk}"
    for who, expected in CELLS[page, "GET", subject].items():
        if who in HOLDERS and expected != "login":
            with undone():
                answer = program(portal.world.people[who]).get(path)
            if (str(answer.status) in SHOWN) != (expected in SHOWN):
                wrong.append(f"{path} ({subject}) by {who}: the page says {expected}, the API {answer.status}")
    assert wrong == []


@pytest.mark.rule("S5")
def test_team_token_reads_its_team_only(portal: Portal) -> None:
    n, people = portal.world.northwind, portal.world.people
    path = f"/automations/{portal.rows['live'].pk}"
    for who, team, status in (
        ("builder", n.finance_ops, 200),
        ("resource_owner", n.platform, 404),
        ("security", n.security, 404),
        ("auditor", n.company, 404),
    ):
        with undone():
            assert program(people[who]).get(path).status == 200
            assert program(people[who], team).get(path).status == status, who


@pytest.mark.rule("S5")
def test_session_does_not_authorise_api(portal: Portal) -> None:
    """A browser that is led here sends its cookie. Its answer is that of no sign-in, and with a token the cookie counts for nothing."""
    client = portal.clients["security"]
    assert client.get(f"{ROOT}/me").status_code == 401
    caller = program(portal.world.people["nobody"])
    answer = client.get(
        f"{ROOT}/automations/{portal.rows['live'].pk}", headers={"Authorization": f"Bearer {caller.secret}"}
    )
    assert answer.status_code == 404
