"""Two apps of one builder approved at the same instant: policy approves ten grants between them and no more (A13). Real threads, real commits."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from approvals.decisions.transitions import decide
from approvals.light_path import eligibility
from approvals.models import Approval, ApprovalState, Submission
from governance.core.models import LedgerEvent
from tests import run_lengths, scenarios
from tests.approvals.light_path import low_risk_report
from tests.approvals.submissions.test_races import PATIENCE, at_once, refusals
from tests.people import as_actor, build
from tests.scenarios import Company

pytestmark = [pytest.mark.race, pytest.mark.soak]

#: Records of each: two such are more than ten.
EACH = 6


@pytest.fixture(scope="module")
def firm(django_db_setup: None, django_db_blocker: Any) -> Iterator[Company]:
    """A company of this module's own, committed."""
    with django_db_blocker.unblock():
        yield scenarios.company(build(uuid.uuid4().hex[:8]))
        connections.close_all()


def on_the_path(c: Company, now: datetime) -> Submission:
    """Another automation of Rita's, submitted: on the light path, as it counts by itself."""
    word = uuid.uuid4().hex[:8]
    version = low_risk_report.version(c, low_risk_report.reads_more(EACH - 2, word), word=word)
    made = scenarios.submitted(c, version, now=now)
    assert made.light_path
    assert made.approvals.filter(stage=2).count() == EACH
    return made


def approving(submission: Submission, c: Company, now: datetime) -> Callable[[], object]:
    """Theo's press of the button, as he saw the app just now."""
    app = scenarios.app_of(submission)
    shown, fresh = scenarios.shown(app), Approval.objects.get(pk=app.pk)
    return lambda: decide.approve(fresh, actor=as_actor(c.people.theo), now=now, shown_digest=shown)


def by_policy(*submissions: Submission) -> int:
    return Approval.objects.filter(submission__in=submissions, by_policy__isnull=False).count()


@pytest.mark.full
@pytest.mark.rule("A13", "S5")
def test_two_at_once_do_not_pass_ten_and_the_later_one_asks_its_owners(
    firm: Company, request: pytest.FixtureRequest
) -> None:
    for number in run_lengths.rounds(
        request, 1, full=3, soak=60, what="races of two apps of one builder on the light path"
    ):
        now = firm.now + timedelta(days=31 * number)  # what policy approved before counts no more
        both = [on_the_path(firm, now) for _ in range(2)]
        assert refusals(at_once(*(approving(submission, firm, now) for submission in both))) == []
        assert by_policy(*both) == EACH, f"round {number}"
        by_people = [submission for submission in both if by_policy(submission) == 0]
        assert {record.state for record in by_people[0].approvals.filter(stage=2)} == {ApprovalState.OPEN}
        left = LedgerEvent.objects.filter(
            verb="submission.left_light_path", about__contains=[f"approvals.submission:{by_people[0].pk}"]
        )
        assert left.get().payload["because"] == "its builder has as many of policy as there may be"


@pytest.mark.full("shows what two locks are worth")
@pytest.mark.rule("A13", "S5")
def test_database_serialises_limit_without_python_lock(firm: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why both locks exist: without them both checks pass, and the database refuses the later one."""
    now = firm.now + timedelta(days=10_000)
    both = [on_the_path(firm, now) for _ in range(2)]
    barrier, ask = threading.Barrier(2, timeout=PATIENCE), eligibility.reason_against_submission

    def reason_after_barrier(*arguments: Any) -> Any:
        reason = ask(*arguments)
        barrier.wait()
        return reason

    monkeypatch.setattr(eligibility, "lock", lambda builder: None)
    monkeypatch.setattr(eligibility, "reason_against_submission", reason_after_barrier)
    assert refusals(at_once(*(approving(submission, firm, now) for submission in both))) == ["A13"]
    assert by_policy(*both) == EACH
    assert sorted(scenarios.app_of(submission).state for submission in both) == [
        ApprovalState.APPROVED,
        ApprovalState.OPEN,
    ]
