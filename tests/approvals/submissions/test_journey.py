"""From an export to grants: both stages, separately, in the order that the rules give them."""

from __future__ import annotations

import pytest

from approvals.models import ApprovalState, Grant, Submission, SubmissionState
from inventory.models import AutomationState
from tests import scenarios
from tests.scenarios import Company

pytestmark = pytest.mark.database


@pytest.mark.rule("A2", "A3", "A4")
def test_privileges_wait_visibly_until_the_app_is_approved(company: Company, chaser_submitted: Submission) -> None:
    c, submission = company, chaser_submitted
    second = submission.approvals.filter(stage=2)
    assert second.count() == 7 + 6  # one record a privilege, one a distinct credential
    assert set(second.values_list("state", flat=True)) == {ApprovalState.WAITING}
    scenarios.decide_app(c, submission)
    assert set(second.values_list("state", flat=True)) == {ApprovalState.OPEN}


@pytest.mark.rule("A5", "G1")
def test_fully_approved_submission_is_in_force_at_once(company: Company, chaser_in_force: Submission) -> None:
    c, submission = company, chaser_in_force
    assert submission.state == SubmissionState.IN_FORCE
    automation = submission.automation
    automation.refresh_from_db()
    assert automation.state == AutomationState.LIVE
    assert automation.approved_version == submission.version
    assert Grant.objects.live(c.now).filter(automation=automation).count() == 13
