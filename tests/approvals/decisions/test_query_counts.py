"""Facts of many rows are read together: comparing a version, reminders, routes (A10, A12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.assignment.context import LOCKED_BEFORE, load_context, load_contexts
from approvals.decisions import jobs as decision_jobs
from approvals.decisions.transitions import decide
from approvals.models import Approval, Grant, Submission
from approvals.submissions import reapproval
from approvals.submissions.plan import context as plan_context
from approvals.submissions.plan.context import content_of_version
from governance.core.engine.transition import lock
from governance.core.models import Notice
from tests import scenarios
from tests.approvals.intake.builder import of_its_own
from tests.people import as_actor
from tests.scenarios import Company


def queries(act: Callable[[], object]) -> int:
    """How many queries something takes."""
    with CaptureQueriesContext(connection) as counted:
        act()
    return len(counted)


@pytest.mark.rule("A12", "G2")
def test_diff_query_count_is_constant_near_grant_end(company: Company, live: Submission) -> None:
    """Near its end a grant is asked whether a review can still renew it, which looks at what it renews."""
    automation, rita = live.automation, company.people.rita
    content = content_of_version(automation, live.version)
    late = Grant.objects.filter(automation=automation).latest("ends_at").ends_at - timedelta(days=1)

    def compare() -> reapproval.Changes:
        return plan_context.PlanContext(content, submitter=rita, people=[rita], now=late).changes

    with CaptureQueriesContext(connection) as counted:
        comparison = compare()
    assert len(comparison.unchanged) == 4
    Grant.objects.filter(automation=automation).update(state="ended", ended_at=late, ended_why="expired")
    assert queries(compare) <= len(counted)


def in_each_stage(c: Company) -> tuple[list[Submission], list[Submission]]:
    """Two submissions before stage 1 and two of high risk after it."""
    by_export: dict[str, list[Submission]] = {}
    for export in ("weekly-stock-report.json", "invoice-chaser.json"):
        contents = [of_its_own(export, word) for word in ("here", "there")]
        by_export[export] = [
            scenarios.submitted(c, scenarios.brought_in(c, export, content=content)) for content in contents
        ]
    before, after = by_export.values()
    for submission in after:
        scenarios.decide_app(c, submission)
    return before, after


@pytest.mark.full("submits many, to count queries")
@pytest.mark.rule("A10", "R9")
def test_reminding_costs_the_same_for_one_submission_as_for_two(company: Company) -> None:
    before, after = in_each_stage(company)
    open_now = Approval.objects.filter(state="open", due_at__isnull=False)
    late = max(open_now.values_list("due_at", flat=True))
    count = decision_jobs.remind(late)
    assert count == Notice.objects.filter(event="approval_due").count() > 0
    assert set(Notice.objects.filter(event="approval_due").values_list("thread", flat=True)) == {
        f"submission:{submission.pk}" for submission in (*before, *after)
    }
    assert decision_jobs.remind(late) == 0
    many = queries(lambda: decision_jobs.remind(late))
    assert many == 3  # due rows, approvers asked, notices sent: no route is planned when nobody is left to notify
    open_now.filter(submission__in=(before[0], after[0])).update(due_at=None)
    assert queries(lambda: decision_jobs.remind(late)) == many


@pytest.mark.rule("A9", "S1", "S2")
def test_batch_loaded_route_equals_single_route(company: Company, stage_2: Submission) -> None:
    other = scenarios.submitted(company)
    together = load_contexts([stage_2, other], company.now)
    for submission in (stage_2, other):
        alone, shared = load_context(submission, company.now).route, together[submission.pk].route
        for name in ("parties", "app_deciders", "stage_people", "decisions", "before", "carried"):
            assert getattr(shared, name) == getattr(alone, name), name
        for record in submission.approvals.all():
            assert shared.standing(record) == alone.standing(record)
    assert queries(lambda: load_contexts([stage_2, other], company.now)) == queries(
        lambda: load_contexts([other], company.now)
    )


@pytest.mark.rule("A7")
def test_decision_repeats_no_query(company: Company, stage_2: Submission) -> None:
    record = stage_2.approvals.filter(state="open").exclude(privilege=None).earliest("pk")
    # The first decision on a connection confirms what it opens, which is asked again under the connection's lock.
    scenarios.finish(company, stage_2.approvals.get(credential=record.privilege.credential), now=company.now)
    person = load_context(stage_2, company.now).route.standing(record)[0].may_decide[0]
    digest, actor = scenarios.shown(record), as_actor(person)
    with CaptureQueriesContext(connection) as captured:
        decide.approve(record, actor=actor, now=company.now, reason="Fine by me.", shown_digest=digest)
    statements = Counter(query["sql"] for query in captured.captured_queries if query["sql"].startswith("SELECT"))
    assert [sql for sql, times in statements.items() if times > 1] == []


@pytest.mark.rule("A7")
def test_a_locked_record_comes_with_the_locked_rows_above_it(stage_2: Submission) -> None:
    approval = stage_2.approvals.earliest("pk")
    locked = lock(approval, LOCKED_BEFORE)
    assert queries(lambda: locked.submission.automation.name) == 0
    approval.submission.automation.name = "Read before the lock"
    assert locked.submission.automation.name != "Read before the lock"
