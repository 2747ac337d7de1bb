"""A chain that becomes riskier while grants live: what stands in it is judged anew, once, and reviewed (A16, T4, R1, R9)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.core.models import LedgerEvent
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.transitions import risk_increase
from inventory.automations.transitions import lifecycle
from inventory.models import Assessment, Automation
from tests import run_lengths, scenarios
from tests.approvals import stock_report
from tests.approvals.chains import described, in_force
from tests.people import as_actor
from tests.recertification.items.test_risk_increase import open_due
from tests.recertification.review_steps import JOB, Held
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db

LATER = timedelta(days=40)
MANY = run_lengths.run_length(3, soak=12)


def reader(held: Held, number: int = 0) -> Automation:
    """Something low that reads a channel, in force."""
    c = held.company
    return in_force(c, described(c, f"Reader {number}", (c.slack, "read", "minutes"))).automation


def again(automation: Automation) -> Automation:
    return Automation.objects.get(pk=automation.pk)


def readers(c: Company) -> list[Automation]:
    """As many readers of the channel as a test takes, in force."""
    return [reader(Held(c, stock_report.newest(c)), number) for number in range(MANY)]


def reader_and_writer(c: Company) -> tuple[Automation, Automation]:
    """A reader of the channel, and somebody who writes to it, in force and judged together."""
    runs = reader(Held(c, stock_report.newest(c)))
    writer = in_force(c, described(c, "Writer", (c.slack, "admin", "minutes"))).automation
    item_jobs.reassess_due(c.now, JOB)
    return runs, writer


def callee_and_caller(c: Company) -> tuple[Automation, Automation]:
    """Something that reads the channel, and what calls it, in force."""
    callee = in_force(c, described(c, "Callee", (c.slack, "read", "other"), external_id="callee")).automation
    caller = in_force(c, described(c, "Caller", (c.model, "execute", "callee", "workflow:execute"))).automation
    return callee, caller


READERS = starting_point("stock_in_force", readers)
READER_AND_WRITER = starting_point("stock_in_force", reader_and_writer)
CALLEE_AND_CALLER = starting_point("stock_in_force", callee_and_caller)


@pytest.mark.rule("A16", "T4")
def test_draft_and_submission_raise_no_live_grant(held: Held) -> None:
    c, n = held.company, held.people
    runs = reader(held)
    described(c, "Stranger", (c.slack, "admin", "minutes"), team=n.marketing, by=n.tom, owner=n.grace)
    scenarios.submitted(c, described(c, "Waiting", (c.slack, "admin", "minutes")))
    assert risk_increase.connected_with_riskier() == set()
    assert item_jobs.reassess_due(c.now + LATER, JOB) == 0
    assert again(runs).tier == "low"


@pytest.mark.full("puts two automations in force")
@READERS
@pytest.mark.rule("A16", "T4", "R9")
def test_riskier_neighbour_in_force_opens_one_review(held: Held, start: list[Automation]) -> None:
    c, runs = held.company, start
    elsewhere = in_force(c, described(c, "Elsewhere", (c.slack, "read", "other"))).automation
    writer = in_force(c, described(c, "Writer", (c.slack, "admin", "minutes"))).automation
    assert risk_increase.connected_with_riskier() == {automation.pk for automation in runs}
    before = Assessment.objects.count()
    assert item_jobs.reassess_due(c.now + LATER, JOB) == len(runs)
    assert Assessment.objects.count() == before + len(runs)
    assert {again(automation).tier for automation in runs} == {"high"}
    assert (again(elsewhere).tier, again(writer).tier) == ("low", "high")
    assessment = runs[0].approved_version.latest_assessment
    assert "It is joined with another automation, which is high." in assessment.reasons
    assert "Writer" not in " ".join(assessment.reasons), "the reader may not see that automation"
    assert [review for review in open_due(held) if review[1] == "automation"].count(
        ("tier raised", "automation")
    ) == len(runs)
    assert risk_increase.connected_with_riskier() == set(), "each once"
    assert LedgerEvent.objects.filter(verb="automation.reassessed", outcome="done").count() == len(runs)


@pytest.mark.rule("A16", "T4", "L1")
@CALLEE_AND_CALLER
def test_retired_callee_triggers_reassessment(held: Held, start: tuple[Automation, Automation]) -> None:
    c, (callee, caller) = held.company, start
    assert (again(caller).tier, risk_increase.connected_with_riskier()) == ("standard", {callee.pk}), (
        "who is called is as risky as who calls"
    )
    item_jobs.reassess_due(c.now, JOB)
    assert risk_increase.connected_with_riskier() == set()
    lifecycle.retire(again(callee), actor=as_actor(held.people.jonas), now=c.now, reason="Not needed.")
    assert risk_increase.connected_with_riskier() == {caller.pk}
    item_jobs.reassess_due(c.now + LATER, JOB)
    assert again(caller).tier == "high"
    assert "calls something that nobody has approved here" in " ".join(
        caller.approved_version.latest_assessment.reasons
    )


@pytest.mark.rule("A16", "T4")
@READER_AND_WRITER
def test_chain_risk_stays_until_renewal_and_does_not_spread(held: Held, start: tuple[Automation, Automation]) -> None:
    c, (runs, writer) = held.company, start
    lifecycle.retire(again(writer), actor=as_actor(held.people.jonas), now=c.now, reason="Not needed.")
    assert (again(runs).tier, risk_increase.connected_with_riskier()) == ("high", set())
    second = described(c, "Second writer", (c.slack, "write", "minutes"))
    assert second.latest_assessment.tier == "standard"


@pytest.mark.full("joins many, to count queries")
@pytest.mark.rule("A16", "R9")
def test_a_sweep_costs_as_much_however_many_are_joined(held: Held) -> None:
    costs = []
    for number in (1, 2):
        reader(held, number)
        in_force(held.company, described(held.company, f"Writer {number}", (held.company.slack, "write", "minutes")))
        with CaptureQueriesContext(connection) as queries:
            risk_increase.connected_with_riskier()
        costs.append(len(queries))
    assert set(costs) == {1}
