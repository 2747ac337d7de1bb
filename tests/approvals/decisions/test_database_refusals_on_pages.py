"""A rule in Python is wrong, or two are faster than it: the database says no, and the page says it in words (S5, S1)."""

from __future__ import annotations

import pytest
from django.core.checks import Tags, run_checks
from django.db import connection

from approvals.assignment import separation_of_duties
from approvals.models import ApprovalState, Decision
from governance.core.clock import current_time
from governance.core.models import LedgerEvent
from tests import scenarios
from tests.approvals import stock_report
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.database


@pytest.mark.rule("S5", "S1")
def test_database_refusal_shows_code_and_is_recorded(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    n = company.people
    stock_report.hand_over(company, company.slack, n.rita, n.amara)
    monkeypatch.setattr(separation_of_duties, "conflict", lambda *_: None)  # no duty finds anything against anybody
    monkeypatch.setattr(current_time, "now", lambda: company.now)
    submission = stock_report.in_stage_2(company)
    record = stock_report.privilege_on(submission, company.slack)
    form = scenarios.decision_form(record, reason="Fine by me.")
    path = f"/review/{submission.pk}/decide/"
    plain = client_of(n.rita).post(path, form)
    part = client_of(n.rita).post(path, form, headers={"HX-Request": "true"})
    for answer in (plain, part):
        assert answer.status_code == 409
        assert "SOD-1" in answer.content.decode()
        assert "a party to a submission approves nothing in it" in answer.content.decode()
    events = LedgerEvent.objects.order_by("-pk")[:2]
    assert {(event.verb, event.outcome, event.code) for event in events} == {("approval.approved", "refused", "SOD-1")}
    assert all(f"inventory.automation:{submission.automation_id}" in event.about for event in events)
    assert not Decision.objects.filter(approval=record).exists()
    assert stock_report.privilege_on(submission, company.slack).state == ApprovalState.OPEN
    timeline = client_of(n.amara).get(f"/review/{submission.pk}/timeline/").content.decode()
    assert "SOD-1" in timeline


@pytest.mark.rule("S5")
def test_a_check_names_triggers_that_are_switched_off(db: None) -> None:
    assert not run_checks(tags=[Tags.database], databases=["default"])
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE approvals_party DISABLE TRIGGER party_decided_nothing")
    (warning,) = run_checks(tags=[Tags.database], databases=["default"])
    assert warning.id == "controls.W014"
    assert "party_decided_nothing on approvals_party" in warning.msg
