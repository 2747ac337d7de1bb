"""Where a conflict is checked and what it does there: submission, decision, narrowing, what comes into force (S6)."""

from __future__ import annotations

import pytest

from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Grant, Seat, SeatLabel, Submission, SubmissionState
from approvals.submissions.transitions import put_in_force
from governance.core.duties.refusals import InvalidInput, Refused
from governance.core.models import LedgerEvent
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]


def privilege_on(submission: Submission, resource: object) -> Approval:
    """The grant-like row for a privilege that it would hold on a resource."""
    return submission.approvals.get(privilege__entitlement__resource=resource)


def signed_for(c: Company) -> Submission:
    """The stock report is submitted under a rule that asks for an extra approval."""
    conflict_rules.rule(on(c.erp), on(c.slack), mode="approval")
    return stock_report.submitted(c)


def in_stage_2(c: Company) -> Submission:
    """The stock report is in stage 2, under no rule."""
    return stock_report.in_stage_2(c)


SIGNED_FOR = starting_point("plain", signed_for)
IN_STAGE_2 = starting_point("plain", in_stage_2)


def test_submission_in_enforced_conflict_is_refused_on_record(plain: Company) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="enforce")
    with pytest.raises(InvalidInput) as refused:
        stock_report.submitted(plain)
    assert refused.value.refusal.code == "S6"
    assert "Read stock and tell of it" in refused.value.refusal.sentence
    assert not Submission.objects.exists()
    assert LedgerEvent.objects.filter(verb="submission.submitted", code="S6").exists()


@SIGNED_FOR
def test_conflict_in_mode_approval_adds_seat_to_each_involved_approval(plain: Company, start: Submission) -> None:
    made = start
    signed = set(
        Seat.objects.filter(approval__submission=made, label=SeatLabel.CONFLICT).values_list("approval", flat=True)
    )
    assert signed == set(made.approvals.filter(kind="privilege").values_list("pk", flat=True))


@SIGNED_FOR
def test_conflict_seat_is_filled_by_another_security_reviewer(plain: Company, start: Submission) -> None:
    made = start
    scenarios.decide_app(plain, made)
    record = privilege_on(made, plain.slack)
    record.refresh_from_db()
    scenarios.approve(record, plain.people.omar, now=plain.now)
    assert record.state == ApprovalState.OPEN
    with pytest.raises(Refused) as refused:
        scenarios.approve(record, plain.people.omar, now=plain.now, reason="And once more.")
    assert refused.value.refusal.code == "A8"
    scenarios.approve(record, plain.people.sana, now=plain.now)
    assert record.state == ApprovalState.APPROVED


def test_recorded_conflict_adds_no_seat_but_is_part_of_decision(plain: Company) -> None:
    conflict_rules.rule(on(plain.erp), on(plain.slack))
    made = stock_report.submitted(plain)
    assert not Seat.objects.filter(approval__submission=made, label=SeatLabel.CONFLICT).exists()
    record = privilege_on(made, plain.slack)
    assert scenarios.facts_shown(record, plain.now)["conflicts"] == ["read-and-tell 1"]
    assert record.facts["conflicts"] == ["read-and-tell 1"]


@IN_STAGE_2
def test_new_conflict_makes_shown_form_stale(plain: Company, start: Submission) -> None:
    made = start
    record = privilege_on(made, plain.slack)
    record.refresh_from_db()
    shown = scenarios.shown(record)
    conflict_rules.rule(on(plain.erp), on(plain.slack))
    with pytest.raises(Refused) as refused:
        decide.approve(record, actor=as_actor(plain.people.omar), now=plain.now, reason="Fine.", shown_digest=shown)
    assert refused.value.refusal.code == "A6"
    assert ("Conflicts", "", "read-and-tell 1") in refused.value.refusal.detail


@IN_STAGE_2
def test_approval_under_new_enforced_rule_waits_for_refusal_of_other_leg(plain: Company, start: Submission) -> None:
    made = start
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="enforce")
    slack, erp = (privilege_on(made, resource) for resource in (plain.slack, plain.erp))
    with pytest.raises(Refused) as refused:
        scenarios.approve(slack, plain.people.omar, now=plain.now)
    assert refused.value.refusal.code == "S6"
    scenarios.reject(erp, plain.people.omar, now=plain.now)
    scenarios.approve(Approval.objects.get(pk=slack.pk), plain.people.omar, now=plain.now)
    assert Approval.objects.get(pk=slack.pk).state == ApprovalState.APPROVED


@IN_STAGE_2
def test_narrowing_outside_the_rule_is_approved(plain: Company, start: Submission) -> None:
    made = start
    conflict_rules.rule(on(plain.erp), on(plain.slack, levels=["write"]), mode="enforce")
    slack = privilege_on(made, plain.slack)
    with pytest.raises(Refused, match=r"^S6: Read stock and tell of it: What"):
        scenarios.approve(slack, plain.people.omar, now=plain.now)
    scenarios.approve(Approval.objects.get(pk=slack.pk), plain.people.omar, now=plain.now, level="read")
    assert Approval.objects.get(pk=slack.pk).state == ApprovalState.APPROVED


@IN_STAGE_2
def test_approved_submission_under_new_enforced_rule_does_not_come_into_force(
    plain: Company, start: Submission
) -> None:
    made = start
    records = list(made.approvals.filter(stage=2).order_by("pk"))
    last = next(record for record in records if record.kind == "credential")
    for record in records:
        if record != last:
            scenarios.finish(plain, record, now=plain.now)
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="enforce")
    scenarios.finish(plain, last, now=plain.now)
    made.refresh_from_db()
    assert made.state == SubmissionState.DECIDED
    with pytest.raises(Refused) as refused:
        put_in_force.accept_subset(made, actor=as_actor(plain.people.jonas), now=plain.now)
    assert refused.value.refusal.code == "S6"
    assert not Grant.objects.filter(automation=made.automation).exists()


@IN_STAGE_2
def test_subset_without_required_access_is_refused(plain: Company, start: Submission) -> None:
    made = start
    conflict_rules.rule(on(plain.slack), without=on(plain.erp), mode="enforce")
    for record in made.approvals.filter(stage=2).order_by("pk"):
        if record.privilege is not None and record.privilege.entitlement.resource == plain.erp:
            scenarios.reject(record, plain.people.omar, now=plain.now)
    for record in made.approvals.filter(stage=2, state=ApprovalState.OPEN, kind="credential"):
        scenarios.finish(plain, record, now=plain.now)
    with pytest.raises(Refused) as refused:
        scenarios.finish(plain, privilege_on(made, plain.slack), now=plain.now)
    assert refused.value.refusal.code == "S6"
