"""The owner decides about everything that a query touches: another table, a table far behind, a query not read to its end (I8, A12, A7)."""

from __future__ import annotations

import pytest

from approvals.models import Grant, Submission, SubmissionState
from governance.core.duties.refusals import InvalidInput
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.light_path import low_risk_report
from tests.approvals.light_path.low_risk_report import asks
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = pytest.mark.database

ONE = "SELECT s.sku FROM scm.stock s"
MANY = [f"scm.stock_movements_of_warehouse_{number:02}" for number in range(30)]


def joined(tables: list[str]) -> str:
    """A query of all these, the last behind all others."""
    return "SELECT 1 FROM " + " CROSS JOIN ".join(tables)


def targets(submission: Submission) -> set[str]:
    return {record.privilege.target for record in submission.approvals.exclude(privilege=None)}


def one_in_force(c: Company) -> Submission:
    """It reads one table."""
    return stock_report.in_force(c, asks(ONE))


ONE_IN_FORCE = starting_point("company", one_in_force)


def many_in_force(c: Company) -> Submission:
    """It reads many."""
    return stock_report.in_force(c, asks(joined(MANY)))


# --- what comes into force unasked -------------------------------------------------------------------------------------


@pytest.mark.rule("A12", "I8")
@pytest.mark.parametrize(
    "after",
    [
        pytest.param("SELECT s.sku, h.salary FROM scm.stock s, hr.salaries h", marks=ONE_IN_FORCE),
        pytest.param(
            "SELECT s.sku FROM scm.stock s WHERE s.sku = '--' OR s.sku IN (SELECT sku FROM hr.salaries)",
            marks=ONE_IN_FORCE,
        ),
        pytest.param(joined([*MANY, "hr.salaries"]), marks=starting_point("company", many_in_force)),
    ],
)
def test_a_table_more_is_asked_before_it_is_in_force(company: Company, after: str) -> None:
    again = stock_report.submitted(company, asks(after))
    assert again.state == SubmissionState.OPEN
    assert any("hr.salaries" in target for target in targets(again))


@pytest.mark.rule("A13", "I8", "T1")
@pytest.mark.parametrize(
    "query",
    [
        "SELECT tidy_up() FROM scm.stock",
        "SELECT pg_read_file('/etc/passwd') FROM scm.stock",
        "SELECT * FROM scm.stock, $1:name",
        "SELECT sku FROM scm.stock WHERE a = '\\'; DELETE FROM hr.salaries WHERE b = '",
    ],
)
def test_partly_read_query_is_never_low(company: Company, query: str) -> None:
    made = low_risk_report.submitted(company, asks(query))
    record = stock_report.privilege_on(made, company.erp)
    assert (made.light_path, record.tier) == (False, "standard")
    assert record.privilege is not None
    assert record.privilege.counted_level in ("write", "unknown")
    noticed = made.version.assessments.latest("pk").findings.filter(code="unread_query")
    assert noticed.exists()


# --- what its owner sees, and may leave of it ---------------------------------------------------------------------------


def many_and_salaries(c: Company) -> Submission:
    """In stage 2: it reads many tables, and the salaries behind all others."""
    return stock_report.in_stage_2(c, asks(joined([*MANY, "hr.salaries"])))


@pytest.mark.rule("A2", "A7", "I8")
@starting_point("company", many_and_salaries)
def test_the_last_of_many_tables_stands_on_the_page_and_may_be_left_out(company: Company, start: Submission) -> None:
    omar, made = company.people.omar, start
    record = stock_report.privilege_on(made, company.erp)
    assert record.privilege is not None
    assert record.privilege.scope == [*MANY, "hr.salaries"]
    page = client_of(omar).get(f"/review/{made.pk}/?open={record.pk}").content.decode()
    assert all(name in page for name in [*MANY, "hr.salaries"])
    with pytest.raises(InvalidInput, match=r"^A7: A scope can be narrowed only, to"):
        scenarios.approve(record, omar, now=company.now, scope=[*MANY, "hr.bonuses"])
    scenarios.approve(record, omar, now=company.now, scope=MANY, reason="Not the salaries.")
    stock_report.decide_rest(company, made)
    made.refresh_from_db()
    if made.state == SubmissionState.DECIDED:
        scenarios.accept(company, made)
    grant = Grant.objects.get(approval=record)
    assert grant.scope == MANY


@pytest.mark.rule("I8")
def test_recipients_are_never_truncated(company: Company) -> None:
    channels = [f"warehouse-{number:02}-of-the-north" for number in range(20)]

    def edit(export: dict[str, object]) -> None:
        stock_report.node(export, ".slack")["parameters"]["channelId"] = {"mode": "name", "value": ", ".join(channels)}

    made = stock_report.version(company, edit)
    privilege = made.privileges.get(entitlement__resource=company.slack)
    assert privilege.scope == channels
