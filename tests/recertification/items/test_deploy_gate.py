"""A grant with an overdue review does not run, also before the job has suspended it (A17, R6, R9, X2)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from approvals.grants import deploy_gate
from governance.recertification.items.answer_deadlines import review_instant
from tests.recertification.review_steps import Held, opened, opens_at


def code(held: Held, now: datetime) -> str:
    """What the gate says of the version in force."""
    return deploy_gate.answer_for_automation(held.automation, held.submission.version.manifest_digest, now=now).code


@pytest.mark.rule("A17", "R6", "R9")
def test_a_review_past_its_grace_is_a_no_and_one_that_is_open_is_none(held: Held) -> None:
    item = opened(held.automation, opens_at(held.grant()))
    answer = deploy_gate.answer_for_automation(
        held.automation, held.submission.version.manifest_digest, now=item.grace_until
    )
    assert (answer.may_run, answer.code) == (False, "NOT_REVIEWED")
    assert answer.sentence == "Its review is overdue: no reviewer answered in time."
    assert code(held, item.grace_until - timedelta(seconds=1)) == "OK"


@pytest.mark.rule("A17", "R6", "R9")
def test_a_review_that_no_job_has_opened_is_a_no_once_its_day_has_passed(held: Held) -> None:
    day = review_instant(held.automation.review_on)
    assert code(held, day) == "NOT_REVIEWED"
    assert code(held, day - timedelta(seconds=1)) == "OK"
