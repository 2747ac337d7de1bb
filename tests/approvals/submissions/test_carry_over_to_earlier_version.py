"""Back to an approved app: later decisions of its approvers do not carry over (A14, S2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from approvals.models import Approval, ApprovalState, Submission, SubmissionState
from inventory.imports.transitions import confirmation
from tests import scenarios
from tests.appointments import name_leads
from tests.approvals import stock_report
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point


def two_more_channels(export: dict[str, Any]) -> None:
    """An edit: it posts to two channels more."""
    stock_report.one_more_channel(export)
    more = json.loads(json.dumps(stock_report.node(export, ".slack")))
    more |= {"id": "5d1f0a0e-0000-4000-8000-000000000002", "name": "Post to drivers"}
    more["parameters"]["channelId"] |= {"value": "C07DRIVERS", "cachedResultName": "drivers"}
    export["nodes"].append(more)


def another_purpose(c: Company) -> Submission:
    """A change of purpose with two privileges more on Slack, the app decided anew by Bram; Theo, who decided it first, owns Slack."""
    n = c.people
    stock_report.hand_over(c, c.slack, n.theo, n.amara)
    name_leads(n.finance_ops, actor=as_actor(n.ines), now=c.now, lead=n.bram, deputy_lead=n.theo)
    made = scenarios.submitted(c, stock_report.version(c, two_more_channels, purpose="Something else."))
    scenarios.approve(scenarios.app_of(made), n.bram, now=c.now)
    return made


ANOTHER_PURPOSE = starting_point("stock_in_force", another_purpose)


def back_again(c: Company, before: Submission) -> list[Approval]:
    """The purpose is what it was, so the newer submission rests on the app approval in force; its records."""
    rita, live = as_actor(c.people.rita), Submission.objects.earliest("pk")
    confirmation.amend_automation(live.automation, actor=rita, now=c.now, fields={"purpose": live.automation.purpose})
    made = scenarios.submitted(c, before.version)
    assert made.app_approval == live.app_approval
    return list(made.approvals.order_by("pk"))


@pytest.mark.rule("A14", "S2")
@ANOTHER_PURPOSE
def test_approval_by_decider_of_app_in_force_is_asked_again(company: Company, start: Submission) -> None:
    n, newer = company.people, start
    first = newer.approvals.filter(stage=2, state=ApprovalState.OPEN).earliest("pk")
    scenarios.approve(first, n.theo, now=company.now)
    records = back_again(company, newer)
    assert {(approval.state, approval.carried_from) for approval in records} == {(ApprovalState.OPEN, None)}
    assert {approval.seats.get().candidates.get().person for approval in records} == {n.amara}, (
        "the next on the escalation_chain"
    )
    for approval in records:
        scenarios.approve(approval, n.amara, now=company.now)
    assert Submission.objects.get(pk=records[0].submission_id).state == SubmissionState.IN_FORCE


@pytest.mark.rule("A14", "A15", "S2")
@ANOTHER_PURPOSE
def test_rejection_by_decider_of_app_in_force_needs_extra_approval(company: Company, start: Submission) -> None:
    n, newer = company.people, start
    first = newer.approvals.filter(stage=2, state=ApprovalState.OPEN).earliest("pk")
    scenarios.reject(first, n.theo, now=company.now)
    refused = next(approval for approval in back_again(company, newer) if approval.key == first.key)
    assert (refused.state, refused.carried_from, refused.earlier) == (ApprovalState.OPEN, None, first)
    assert refused.seats.count() == 2


@pytest.mark.rule("A14")
@ANOTHER_PURPOSE
def test_approval_by_other_person_carries_over(company: Company, start: Submission) -> None:
    n, newer = company.people, start
    stock_report.hand_over(company, company.slack, n.piet, n.amara)
    first = newer.approvals.filter(stage=2, state=ApprovalState.OPEN).earliest("pk")
    scenarios.approve(first, n.piet, now=company.now)
    kept = {approval.key: approval for approval in back_again(company, newer)}
    assert (kept[first.key].state, kept[first.key].carried_from) == (ApprovalState.APPROVED, first)
    assert sum(approval.state == ApprovalState.OPEN for approval in kept.values()) == 1
