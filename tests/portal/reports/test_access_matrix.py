"""The access matrix: its readers, cells, filters, side panel and export; and who can touch a resource."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Grant, Submission
from governance.portal.reports import queries
from tests.inventory.automations.test_register_pages import cost
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import unguarded

pytestmark = pytest.mark.django_db


@pytest.fixture
def in_force(company: Company, stock_in_force: Submission) -> Submission:
    """The weekly stock report: it reads from ERP Postgres and writes to Slack."""
    return stock_in_force


def shown(company: Company, query: str = "") -> Any:
    """The matrix as the auditor sees it."""
    return client_of(company.people.yuki).get(f"{reverse('access_matrix')}?{query}").context["matrix"]


def names(matrix: Any) -> tuple[list[str], list[str]]:
    """Names of the shown automations and resources."""
    return [row.automation.name for row in matrix.rows], [resource.name for resource in matrix.resources]


@pytest.mark.rule("S5")
def test_matrix_is_for_readers_of_the_ledger(in_force: Submission, company: Company) -> None:
    n = company.people
    for address in ("access_matrix", "reports"):
        for person in (n.rita, n.omar, n.theo):
            assert client_of(person).get(reverse(address)).status_code == 403
        for person in (n.yuki, n.sana, n.ines):
            assert client_of(person).get(reverse(address)).status_code == 200


def test_matrix_says_that_it_leaves_out_credentials(in_force: Submission, company: Company) -> None:
    """Their grants open whole resources, which "Who can touch it" counts."""
    assert in_force.automation.grants.filter(kind="credential").exists()
    shown = client_of(company.people.yuki).get(reverse("access_matrix")).content.decode()
    assert "grants of credentials are left out" in shown


def test_cell_shows_highest_level_and_number(in_force: Submission, company: Company) -> None:
    matrix = shown(company)
    assert names(matrix) == (["Weekly stock report"], [company.erp.name, company.slack.name])
    (row,) = matrix.rows
    assert [(cell.level, cell.privileges, cell.is_suspended) for cell in row.cells] == [
        ("read", 1, False),
        ("write", 1, False),
    ]
    assert (row.total, matrix.totals) == (2, [1, 1, 2])


@pytest.mark.rule("G3")
def test_stopped_automation_is_shown_as_suspended_and_ended_access_not_at_all(
    in_force: Submission, company: Company
) -> None:
    type(in_force.automation).objects.filter(pk=in_force.automation_id).update(state="suspended")
    assert all(cell.is_suspended for row in shown(company).rows for cell in row.cells)
    over = {"begins_at": company.now - timedelta(days=9), "ends_at": company.now}
    with unguarded(Grant):
        Grant.objects.filter(entitlement__resource=company.erp).update(**over)
    assert names(shown(company)) == (["Weekly stock report"], [company.slack.name])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("level=write", 1),
        ("level=admin", 0),
        ("q=slack", 1),
        ("q=stock", 2),
        ("environment=test", 0),
        ("team={team}", 2),
        ("team={other}", 0),
        ("data={data}", 1),
    ],
)
def test_filters_narrow_rows_and_columns(in_force: Submission, company: Company, query: str, expected: int) -> None:
    n = company.people
    data = company.slack.data_class
    automations, resources = names(shown(company, query.format(team=n.finance_ops.pk, other=n.marketing.pk, data=data)))
    assert len(resources) == expected
    assert len(automations) == (1 if expected else 0)


def test_other_columns_are_reached_by_key(
    in_force: Submission, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "COLUMNS", 1)
    first = shown(company)
    assert names(first)[1] == [company.erp.name]
    second = shown(company, first.more_href.partition("?")[2])
    assert (names(second)[1], second.more_href) == ([company.slack.name], "")
    assert second.rows[0].total == 2
    assert second.first_href == reverse("access_matrix")


@pytest.mark.rule("G1")
def test_cell_opens_its_grants_with_both_approvals(in_force: Submission, company: Company) -> None:
    query = f"automation={in_force.automation_id}&resource={company.slack.pk}"
    who, path = client_of(company.people.yuki), f"{reverse('access_matrix')}?{query}"
    part = who.get(path, headers={"hx-request": "true", "hx-target": "cell"}).content.decode()
    assert part.lstrip().startswith('<aside class="panel" id="cell"')
    for page in (part, who.get(path).content.decode()):
        assert "App approved by Theo Brandt." in page
        assert "Access approved by Omar Haddad." in page
    touched = who.get(reverse("grant_list"), {"resource": company.slack.pk})
    assert f"<h1>Who can touch {company.slack.name}</h1>" in touched.content.decode()
    assert len(touched.context["rows"]) == 2, "the credential opens it too"
    (row,) = (row for row in touched.context["rows"] if row["drawn_level"] == "write")
    keys = ("automation_name", "drawn_level", "approvers", "app_approvers")
    assert tuple(row[key] for key in keys) == (
        "Weekly stock report",
        "write",
        ["Omar Haddad"],
        ["Theo Brandt"],
    )


@pytest.mark.rule("G1")
@pytest.mark.parametrize(
    "query", ["automation=x&resource=y", "automation={automation}&resource=y", "automation=0&resource=0"]
)
def test_cell_that_names_no_pair_shows_no_grants(in_force: Submission, company: Company, query: str) -> None:
    path = f"{reverse('access_matrix')}?{query.format(automation=in_force.automation_id)}"
    assert not client_of(company.people.yuki).get(path).context["chosen"]


@pytest.mark.rule("H4")
def test_export_has_one_row_for_each_pair(in_force: Submission, company: Company) -> None:
    answer = client_of(company.people.yuki).get(f"{reverse('access_matrix')}?export=csv&level=write")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["Automation"], line["Resource"]) == ("Weekly stock report", company.slack.name)
    assert (line["Highest level"], line["Privileges"], line["Suspended"]) == ("write", "1", "0")


def test_matrix_costs_at_most_nine_queries(in_force: Submission, company: Company) -> None:
    queries_made, size = cost(client_of(company.people.yuki), reverse("access_matrix"))
    assert queries_made <= 9
    assert size <= 60_000
