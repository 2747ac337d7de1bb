"""Approvals that need their own page: no decision of a bulk decision reaches them, however it is sent (A7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from approvals.decisions.transitions import comment, decide
from approvals.models import Approval, ApprovalState
from approvals.submissions.transitions import withdraw
from governance.core.duties.refusals import InvalidInput
from governance.core.models import LedgerEvent
from inventory.models import Binding
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.duplicates import test_duplicates
from tests.people import as_actor
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]


def asked_again(c: Company) -> Approval:
    """One for Omar whose like was withdrawn before."""
    first = submitted_script(c, "Alpha", 1)
    scenarios.decide_app(c, first)
    withdraw.withdraw(first, actor=as_actor(c.people.rita), now=c.now, reason="Not yet.")
    again = scenarios.submitted(c, first.version)
    scenarios.decide_app(c, again)
    return again.approvals.get(stage=2)


def objected_to(c: Company) -> Approval:
    """One for Omar to which somebody objected before it opened."""
    made = submitted_script(c, "Alpha", 1)
    record = made.approvals.get(stage=2)
    comment.object_to(record, actor=as_actor(c.people.omar), now=c.now, reason="Not these rows.")
    scenarios.decide_app(c, made)
    return record


def in_a_conflict(c: Company) -> Approval:
    """One for Omar that an extra approval is to sign as well."""
    conflict_rules.no_other_rules(c.now)
    conflict_rules.rule(on(c.erp), on(c.slack), mode="approval")
    return stock_report.privilege_on(stock_report.in_stage_2(c), c.slack)


def alike(c: Company) -> Approval:
    """An app for Theo that may be the same as another."""
    test_duplicates.of_four(c)
    edit = test_duplicates.from_elsewhere("again", test_duplicates.more_channels(2))
    return scenarios.app_of(stock_report.submitted(c, edit))


def with_unconfirmed_connection(c: Company) -> Approval:
    """One for Omar that rests on a connection which nobody has confirmed."""
    made = stock_report.in_stage_2(c)
    Binding.objects.filter(resource=c.slack).update(confirmed_by=None, confirmed_at=None, known_since=None)
    return stock_report.privilege_on(made, c.slack)


#: Why it needs its own page, by the walk to such an approval. `test_batch_decisions` has high risk.
REASONS: dict[Callable[[Company], Approval], str] = {
    asked_again: "rejected or withdrawn before",
    objected_to: "somebody objected",
    in_a_conflict: "part of a conflict",
    alike: "may be the same as another",
    with_unconfirmed_connection: "its connection is to be confirmed",
}


@pytest.mark.rule("A7")
@pytest.mark.parametrize(
    "reason", [pytest.param(words, marks=starting_point("company", walk)) for walk, words in REASONS.items()]
)
def test_approval_with_more_to_read_is_refused_in_a_batch(company: Company, start: Approval, reason: str) -> None:
    record, n = Approval.objects.get(pk=start.pk), company.people
    assert record.tier != "high"
    actor = as_actor(n.theo if record.stage == 1 else n.omar)
    decision: dict[str, Any] = {"actor": actor, "now": company.now, "reason": "As the others."}
    decision["shown_digest"] = scenarios.shown(record)
    for verb in (decide.approve, decide.reject):
        with pytest.raises(InvalidInput) as caught:
            verb(record, **decision, batch=uuid4())
        refusal = caught.value.refusal
        assert (refusal.code, refusal.to_do) == ("A7", "Decide it alone on its review.")
        assert reason in refusal.sentence
        event = LedgerEvent.objects.latest("pk")
        assert (event.verb, event.outcome, event.code) == (verb.event, "refused", "A7")
    assert Approval.objects.get(pk=record.pk).state == ApprovalState.OPEN
    assert not record.decisions.exists()
    decide.reject(record, **decision)
    assert record.decisions.get().batch is None
