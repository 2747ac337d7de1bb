"""A policy or a conflict rule that comes later adds signatures to what is open, with notice, and takes none away (A1, S6, T3)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest

from approvals.assignment import additional_seats
from approvals.assignment import jobs as assignment_jobs
from approvals.assignment.context import SubmissionContext
from approvals.assignment.transitions import add_seats
from approvals.models import (
    Approval,
    ApprovalState,
    Proposal,
    ProposalState,
    Seat,
    SeatLabel,
    Submission,
    SubmissionState,
)
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.jobs import end_due
from approvals.submissions import jobs as submission_jobs
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import OutOfTurn
from governance.core.models import LedgerEvent, Notice
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.proposals import policy_proposals
from tests.approvals.proposals.policy_proposals import changed
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("A1")]

JOB = Actor.of_job(submission_jobs.JOB)


def policy(c: Company, **parts: Any) -> None:
    """A policy with some parts changed, of two people."""
    policy_proposals.in_force(c.people.ines, c.people.sana, changed(**parts), now=c.now)


def labels(record: Approval) -> list[str]:
    return sorted(record.seats.values_list("label", flat=True))


def sweep(c: Company, *, minutes: int = 1) -> int:
    """One run; returns in how many submissions it asked for more."""
    return assignment_jobs.add_signatures_due(c.now + timedelta(minutes=minutes), JOB)


# --- what is not done ---------------------------------------------------------------------------------------------------


def test_no_seat_is_added_without_later_policy(company: Company, stock_in_stage_2: Submission) -> None:
    with pytest.raises(OutOfTurn) as error:
        add_seats.add_signatures(stock_in_stage_2, actor=JOB, now=company.now)
    assert error.value.refusal.code == "A1"
    assert sweep(company) == 0


def test_a_policy_that_asks_for_less_takes_no_signature_away(company: Company) -> None:
    policy(company, seats__privilege__standard=["owner", "security"])
    made = stock_report.in_stage_2(company)
    record = stock_report.privilege_on(made, company.slack)
    policy(company, seats__privilege__standard=["owner"])
    sweep(company)
    assert labels(record) == ["owner", "security"]
    scenarios.approve(record, company.people.omar, now=company.now)
    assert record.state == ApprovalState.OPEN


@pytest.mark.rule("A1", "R9")
def test_submission_that_fails_holds_up_no_other(
    company: Company, stock_in_stage_2: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = stock_report.submitted(company, lambda export: export.update(id="another", name="Other"))
    policy(company, seats__privilege__standard=["owner", "security"])
    judged = additional_seats.missing_seats

    def fails_for_other(context: SubmissionContext, approvals: Collection[Approval]) -> dict[int, tuple[str, ...]]:
        if context.submission.pk == other.pk:
            raise ValueError("It can't be judged.")
        return judged(context, approvals)

    monkeypatch.setattr(additional_seats, "missing_seats", fails_for_other)
    assert sweep(company) == 1
    assert "security" in labels(stock_report.privilege_on(stock_in_stage_2, company.slack))


@pytest.mark.rule("A1", "S6")
def test_a_rule_that_is_given_up_takes_no_signature_away(plain: Company) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="approval")
    record = stock_report.privilege_on(stock_report.in_stage_2(plain), plain.slack)
    conflict_rules.no_other_rules(plain.now)
    sweep(plain)
    assert SeatLabel.CONFLICT in labels(record)


@pytest.mark.rule("A1", "S8")
def test_lapsed_single_person_tightening_removes_no_seat(company: Company, stock_in_stage_2: Submission) -> None:
    n, over = company.people, company.now + timedelta(hours=73)
    record = stock_report.privilege_on(stock_in_stage_2, company.slack)
    tighter = changed(seats__privilege__standard=["owner", "security"])
    made = policy_proposals.propose(n.ines, tighter, now=company.now, at_once=True)
    assert sweep(company) == 1
    scenarios.approve(record, n.omar, now=company.now)
    assert end_due.lapse_due(over, JOB) == 1
    assert Proposal.objects.get(pk=made.pk).state == ProposalState.LAPSED
    sweep(company, minutes=74 * 60)
    record = Approval.objects.get(pk=record.pk)
    assert (labels(record), record.state) == (["owner", "security"], ApprovalState.OPEN)
    scenarios.approve(record, n.sana, now=over)
    assert Approval.objects.get(pk=record.pk).state == ApprovalState.APPROVED
    version = scenarios.brought_in(company)
    later = scenarios.submitted(company, version, now=over)
    standard = later.approvals.filter(kind="privilege", tier="standard")
    assert {label for approval in standard for label in labels(approval)} == {"owner"}


@pytest.mark.rule("A1", "S6", "S8")
def test_lapsed_conflict_rule_of_one_person_adds_no_seat(plain: Company, stock_in_stage_2: Submission) -> None:
    document = {"rule": conflict_rules.document(on(plain.erp), on(plain.slack), mode="approval")}
    row = Proposal(kind="conflict_rule", target="read-and-tell")
    actor = as_actor(plain.people.ines)
    proposal_transitions.propose(
        row, actor=actor, now=plain.now, reason="It happened.", document=document, at_once=True
    )
    assert sweep(plain) == 1
    assert end_due.lapse_due(plain.now + timedelta(hours=73), JOB) == 1
    sweep(plain, minutes=74 * 60)
    assert SeatLabel.CONFLICT in labels(stock_report.privilege_on(stock_in_stage_2, plain.slack))


@pytest.mark.rule("A1", "S7")
def test_a_conflict_that_is_only_recorded_adds_none(plain: Company, stock_in_stage_2: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack))
    assert sweep(plain) == 0


def test_earlier_decisions_stand_after_seat_is_added(company: Company, stock_in_stage_2: Submission) -> None:
    record = stock_report.privilege_on(stock_in_stage_2, company.slack)
    scenarios.approve(record, company.people.omar, now=company.now)
    both = ["lead", "security"]
    owners = ["owner", "security"]
    policy(company, seats__privilege__standard=owners, seats__app__standard=both, seats__app__high=both)
    sweep(company)
    assert (labels(record), Approval.objects.get(pk=record.pk).state) == (["owner"], ApprovalState.APPROVED)
    assert labels(scenarios.app_of(stock_in_stage_2)) == ["lead"]
    stock_report.decide_rest(company, stock_in_stage_2)
    assert stock_in_stage_2.state == SubmissionState.IN_FORCE


# --- what is --------------------------------------------------------------------------------------------------------------


def test_later_policy_adds_seat_to_open_submission_with_notice(company: Company, stock_in_stage_2: Submission) -> None:
    n = company.people
    record = stock_report.privilege_on(stock_in_stage_2, company.slack)
    before = (record.due_at, record.expires_at)
    policy(company, seats__privilege__standard=["owner", "security"])
    assert sweep(company) == 1
    record = Approval.objects.get(pk=record.pk)
    assert labels(record) == ["owner", "security"]
    assert (record.due_at, record.expires_at) == before, "its clock runs on"
    candidates = Seat.objects.get(approval=record, label="security").candidates.values_list("person", flat=True)
    assert set(candidates) == {n.sana.pk, n.viktor.pk}
    notices = Notice.objects.filter(event="signature_added")
    assert {notice.recipient_id for notice in notices} >= {n.rita.pk}
    assert "Post" in notices[0].context["what"] or "post" in notices[0].context["what"]
    assert {notice.recipient_id for notice in Notice.objects.filter(context__added=True)} >= {n.sana.pk}
    assert LedgerEvent.objects.filter(verb="approval.signature_added", subject_id=str(record.pk)).exists()
    assert sweep(company, minutes=2) == 0, "once"
    scenarios.approve(record, n.omar, now=company.now)
    assert record.state == ApprovalState.OPEN
    scenarios.approve(record, n.sana, now=company.now)
    assert record.state == ApprovalState.APPROVED


def test_added_seat_is_required_before_the_sweep_runs(company: Company, stock_in_stage_2: Submission) -> None:
    record = stock_report.privilege_on(stock_in_stage_2, company.slack)
    policy(company, seats__privilege__standard=["owner", "security"])
    scenarios.approve(record, company.people.omar, now=company.now)
    assert (record.state, labels(record)) == (ApprovalState.OPEN, ["owner", "security"])
    scenarios.approve(record, company.people.sana, now=company.now)
    assert record.state == ApprovalState.APPROVED


def test_waiting_approvals_get_all_seats_when_they_open(company: Company, stock_submitted: Submission) -> None:
    policy(company, seats__privilege__standard=["owner", "security"])
    stock_report.app_approved(company, stock_submitted)
    assert labels(stock_report.privilege_on(stock_submitted, company.slack)) == ["owner", "security"]


@pytest.mark.rule("A1", "T1", "T3")
def test_risk_raised_by_later_policy_needs_seats_of_that_tier(company: Company, stock_in_stage_2: Submission) -> None:
    policy(company, tiers__high__non_read_on=["confidential", "internal"])
    assert sweep(company) == 1
    posts, reads = (stock_report.privilege_on(stock_in_stage_2, resource) for resource in (company.slack, company.erp))
    assert (labels(posts), posts.tier) == (["owner", "security"], "standard"), "what was asked is frozen"
    assert labels(reads) == ["owner"]


@pytest.mark.rule("A1", "S6")
def test_new_conflict_rule_adds_seat_to_open_submission(plain: Company, stock_in_stage_2: Submission) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="approval")
    assert sweep(plain) == 1
    record = stock_report.privilege_on(stock_in_stage_2, plain.slack)
    assert labels(record) == [SeatLabel.CONFLICT, "owner"]
    scenarios.approve(record, plain.people.omar, now=plain.now)
    assert record.state == ApprovalState.OPEN
    scenarios.approve(record, plain.people.viktor, now=plain.now)
    assert record.state == ApprovalState.APPROVED


@pytest.mark.rule("A1", "A13")
@pytest.mark.parametrize(
    "parts",
    [
        {"tiers__low__data_classes": ["public"]},
        {"light_path__grants": 0},
        {
            f"seats__{kind}__{tier}": ["owner", "security"]
            for kind in ("privilege", "credential")
            for tier in ("low", "standard")
        },
    ],
)
def test_auto_approval_stops_if_later_policy_raises_tier(
    company: Company, light_submitted: Submission, parts: dict[str, Any]
) -> None:
    policy(company, **parts)
    scenarios.approve(scenarios.app_of(light_submitted), company.people.theo, now=company.now)
    assert set(light_submitted.approvals.filter(stage=2).values_list("state", flat=True)) == {ApprovalState.OPEN}
    assert not light_submitted.approvals.filter(by_policy__isnull=False).exists()
