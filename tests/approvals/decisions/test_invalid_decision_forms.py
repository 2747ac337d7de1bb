"""What a decision's form says is read as it was meant or refused by its field: nothing garbled counts as "as asked" (A7)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from approvals.models import Approval, ApprovalState, Submission
from governance.core.clock import current_time
from tests import scenarios
from tests.approvals import stock_report
from tests.scenarios import Company
from tests.signed_in_client import client_of

READING = ["fin.invoices", "fin.customers"]
TYPED = "Only for as long as the audit runs."

#: Which record, which fields the form sends beside those that are right, and beside which field it is refused.
GARBLED: tuple[tuple[str, dict[str, Any], str], ...] = (
    *(
        ("posting", {"term_days": value}, "term_days")
        for value in ("", "abc", "1e3", "30.0", "-1", "0", "+30", " 30", "181", "9" * 40, "NaN", "٣٠", ["30", "60"])
    ),
    ("posting", {"has_term_days": "1"}, "term_days"),
    *(
        ("mailing", {"level": value}, "level")
        for value in ("", "admin", "READ", "unknown", "readwrite", "0", ["read", "write"])
    ),
    ("mailing", {"has_level": "1"}, "level"),
    *(
        ("reading", {"scope": value}, "scope")
        for value in (
            "",
            "fin.salaries",
            "fin",
            ["fin.customers", "fin.salaries"],
            ["fin.customers", "fin.customers"],
            [*READING, "fin.customers"],
            ["fin.customers,fin.invoices"],
        )
    ),
    ("reading", {"has_scope": "1"}, "scope"),
    *(("posting", {"decision": value}, "decision") for value in ("", "maybe", "APPROVE", ["approve", "reject"])),
    *(("posting", {"not_mine": value}, "not_mine") for value in ("1", "0", "yes", ["1", "1"])),
)


#: Where each stands: with one of four records, or of thirteen where the field is not offered otherwise.
STANDS = {"posting": "stock_in_stage_2", "reading": "chaser_in_stage_2", "mailing": "chaser_in_stage_2"}


def record_of(submission: Submission, company: Company, which: str) -> Approval:
    """Posting to Slack, or reading two tables of the ERP, which are Omar's; or writing to customers, from Mei's mailbox."""
    if which == "reading":
        return submission.approvals.get(privilege__scope=READING)
    return stock_report.privilege_on(submission, company.slack if which == "posting" else company.mail)


def posted(client: Client, record: Approval, **fields: Any) -> Any:
    """The form of a record, sent by a browser with something else in it; no scripts."""
    form = scenarios.decision_form(record, **{"reason": TYPED, **fields})
    return client.post(f"/review/{record.submission_id}/decide/", form)


@pytest.fixture
def omar(company: Company, monkeypatch: pytest.MonkeyPatch) -> Client:
    """His browser."""
    monkeypatch.setattr(current_time, "now", lambda: company.now)
    return client_of(company.people.omar)


@pytest.fixture
def mei(company: Company, omar: Client) -> Client:
    """Hers."""
    return client_of(company.people.mei)


@pytest.mark.rule("A7")
@pytest.mark.parametrize(
    ("which", "fields", "field", "starting_point"),
    [(*row, STANDS[row[0]]) for row in GARBLED],
    ids=[f"{field}={fields}" for _, fields, field in GARBLED],
)
def test_malformed_answer_is_refused_beside_its_field(
    company: Company, omar: Client, mei: Client, which: str, fields: dict[str, Any], field: str, starting_point: str
) -> None:
    record = record_of(stock_report.newest(company), company, which)
    answer = posted(mei if which == "mailing" else omar, record, **fields)
    page = answer.content.decode()
    assert answer.status_code == 422, page[:400]
    assert TYPED in page, "nothing typed is lost"
    now = Approval.objects.get(pk=record.pk)
    assert (now.state, now.granted_term_days, now.granted_level, now.granted_scope) == (
        ApprovalState.OPEN,
        None,
        "",
        None,
    )
    assert not record.decisions.exists()
    control = {"term_days": "term", "level": "level", "scope": "scope"}.get(field)
    if control is None:
        assert re.search(r"<span data-decision-error>[^<]+", page), "said in the bar"
    else:
        assert f'id="{control}-{record.pk}-error"' in page
        assert f'aria-describedby="{control}-{record.pk}-error"' in page


@pytest.mark.rule("A7")
def test_form_declares_its_fields_so_that_empty_choice_counts(
    company: Company, chaser: Submission, omar: Client, mei: Client
) -> None:
    reading, mailing = record_of(chaser, company, "reading"), record_of(chaser, company, "mailing")
    page = omar.get(f"/review/{chaser.pk}/?open={reading.pk}").content.decode()
    assert {"has_term_days", "has_scope"} <= set(re.findall(r'name="(has_\w+)-\d+"', page))
    page = mei.get(f"/review/{chaser.pk}/?open={mailing.pk}").content.decode()
    assert "has_level" in re.findall(r'name="(has_\w+)-\d+"', page)


@pytest.mark.rule("A7")
def test_narrowing_survives_error_in_other_field(company: Company, chaser: Submission, omar: Client) -> None:
    record = record_of(chaser, company, "reading")
    page = posted(omar, record, term_days="abc", scope="fin.customers", has_scope="1").content.decode()
    chosen = re.findall(rf'name="scope-{record.pk}" form="decision" value="([\w.]+)" checked', page)
    assert chosen == ["fin.customers"]


@pytest.mark.rule("A7", "G1")
def test_valid_form_is_decided_as_sent(company: Company, chaser: Submission, omar: Client) -> None:
    record = record_of(chaser, company, "reading")
    marks = {"has_term_days": "1", "has_scope": "1"}
    answer = posted(omar, record, term_days="20", scope=["fin.customers"], **marks)
    assert answer.status_code == 302
    decision = record.decisions.get()
    assert (decision.term_days, decision.scope) == (20, ["fin.customers"])
