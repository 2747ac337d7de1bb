"""Previewing and bringing in by the API: a preview keeps nothing, the same again changes nothing, a change makes a version (I7, I8)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.models import Submission
from governance.core.models import LedgerEvent, Team
from inventory.models import Automation, Binding, ImportBatch, ImportItem, Version
from tests.approvals import stock_report
from tests.approvals.api.programs import Answer, Program
from tests.approvals.intake.builder import connect
from tests.matrix.address_table import writes
from tests.people import joins, make_person
from tests.scenarios import Company
from tests.starting_points import Ground, starting_point

SECRET = "xoxb-2345678901-2345678901234-AbCdEfGhIjKlMnOpQrStUvWx"


def connected(c: Company) -> Program:
    """Rita's pipeline of Finance Operations; what the report's connections open is known."""
    connect(c, stock_report.EXPORT)
    return Program.of(c.people.rita, c.people.finance_ops)


CONNECTED = starting_point("company", connected)

pytestmark = [pytest.mark.django_db, CONNECTED]


@pytest.fixture
def rita(ground: Ground) -> Program:
    """Rita's pipeline."""
    return ground.made(CONNECTED.args[0])


def new(program: Program, company: Company, content: bytes | None = None, **more: Any) -> Answer:
    """Bring the stock report in, for Jonas."""
    query = "".join(f"&{name}={value}" for name, value in more.items())
    return program.post(
        f"/automations?business_owner={company.people.jonas.pk}{query}", content or stock_report.source()
    )


def brought_in(c: Company) -> tuple[Program, Answer]:
    """Rita's pipeline has brought the stock report in."""
    rita = connected(c)
    return rita, new(rita, c)


BROUGHT_IN = starting_point("company", brought_in)


@pytest.mark.rule("I7", "I8", "T2", "A9")
def test_preview_shows_facts_route_and_problems_and_stores_nothing(company: Company, rita: Program) -> None:
    before = [model.objects.count() for model in (ImportBatch, ImportItem, Automation, Binding, LedgerEvent)]
    answer = rita.post("/preview", stock_report.source())
    assert answer.status == 200
    body = answer.said
    assert (body["name"], body["format"], body["tier"]) == ("Weekly stock report", "n8n", "standard")
    rows = {row["sentence"]: row for row in body["rows"]}
    read = rows["Read scm.stock in ERP Postgres (production)"]
    assert (read["level"], read["data_class"], read["tier"], read["recognised"]) == (
        "read",
        "confidential",
        "standard",
        True,
    )
    assert read["reasons"][0] == "It touches confidential data."
    assert (read["resource"]["name"], read["asked_of"]) == ("ERP Postgres (production)", "Omar Haddad")
    assert [approver["name"] for approver in body["route"]["app"]] == ["Theo Brandt"]
    assert body["route"]["seats"][0]["due"] > body["route"]["app_due"]
    assert {"say what it is for", "name a business owner"} <= set(body["missing"])
    assert [model.objects.count() for model in (ImportBatch, ImportItem, Automation, Binding, LedgerEvent)] == before


@pytest.mark.rule("I6", "I8")
def test_preview_shows_unrecognised_elements_and_place_of_secrets_only(rita: Program) -> None:
    def edit(export: dict[str, Any]) -> None:
        strange = {"id": "9", "name": "Mystery", "type": "acme.mystery", "typeVersion": 1, "position": [0, 0]}
        export["nodes"] += [{**strange, "parameters": {}}]
        stock_report.node(export, ".slack")["parameters"]["headers"] = {"Authorization": f"Bearer {SECRET}"}

    answer = rita.post("/preview", stock_report.source(edit))
    assert SECRET not in json.dumps(answer.said)
    assert [secret["lead"] for secret in answer.said["secrets"]]
    strange = [row for row in answer.said["rows"] if not row["recognised"]]
    assert [row["level"] for row in strange] == ["unknown"]
    assert "Mystery" in strange[0]["sentence"]


@pytest.mark.rule("I7")
@BROUGHT_IN
def test_unchanged_import_changes_nothing(company: Company, start: tuple[Program, Answer]) -> None:
    rita, first = start
    assert (first.status, first.said["outcome"]) == (201, "new")
    assert first.said["automation"]["state"] == "draft"
    before = LedgerEvent.objects.count(), ImportBatch.objects.count()
    with writes() as written:
        again = new(rita, company)
    assert (again.status, again.said["outcome"]) == (200, "unchanged")
    assert again.said["version"] == first.said["version"]
    assert (LedgerEvent.objects.count(), ImportBatch.objects.count()) == before
    assert set(written) <= {"inventory_importbatch", "inventory_importitem"}, "and of those nothing is left"
    assert Version.objects.count() == 1


@pytest.mark.rule("I7", "A12")
@BROUGHT_IN
def test_changed_import_creates_version_with_diff(company: Company, start: tuple[Program, Answer]) -> None:
    rita, first = start
    changed = new(rita, company, stock_report.source(stock_report.without_slack))
    assert (changed.status, changed.said["outcome"]) == (201, "changed")
    assert changed.said["automation"]["id"] == first.said["automation"]["id"]
    assert changed.said["version"]["number"] == 2
    assert changed.said["version"]["manifest_digest"] != first.said["version"]["manifest_digest"]
    event = LedgerEvent.objects.filter(verb="version.imported").latest("pk")
    assert event.payload["token"], "that a program did it is on record"


@pytest.mark.rule("I1", "S1")
def test_an_owner_is_of_its_side_and_named_where_it_is_new(company: Company, rita: Program) -> None:
    n = company.people
    nobody = rita.post("/automations", stock_report.source())
    assert (nobody.status, nobody.said["code"], list(nobody.fields)) == (422, "I1", ["business_owner"])
    other = rita.post(f"/automations?business_owner={n.nadia.pk}", stock_report.source())
    assert (other.status, list(other.fields)) == (422, ["business_owner"])
    unknown = rita.post("/automations?business_owner=999999", stock_report.source())
    assert (unknown.status, list(unknown.fields)) == (422, ["business_owner"])
    assert not Automation.objects.exists()
    assert not ImportItem.objects.filter(batch__by=n.rita).exists(), "a program leaves no drafts"
    owners = [owner["name"] for owner in rita.get(f"/teams/{n.finance_ops.pk}/owners").said]
    assert "Jonas Weil" in owners
    assert "Nadia Petrov" not in owners


@pytest.mark.rule("I1", "S5")
@pytest.mark.starting_point("stock_in_force")
@pytest.mark.parametrize("edit", [None, stock_report.nothing_but_the_trigger])
def test_preview_hides_details_of_other_teams_automation(
    company: Company, stock_in_force: Submission, edit: Any
) -> None:
    automation, stranger = Automation.objects.get(pk=stock_in_force.automation_id), make_person("Eve Marsh")
    team = Team.objects.create(name="Strangers", parent=company.people.finance_ops.parent)
    body = Program.of(joins(stranger, team), team).post("/preview", stock_report.source(edit)).said
    assert body["missing"] == [
        "An automation with this id is in the register already, and belongs to another team",
    ]
    assert (body["automation"], body["version"], body["changes"], body["standing"]) == (None, None, [], "")
    assert {row["justification"] for row in body["rows"]} <= {""}
    text = json.dumps(body)
    assert automation.purpose not in text
    if edit is not None:
        assert automation.name not in text
        assert "ERP Postgres" not in text


@pytest.mark.rule("I1")
def test_member_of_several_teams_must_name_one(company: Company) -> None:
    n = company.people
    joins(n.rita, n.marketing)
    personal = Program.of(n.rita)
    unsaid = personal.post("/preview", stock_report.source())
    assert (unsaid.status, list(unsaid.fields)) == (422, ["team"])
    assert personal.post(f"/preview?team={n.marketing.pk}", stock_report.source()).said["team"]["name"] == "Marketing"
    foreign = personal.post(f"/preview?team={n.it_ops.pk}", stock_report.source())
    assert (foreign.status, list(foreign.fields)) == (422, ["team"])
    of_team = Program.of(n.rita, n.finance_ops)
    assert of_team.post(f"/preview?team={n.marketing.pk}", stock_report.source()).status == 422


@pytest.mark.rule("I10")
@BROUGHT_IN
def test_another_environment_is_another_automation(company: Company, start: tuple[Program, Answer]) -> None:
    rita, first = start
    second = new(rita, company, environment="test")
    assert (second.status, second.said["outcome"]) == (201, "new")
    assert second.said["automation"]["id"] != first.said["automation"]["id"]
    assert second.said["automation"]["environment"] == second.said["preview"]["environment"] == "test"
    assert new(rita, company, environment="test").said["outcome"] == "unchanged"


@pytest.mark.rule("I7")
def test_an_export_without_an_id_is_a_version_of_the_one_that_is_named(company: Company, rita: Program) -> None:
    def server(name: str) -> bytes:
        return json.dumps({"mcpServers": {name: {"command": "npx", "args": ["-y", f"@acme/{name}"]}}}).encode()

    first = new(rita, company, server("one"))
    pk = first.said["automation"]["id"]
    named = new(rita, company, server("two"), automation=pk)
    assert (named.said["automation"]["id"], named.said["version"]["number"]) == (pk, 2)
    has_id = new(rita, company, automation=pk)
    assert (has_id.status, list(has_id.fields)) == (422, ["automation"])
    missing = new(rita, company, server("two"), automation=pk + 1)
    assert (missing.status, list(missing.fields)) == (422, ["automation"])


@pytest.mark.rule("I7", "I8")
@pytest.mark.parametrize(
    "content",
    [
        b" ",
        b"{",
        b"[]",
        b"{}",
        b"null",
        b"\xff\xfe",
        b'"\\ud800"',
        b"[" * 100_000,
        b'{"nodes": "\\u0000"}',
        b"9" * 5_000,
    ],
)
def test_unreadable_import_is_refused_and_stores_nothing(company: Company, rita: Program, content: bytes) -> None:
    for path in ("/preview", f"/automations?business_owner={company.people.jonas.pk}"):
        answer = rita.post(path, content)
        assert answer.status == 422
        assert answer.said["detail"]
    assert not ImportBatch.objects.filter(by=company.people.rita).exists()


@pytest.mark.rule("I7")
def test_an_export_of_several_is_not_brought_in_by_halves(company: Company, rita: Program) -> None:
    several = json.dumps(
        [json.loads(stock_report.source()), json.loads(stock_report.source(lambda export: export.update(id="2")))]
    ).encode()
    assert new(rita, company, several).status == 422
    assert not Automation.objects.exists()
