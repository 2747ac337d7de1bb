"""Somebody raises an automation's tier while stage 2 decides: nothing goes in force below it (T2, T3, A14)."""

from __future__ import annotations

import pytest

from approvals.models import ApprovalState, Submission, SubmissionState
from inventory.imports.transitions import confirmation
from inventory.models import Automation, AutomationState
from tests import scenarios
from tests.people import as_actor
from tests.scenarios import Company, approve


@pytest.mark.rule("T2", "T3", "A14")
def test_privileges_wait_for_stage_1_of_raised_tier(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    automation = Automation.objects.get(pk=stage_2.automation_id)
    confirmation.raise_tier(automation, actor=as_actor(n.sana), now=c.now, reason="It feeds the auditors.", tier="high")
    for record in stage_2.approvals.filter(state=ApprovalState.OPEN):
        approve(record, n.omar, now=c.now)
    stage_2.refresh_from_db()
    automation.refresh_from_db()
    assert (stage_2.state, automation.state) == (SubmissionState.DECIDED, AutomationState.IN_REVIEW)
    assert not automation.grants.exists()

    again = scenarios.submitted(c, stage_2.version)
    assert [seat.label for seat in scenarios.app_of(again).seats.all()] == ["lead"]
    privileges = again.approvals.filter(kind="privilege", tier="high")
    assert all(
        sorted(privilege.seats.values_list("label", flat=True)) == ["owner", "security"] for privilege in privileges
    )
    scenarios.decide_app(c, again)
    again.refresh_from_db()
    automation.refresh_from_db()
    assert (again.state, automation.state, automation.tier) == (SubmissionState.IN_FORCE, AutomationState.LIVE, "high")
    assert automation.review_on is not None
    assert (automation.review_on - c.now.date()).days <= 90
