"""Time that is over: no sweep need have run for a late word to count for nothing (A10, A14)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.decisions.transitions import decide
from approvals.models import Approval, Submission
from governance.core.duties.refusals import OutOfTurn
from governance.core.engine.transition import Transition
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.refusals import refused
from tests.people import as_actor
from tests.scenarios import Company


@pytest.mark.rule("A10")
@pytest.mark.parametrize("verb", [decide.approve, decide.reject, decide.ask_for_changes])
def test_decision_after_deadline_is_refused_before_sweep(
    company: Company, stage_2: Submission, verb: Transition[Approval]
) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    assert record.expires_at is not None
    owner = as_actor(company.people.omar)
    refusal = refused(verb, record, owner, "A10", now=record.expires_at, kind="state")
    assert "submit it again" in refusal.to_do
    refused(verb, record, owner, "A10", now=record.expires_at + timedelta(days=30), kind="state")
    just_in_time = record.expires_at - timedelta(seconds=1)
    assert verb.refusal(record, actor=owner, now=just_in_time) is None


@pytest.mark.rule("A14")
def test_answer_after_deadline_is_refused_before_sweep(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    decide.ask_for_changes(
        record,
        actor=as_actor(company.people.omar),
        now=company.now,
        reason="Which channel?",
        shown_digest=scenarios.shown(record),
    )
    assert record.builder_due_at is not None
    builder = as_actor(company.people.rita)
    with pytest.raises(OutOfTurn) as caught:
        decide.answer(record, actor=builder, now=record.builder_due_at + timedelta(days=40), reason="That one.")
    refusal = caught.value.refusal
    assert (refusal.code, refusal.kind) == ("A14", "state")
    assert "Submit the automation again" in refusal.to_do
    assert decide.answer.refusal(record, actor=builder, now=record.builder_due_at) == refusal
    assert decide.answer.refusal(record, actor=builder, now=record.builder_due_at - timedelta(seconds=1)) is None
