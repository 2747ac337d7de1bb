"""Counts of the sidebar: one statement, and the numbers of the tasks that home lists."""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.conflicts import jobs as conflict_jobs
from approvals.grants.transitions import lifecycle
from approvals.inbox.queries import approvals, tasks
from approvals.inbox.task import Task
from approvals.waivers import transitions as waivers
from governance.core.access import Actor
from governance.core.models import Person
from governance.core.roles.roles import Role
from governance.portal.dashboard.queries import load_recertifications
from governance.portal.figures import jobs as figure_jobs
from governance.portal.notifications.queries import unread_notices
from governance.web.pages import navigation
from inventory.automations.transitions import lifecycle as automation_lifecycle
from inventory.models import Automation
from tests import scenarios
from tests.appointments import propose_role
from tests.approvals import chains, stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.people import as_actor
from tests.portal.dashboard.test_home_of_roles import accepted
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.recertification import review_steps
from tests.recertification.grant_rows import low_grants
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]

#: Pages of entries whose open rows are counted in grey.
PAGES = {"conflicts": "conflict_list", "waivers": "waiver_list", "revocations": "revocations"}


def listed_tasks(actor: Actor, company: Company) -> dict[str, int]:
    """Number of tasks of each entry, as the lists count them."""
    now = company.people.now

    def not_own(rows: list[Task]) -> int:
        return sum(not task.is_own for task in rows)

    def own(rows: list[Task]) -> int:
        return sum(task.is_own for task in rows)

    return {
        "approvals": len(approvals.decisions(actor, now)) + len(approvals.spot_checks(actor, now)),
        "waivers": not_own(tasks.waivers(actor, now)),
        "waivers.mine": own(tasks.waivers(actor, now)),
        "revocations": len(tasks.revocation_tasks(actor, now)),
        "held": len(tasks.paused_mass_revocations(actor, now)),
        "proposals": not_own(tasks.proposals(actor, now)),
        "proposals.mine": own(tasks.proposals(actor, now)),
        "resources": len(tasks.resources(actor, now)),
        "recertify": load_recertifications(actor, now).count,
        "notifications": unread_notices(actor, now).count(),
    }


def listed_rows(person: Person) -> dict[str, int]:
    """Number of open rows of each entry, as its page lists them."""
    client = client_of(person)
    pages = {entry: client.get(reverse(name)).context for entry, name in PAGES.items()}
    chips = {entry: {chip["label"]: chip["count"] for chip in page["chips"][:2]} for entry, page in pages.items()}
    assert len(pages["conflicts"]["rows"]) == chips["conflicts"]["Open"]
    return {
        "conflicts": chips["conflicts"]["Open"],
        "waivers": chips["waivers"]["Waiting"] + chips["waivers"]["Live"],
        "revocations": chips["revocations"]["Open"],
    }


def something_of_each_kind(c: Company) -> None:
    """At least one row for each entry: every count has something to count."""
    n, now = c.people, c.now
    first, second = (submitted_script(c, name, 2) for name in ("Alpha", "Beta"))
    scenarios.decide_app(c, first)
    theirs = first.approvals.filter(stage=2, asked__contains=[n.omar.pk]).order_by("pk")
    scenarios.approve(theirs[0], n.omar, now=now)
    assert second.approvals.filter(stage=1, state="open").exists()
    live = stock_report.in_force(c)
    for code in ("read-and-tell", "once-more"):
        conflict_rules.rule(on(c.erp), on(c.slack), code=code)
    conflict_jobs.scan_all(now, Actor.of_job(conflict_jobs.JOB))
    asked = {"code": "read-and-tell", "subject_id": live.automation_id, "control": "Piet reads every post.", "days": 30}
    jonas = as_actor(n.jonas)
    waivers.ask_waiver(live.automation, actor=jonas, now=now, reason="The report is due.", **asked)
    digest = chains.in_force(c, chains.described(c, "Digest", (c.slack, "read", "one"), (c.slack, "read", "two")))
    lifecycle.revoke(digest.automation.grants.earliest("pk"), actor=jonas, now=now, reason="Nobody reads it.")
    low_grants(digest, 12, begins_at=now)
    automation_lifecycle.retire(
        Automation.objects.get(pk=digest.automation_id), actor=jonas, now=now, reason="Replaced."
    )
    propose_role(n.tom, Role.AUDITOR, by=n.karl, now=now)
    accepted(n)
    figure_jobs.sweep(now)
    review_steps.under_review(live.automation.grants.earliest("pk"))


@starting_point("company", something_of_each_kind)
def test_counts_are_those_of_the_lists_in_one_statement(company: Company) -> None:
    n, found = company.people, Counter[str]()
    for person in (n.omar, n.theo, n.sana, n.viktor, n.rita, n.jonas, n.ines, n.karl, n.yuki):
        actor = as_actor(person)
        expected = listed_tasks(actor, company)
        with CaptureQueriesContext(connection) as queries:
            counts = navigation.counts_of(actor)
        needing = {key: count for key, count in counts.items() if not key.endswith(navigation.OPEN)}
        assert needing == expected, person.name
        assert len(queries) == 1, person.name
        found.update(expected)
    assert all(found.values()), f"nothing to count: {found}"


@starting_point("company", something_of_each_kind)
def test_grey_counts_are_those_of_the_pages_for_readers_of_the_whole_register(company: Company) -> None:
    n = company.people
    for person in (n.sana, n.ines, n.yuki):
        counts = navigation.counts_of(as_actor(person))
        rows = listed_rows(person)
        assert {key: counts[key + navigation.OPEN] for key in rows} == rows, person.name
        assert all(rows.values()), f"nothing to count: {rows}"
    for person in (n.rita, n.omar):
        counts = navigation.counts_of(as_actor(person))
        assert not any(counts[key + navigation.OPEN] for key in PAGES), person.name
