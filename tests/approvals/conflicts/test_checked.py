"""Where a conflict is checked and what it does there: submission, decision, narrowing, what comes into force (S6)."""

from __future__ import annotations

import pytest

from approvals import facts, transitions
from approvals.models import Approval, ApprovalState, Grant, Seat, SeatLabel, Submission, SubmissionState
from governance.controls.models import LedgerEvent
from governance.controls.refusals import InvalidInput, Refused
from tests import journeys
from tests.approvals import stock
from tests.approvals.conflicts import ruling
from tests.approvals.conflicts.ruling import on
from tests.journeys import Company
from tests.people import as_actor

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]


def privilege_on(submission: Submission, resource: object) -> Approval:
    """The record of what it would hold on a resource."""
    return submission.approvals.get(privilege__entitlement__resource=resource)


def test_what_an_enforced_rule_forbids_is_not_submitted_and_that_is_on_record(company: Company) -> None:
    ruling.rule(on(company.erp), on(company.slack), mode="enforce")
    with pytest.raises(InvalidInput) as no:
        stock.submitted(company)
    assert no.value.refusal.code == "S6"
    assert "Read stock and tell of it" in no.value.refusal.sentence
    assert not Submission.objects.exists()
    assert LedgerEvent.objects.filter(verb="submission.submitted", code="S6").exists()


def test_what_takes_a_signature_has_a_seat_on_each_record_that_has_a_part_in_it(company: Company) -> None:
    ruling.rule(on(company.erp), on(company.slack), mode="approval")
    made = stock.submitted(company)
    signed = set(
        Seat.objects.filter(approval__submission=made, label=SeatLabel.CONFLICT).values_list("approval", flat=True)
    )
    assert signed == set(made.approvals.filter(kind="privilege").values_list("pk", flat=True))


def test_that_seat_is_filled_by_security_and_by_nobody_who_signed_already(company: Company) -> None:
    ruling.rule(on(company.erp), on(company.slack), mode="approval")
    made = stock.submitted(company)
    journeys.decide_app(company, made)
    record = privilege_on(made, company.slack)
    record.refresh_from_db()
    journeys.approve(record, company.people.omar, now=company.now)
    assert record.state == ApprovalState.OPEN
    with pytest.raises(Refused) as no:
        journeys.approve(record, company.people.omar, now=company.now, reason="And once more.")
    assert no.value.refusal.code == "A8"
    journeys.approve(record, company.people.sana, now=company.now)
    assert record.state == ApprovalState.APPROVED


def test_what_is_only_recorded_asks_nobody_more_and_is_part_of_what_is_decided(company: Company) -> None:
    ruling.rule(on(company.erp), on(company.slack))
    made = stock.submitted(company)
    assert not Seat.objects.filter(approval__submission=made, label=SeatLabel.CONFLICT).exists()
    record = privilege_on(made, company.slack)
    assert facts.of(record, company.now)["conflicts"] == ["read-and-tell 1"]
    assert record.facts["conflicts"] == ["read-and-tell 1"]


def test_what_comes_into_conflict_after_it_was_shown_is_not_decided_by_that_form(company: Company) -> None:
    made = stock.submitted(company)
    journeys.decide_app(company, made)
    record = privilege_on(made, company.slack)
    record.refresh_from_db()
    shown = facts.digest(facts.of(record, company.now))
    ruling.rule(on(company.erp), on(company.slack))
    with pytest.raises(Refused) as no:
        transitions.approve(
            record, actor=as_actor(company.people.omar), now=company.now, reason="Fine.", shown_digest=shown
        )
    assert no.value.refusal.code == "A6"
    assert ("Conflicts", "", "read-and-tell 1") in no.value.refusal.detail


def test_what_a_rule_forbids_since_it_was_submitted_is_approved_only_once_the_other_is_refused(
    company: Company,
) -> None:
    made = stock.submitted(company)
    journeys.decide_app(company, made)
    ruling.rule(on(company.erp), on(company.slack), mode="enforce")
    slack, erp = (privilege_on(made, one) for one in (company.slack, company.erp))
    with pytest.raises(Refused) as no:
        journeys.approve(slack, company.people.omar, now=company.now)
    assert no.value.refusal.code == "S6"
    journeys.reject(erp, company.people.omar, now=company.now)
    journeys.approve(Approval.objects.get(pk=slack.pk), company.people.omar, now=company.now)
    assert Approval.objects.get(pk=slack.pk).state == ApprovalState.APPROVED


def test_narrowing_to_what_the_rule_does_not_mean_is_approved(company: Company) -> None:
    made = stock.submitted(company)
    journeys.decide_app(company, made)
    ruling.rule(on(company.erp), on(company.slack, levels=["write"]), mode="enforce")
    slack = privilege_on(made, company.slack)
    with pytest.raises(Refused):
        journeys.approve(slack, company.people.omar, now=company.now)
    journeys.approve(Approval.objects.get(pk=slack.pk), company.people.omar, now=company.now, level="read")
    assert Approval.objects.get(pk=slack.pk).state == ApprovalState.APPROVED


def test_what_was_approved_before_a_rule_forbade_it_does_not_come_into_force(company: Company) -> None:
    made = stock.submitted(company)
    journeys.decide_app(company, made)
    records = list(made.approvals.filter(stage=2).order_by("pk"))
    last = next(one for one in records if one.kind == "credential")
    for record in records:
        if record != last:
            journeys.finish(company, record, now=company.now)
    ruling.rule(on(company.erp), on(company.slack), mode="enforce")
    journeys.finish(company, last, now=company.now)
    made.refresh_from_db()
    assert made.state == SubmissionState.DECIDED
    with pytest.raises(Refused) as no:
        transitions.accept_subset(made, actor=as_actor(company.people.jonas), now=company.now)
    assert no.value.refusal.code == "S6"
    assert not Grant.objects.filter(automation=made.automation).exists()


def test_a_part_without_what_has_to_be_there_is_not_accepted(company: Company) -> None:
    made = stock.submitted(company)
    journeys.decide_app(company, made)
    ruling.rule(on(company.slack), without=on(company.erp), mode="enforce")
    for record in made.approvals.filter(stage=2).order_by("pk"):
        if record.privilege is not None and record.privilege.entitlement.resource == company.erp:
            journeys.reject(record, company.people.omar, now=company.now)
    for record in made.approvals.filter(stage=2, state=ApprovalState.OPEN, kind="credential"):
        journeys.finish(company, record, now=company.now)
    with pytest.raises(Refused) as no:
        journeys.finish(company, privilege_on(made, company.slack), now=company.now)
    assert no.value.refusal.code == "S6"
