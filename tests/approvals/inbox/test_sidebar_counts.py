"""Counts of the sidebar: one statement, and the numbers of the tasks that home lists."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.inbox.queries import approvals, tasks
from approvals.inbox.task import Task
from governance.core.access import Actor
from governance.portal.dashboard.queries import load_recertifications
from governance.portal.notifications.queries import unread_notices
from governance.web.pages import navigation
from tests import scenarios
from tests.people import as_actor
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]


def listed_tasks(actor: Actor, company: Company) -> dict[str, int]:
    """Number of tasks of each entry, as the lists count them."""
    now = company.people.now

    def not_own(rows: list[Task]) -> int:
        return sum(not task.is_own for task in rows)

    return {
        "approvals": len(approvals.decisions(actor, now)) + len(approvals.spot_checks(actor, now)),
        "waivers": not_own(tasks.waivers(actor, now)),
        "revocations": len(tasks.revocation_tasks(actor, now)),
        "held": len(tasks.paused_mass_revocations(actor, now)),
        "proposals": not_own(tasks.proposals(actor, now)),
        "resources": len(tasks.resources(actor, now)),
        "recertify": load_recertifications(actor, now).count,
        "notifications": unread_notices(actor, now).count(),
    }


def test_counts_are_those_of_the_lists_in_one_statement(company: Company) -> None:
    n = company.people
    first, second = (submitted_script(company, name, 2) for name in ("Alpha", "Beta"))
    scenarios.decide_app(company, first)
    theirs = first.approvals.filter(stage=2, asked__contains=[n.omar.pk]).order_by("pk")
    scenarios.approve(theirs[0], n.omar, now=n.now)
    for person in (n.omar, n.theo, n.sana, n.rita, n.ines, n.yuki):
        actor = as_actor(person)
        expected = listed_tasks(actor, company)
        with CaptureQueriesContext(connection) as queries:
            counts = navigation.counts_of(actor)
        needing = {key: count for key, count in counts.items() if not key.endswith(navigation.OPEN)}
        assert needing == expected, person.name
        assert len(queries) == 1, person.name
    assert listed_tasks(as_actor(n.theo), company)["approvals"] >= 1
    assert second.approvals.filter(stage=1, state="open").exists()
