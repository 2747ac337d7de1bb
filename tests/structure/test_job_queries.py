"""A job checks each row by itself: a comparison with a list of all others would take the product of both lengths (R9).

PostgreSQL makes no join of ``NOT IN (SELECT …)``. It keeps what was selected in memory as long as it believes that it fits, and beyond that goes
through it for every row: of a campaign of a million items a sweep came to no end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from approvals.decisions import jobs as decision_jobs
from approvals.intake import bulk_import
from approvals.proposals import impact_count
from approvals.submissions import jobs as approval_sweeps
from approvals.tasks import sweep_conflicts_and_waivers
from governance.portal.figures import jobs as figure_jobs
from governance.recertification.campaigns import jobs as campaign_jobs
from governance.recertification.items import jobs as item_jobs
from tests.approvals.light_path import low_risk_report
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("R9")]

JOBS = (
    approval_sweeps.sweep,
    bulk_import.sweep,
    sweep_conflicts_and_waivers,
    impact_count.sweep,
    item_jobs.sweep_events,
    campaign_jobs.sweep,
    decision_jobs.sweep,
    item_jobs.sweep,
    figure_jobs.sweep,
)
#: Django quotes no alias of its own inside a subquery.
KEPT_OUT = re.compile(r'(?:NOT \((?:"\w+"|[A-Z]+\d+)\."\w+" IN \(SELECT|NOT IN \(\s*SELECT|<> ALL ?\(\s*SELECT)[^)]*')


@starting_point("stock_in_force", low_risk_report.submitted)
@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__module__.rpartition(".")[2])
@pytest.mark.parametrize("days", [0, pytest.param(100, marks=pytest.mark.full("a third day for each job")), 200])
def test_jobs_exclude_no_rows_by_full_lists(
    company: Company, days: int, job: Callable[[datetime], Mapping[str, Any]]
) -> None:
    statements = list[str]()

    def keep(execute: Any, sql: str, *rest: Any) -> Any:
        statements.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(keep):
        for later in (0, 1, 2):
            job(company.now + timedelta(days=days + later))
    assert statements
    assert sorted({match for sql in statements for match in KEPT_OUT.findall(sql)}) == []
