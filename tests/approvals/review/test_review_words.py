"""What the review page says beside its decisions: times in the reader's zone, each name once, and words instead of ids."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from approvals.models import Submission
from approvals.review.changes import privilege_code
from governance.core.models import Person
from governance.core.roles.roles import Permission
from inventory.models import Entitlement, Privilege
from inventory.versions import findings
from tests.approvals import stock_report
from tests.scenarios import Company, brought_in, decide_app, decision_form, reject, submitted
from tests.signed_in_client import client_of


@pytest.mark.rule("H8")
def test_times_are_shown_in_readers_zone(company: Company) -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    submission = submitted(company, brought_in(company), now=late)
    decide_app(company, submission, now=late + timedelta(minutes=5))
    theo = company.people.theo
    theo.time_zone = "Asia/Tokyo"
    theo.save()
    page = client_of(theo).get(reverse("review", args=[submission.pk])).content.decode()
    facts = page[page.index("submitted by") :][:200]
    assert "08:30" in facts
    assert re.search(r"class=\"small quiet\">[^<]*08:35<", page)
    assert not re.search(r">[^<]*23:3[05]", page)


def test_technical_name_is_shown_once() -> None:
    payment = Privilege(entitlement=Entitlement(code="payment:create"), target="fin.payments")
    assert privilege_code(payment, ["fin.payments"]) == "payment:create · fin.payments"
    issues = Privilege(entitlement=Entitlement(code="issues:*"), instance="github")
    assert privilege_code(issues, ["a", "b"]) == "issues:* · github · a, b"


@pytest.mark.rule("I5")
def test_finding_names_its_credential() -> None:
    assert (
        findings.finding_label("shared_credential", "credentials/Finance Slack") == "Shared credential: Finance Slack"
    )
    assert findings.finding_label("wildcard", "srv") == "Allows every tool"


def test_every_permission_has_words_for_people() -> None:
    assert not [words for words in (permission.words for permission in Permission) if ":" in words or "_" in words]


@pytest.mark.rule("S5")
def test_ineligible_reader_sees_who_decides(company: Company) -> None:
    submission = submitted(company, brought_in(company))
    record = submission.approvals.get(stage=1)
    decide = reverse("decide", args=[submission.pk])
    jonas = client_of(company.people.jonas)
    answer = jonas.post(decide, decision_form(record, reason="Mine."), headers={"HX-Request": "true"})
    assert answer.status_code in (403, 409)
    assert "approval:decide" not in answer.content.decode()


def test_rows_of_others_stand_back_and_refused_ones_are_struck_out(
    company: Company, stock_in_stage_2: Submission
) -> None:
    n, record = company.people, stock_report.privilege_on(stock_in_stage_2, company.slack)

    def classes(reader: Person, query: str = "") -> dict[str, str]:
        page = client_of(reader).get(f"/review/{stock_in_stage_2.pk}/{query}").content.decode()
        return {row: css for css, row in re.findall(r'<li class="(record[^"]*)" id="row-(\d+)"', page)}

    assert set(classes(n.jonas).values()) == {"record record-aside"}
    assert set(classes(n.omar).values()) == {"record"}
    assert classes(n.omar, f"?open={record.pk}")[f"{record.pk}"] == "record record-open"
    reject(record, n.omar, now=company.now)
    assert classes(n.omar)[f"{record.pk}"] == "record record-refused record-done record-reject"
