"""What a policy would have changed: judged under both, counted a slice at a time, said in words; and what it then does change (S8, T1)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals.models import Approval, Proposal, Submission, WhatIf
from approvals.models.policy import DEFAULT
from approvals.policies import queries as policy_queries
from approvals.proposals import impact_count
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.kinds import kind as kind_kind
from approvals.proposals.kinds import policy
from inventory.models import Automation
from inventory.risk import policy as risk_policy
from tests.approvals import stock_report
from tests.approvals.light_path import low_risk_report
from tests.approvals.proposals.policy_proposals import changed, in_force
from tests.people import as_actor
from tests.scenarios import Company
from tests.trigger_bypass import unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8")]


def impact_sentences(c: Company, **parts: Any) -> list[str]:
    """The dry run of a policy with some parts changed, counted in one slice."""
    before, after = policy_queries.shipped(), changed(**parts)
    proposal = Proposal(kind="policy", target=DEFAULT, before=before, document=after)
    what_if = WhatIf(proposal=proposal, since=c.now - timedelta(days=90), until=c.now)
    assert impact_count.count_next(what_if, 500) == what_if.submissions.count() == Submission.objects.count()
    return policy.PolicyKind().impact_sentences(what_if)


def test_impact_counts_missing_second_seats(company: Company, stock_submitted: Submission) -> None:
    standard = Approval.objects.filter(tier="standard", kind="privilege").exists()
    assert standard
    assert impact_sentences(company, **{"seats.privilege.standard": ["owner", "security"]}) == [
        "1 submission would have needed one approval more, from security."
    ]


def test_impact_counts_dropped_seats(company: Company, chaser_submitted: Submission) -> None:
    assert (
        "would have needed one approval less, from security."
        in impact_sentences(company, **{"seats.privilege.high": ["owner"]})[0]
    )


def test_impact_ignores_order_of_seats(company: Company, chaser_submitted: Submission) -> None:
    assert "1 submission would have had the same approvals in another order." in impact_sentences(
        company, **{"seats.privilege.high": ["security", "owner"]}
    )


def test_impact_counts_moved_tiers(company: Company, stock_submitted: Submission) -> None:
    assert stock_submitted.tier == "standard"
    sentences = impact_sentences(
        company, **{"tiers.high.data_classes": ["restricted", "confidential", "internal", "public"]}
    )
    assert "1 app would have been high instead of standard." in sentences
    assert any("would have needed one approval more" in sentence for sentence in sentences)
    assert any("would have been high instead of" in sentence and "approval" in sentence for sentence in sentences)


def test_a_tier_raised_since_hides_no_impact(company: Company, stock_submitted: Submission) -> None:
    with unguarded(Automation):
        Automation.objects.filter(pk=stock_submitted.automation_id).update(raised_to="high")
    sentences = impact_sentences(
        company, **{"tiers.high.data_classes": ["restricted", "confidential", "internal", "public"]}
    )
    assert "1 app would have been high instead of standard." in sentences


def test_terms_and_deadlines(company: Company, stock_submitted: Submission) -> None:
    sentences = impact_sentences(
        company, **{"longest_term.standard": 10, "longest_term.high": 10, "due_working_days.high": 1}
    )
    assert any("would have had a shorter term: 10 days" in sentence for sentence in sentences)


def test_impact_counts_lost_auto_approvals(company: Company, light_in_force: Submission) -> None:
    assert "1 submission would have been decided by people instead of auto-approved." in impact_sentences(
        company, **{"light_path.grants": 0}
    )


def test_uncounted_parts_are_named(company: Company, stock_submitted: Submission) -> None:
    assert impact_sentences(company, **{"signals.mutual": 2, "builder_working_days": 5}) == [
        "No submission would have been asked differently.",
        "Not counted, since submissions do not show it: "
        "A builder answers within; Mutual approvals of two people before a signal.",
    ]


def test_same_policy_has_no_impact(company: Company, chaser_submitted: Submission) -> None:
    assert impact_sentences(company) == ["No submission would have been asked differently."]


def test_counting_continues_in_slices(
    company: Company, stock_submitted: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the first slice, what was counted stays and the next run goes on behind it."""
    low_risk_report.submitted(company)
    monkeypatch.setattr(impact_count, "SLICE", 1)
    row = Proposal(kind="policy", target=DEFAULT)
    document = changed(**{"seats.privilege.standard": ["owner", "security"]})
    proposal = proposal_transitions.propose(
        row, actor=as_actor(company.people.ines), now=company.now, reason="Why.", document=document
    )
    what_if = WhatIf.objects.get(proposal=proposal)
    assert (what_if.total, what_if.done, what_if.finished_at) == (2, 0, None)
    assert impact_count.count_slice(what_if, company.now, 1) == 1
    what_if.refresh_from_db()
    assert (what_if.done, what_if.finished_at) == (1, None)
    assert impact_count.sweep(company.now)["left"] == 0
    what_if.refresh_from_db()
    assert (what_if.done, set(what_if.counts.values())) == (2, {1})
    assert impact_count.count_slice(what_if, company.now, 1) == 0


def test_an_amended_proposal_is_counted_anew_and_the_old_count_is_left(
    company: Company, stock_submitted: Submission
) -> None:
    n = company.people
    row = Proposal(kind="policy", target=DEFAULT)
    proposal = proposal_transitions.propose(
        row, actor=as_actor(n.ines), now=company.now, reason="Why.", document=changed(builder_working_days=5)
    )
    proposal_transitions.amend(
        proposal, actor=as_actor(n.ines), now=company.now, reason="Other.", document=changed(builder_working_days=4)
    )
    impact_count.sweep(company.now)
    assert [(row.round, row.done) for row in proposal.what_ifs.order_by("round")] == [(1, 0), (2, 1)]


@pytest.mark.rule("T1", "A1")
def test_impact_uses_policy_in_force_and_frozen_submissions(company: Company, stock_submitted: Submission) -> None:
    n = company.people
    classes = ["restricted", "confidential", "internal", "public"]
    stricter = changed(**{"tiers.high.data_classes": classes, "tiers.low.data_classes": []})
    version = in_force(n.ines, n.sana, stricter, now=company.now)
    stock_submitted.refresh_from_db()
    assert stock_submitted.tier == "standard"
    assert stock_submitted.policy.number == 1
    assert risk_policy.rules_at(company.now) == stricter["tiers"]
    newer = stock_report.submitted(company, stock_report.one_more_channel)
    assert (newer.tier, newer.policy) == ("high", version)
    assert {approval.seats.count() for approval in newer.approvals.filter(kind="privilege")} == {2}


def test_every_proposal_kind_describes_subject_and_countersigner() -> None:
    for kind in kind_kind._kinds.values():
        assert kind.title
        assert kind.proposers
        assert kind_kind.kind_of(kind.code) is kind
