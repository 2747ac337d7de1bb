"""A rule in Python is wrong, or two are faster than it: the database says no, and the page says it in words (S5, S1)."""

from __future__ import annotations

import pytest

from approvals.models import ApprovalState, Decision
from approvals.routing import Route
from governance.controls import clock
from governance.controls.models import LedgerEvent
from tests import journeys
from tests.approvals import stock
from tests.journeys import Company
from tests.portal.signed_in import client_of


@pytest.mark.rule("S5", "S1")
def test_a_party_whom_only_the_database_stops_gets_a_page_with_the_code_and_stands_on_the_timeline(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = company.people
    stock.hand_over(company, company.slack, n.rita, n.amara)
    monkeypatch.setattr(Route, "conflict", lambda *_: None)  # no duty finds anything against anybody
    monkeypatch.setattr(clock, "now", lambda: company.now)
    submission = stock.in_stage_2(company)
    record = stock.privilege_on(submission, company.slack)
    form = {"decision": "approve", "shown_digest": journeys.shown(record), "reason": "Fine by me."}
    path = f"/review/{submission.pk}/records/{record.pk}/"
    plain = client_of(n.rita).post(path, form)
    part = client_of(n.rita).post(path, form, headers={"HX-Request": "true"})
    for answer in (plain, part):
        assert answer.status_code == 409
        assert "SOD-1" in answer.content.decode()
        assert "a party to a submission approves nothing in it" in answer.content.decode()
    events = LedgerEvent.objects.order_by("-pk")[:2]
    assert {(one.verb, one.outcome, one.code) for one in events} == {("approval.approved", "refused", "SOD-1")}
    assert all(f"inventory.automation:{submission.automation_id}" in one.about for one in events)
    assert not Decision.objects.filter(approval=record).exists()
    assert stock.privilege_on(submission, company.slack).state == ApprovalState.OPEN
    timeline = client_of(n.amara).get(f"/review/{submission.pk}/").content.decode()
    assert "SOD-1" in timeline
