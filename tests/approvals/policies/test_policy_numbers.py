"""Numbers of the rules are the policy's: another policy, other numbers (S8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from approvals.grants import circuit_breaker
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.models import Conflict, Grant, HeldBatch, HeldGrant, PolicyVersion, RevocationTask, Submission, Waiver
from approvals.policies import queries as policy_queries
from approvals.tasks import sweep_conflicts_and_waivers
from governance.core.duties.refusals import DutyConflict, InvalidInput, Refused
from governance.core.models import LedgerEvent
from inventory.automations.transitions import lifecycle
from inventory.models import Automation
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.proposals.policy_proposals import changed, in_force
from tests.approvals.waivers.test_waivers import ask, grant
from tests.people import as_actor
from tests.recertification.grant_rows import low_grants
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8")]


def ruled(c: Company, **parts: Any) -> None:
    """A policy of two people with other numbers."""
    in_force(c.people.ines, c.people.sana, changed(**parts), now=c.now)


@pytest.fixture
def refused(plain: Company) -> Automation:
    """An automation with a version that an enforced rule does not let be submitted."""
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="enforce")
    return stock_report.version(plain).automation


@pytest.mark.rule("S7")
def test_a_waiver_lasts_as_long_as_policy_lets_it(plain: Company, refused: Automation) -> None:
    ruled(plain, waivers__days=20)
    with pytest.raises(InvalidInput) as error:
        ask(plain, refused, days=21)
    assert error.value.refusal.detail == (("days", "Between 1 and 20 days."),)
    assert ask(plain, refused, days=20).days == 20


@pytest.mark.rule("S7")
def test_current_policy_limits_term_of_older_request(plain: Company, refused: Automation) -> None:
    waiver = ask(plain, refused, days=90)
    ruled(plain, waivers__days=20)
    with pytest.raises(InvalidInput, match="at most 20 days"):
        grant(plain, waiver, plain.people.sana)
    waiver.refresh_from_db()
    assert grant(plain, waiver, plain.people.sana, days=20).ends_at == plain.now + timedelta(days=20)


@pytest.mark.rule("S7")
def test_a_waivers_page_offers_no_more_than_policy_allows(plain: Company, refused: Automation) -> None:
    waiver = ask(plain, refused, days=90)
    sana = client_of(plain.people.sana)
    assert sana.get(waiver.href).context["most"] == 90
    ruled(plain, waivers__days=10)
    assert sana.get(waiver.href).context["most"] == 10
    grant(plain, waiver, plain.people.sana, days=10)
    assert "Ask for one more" in offered(plain, waiver)
    ruled(plain, waivers={"days": 10, "in_a_row": 1})
    assert "Ask for one more" not in offered(plain, waiver)


def offered(c: Company, waiver: Waiver) -> str:
    """The waiver's page for Rita, who builds it."""
    return client_of(c.people.rita).get(waiver.href).content.decode()


@pytest.mark.rule("S7")
def test_none_follows_another_where_policy_lets_one_be_granted(plain: Company, refused: Automation) -> None:
    ruled(plain, waivers__in_a_row=1)
    grant(plain, ask(plain, refused), plain.people.sana)
    with pytest.raises(Refused, match="A waiver was granted here already"):
        ask(plain, refused, now=plain.now + timedelta(days=20))
    assert Waiver.objects.count() == 1


@pytest.mark.rule("S7", "S5", "H1")
def test_one_that_was_asked_for_before_that_is_not_granted_and_the_refusal_is_on_record(
    plain: Company, refused: Automation
) -> None:
    grant(plain, ask(plain, refused), plain.people.sana)
    at = plain.now + timedelta(days=20)
    second = ask(plain, refused, now=at)
    ruled(plain, waivers__in_a_row=1)
    with pytest.raises(DutyConflict, match="A waiver was granted here already"):
        grant(plain, second, plain.people.sana, now=at)
    assert LedgerEvent.objects.filter(verb="waiver.granted", outcome="refused", code="S7").count() == 1


@pytest.mark.rule("S6")
@pytest.mark.parametrize(("rating", "days"), [("high", 3), ("medium", 20), ("low", 25)])
def test_conflict_grace_period_follows_policy(
    plain: Company, stock_in_force: Submission, rating: str, days: int
) -> None:
    ruled(plain, conflicts={"low": 25, "medium": 20, "high": 3})
    conflict_rules.rule(on(plain.erp), on(plain.slack), mode="enforce", rating=rating)
    sweep_conflicts_and_waivers(plain.now)
    assert Conflict.objects.get().due_at == plain.now + timedelta(days=days)


def revoked(c: Company, number: int) -> int:
    """Revoke the newest so many live grants one by one as one person; return how many of them are held."""
    for held in Grant.objects.live(c.now).order_by("-pk")[:number]:
        transition_lifecycle.revoke(held, actor=as_actor(c.people.sana), now=c.now, reason="Not needed.")
    return HeldGrant.objects.count()


@pytest.mark.rule("G6")
@pytest.mark.parametrize(("share", "held"), [(18, 1), (19, 0)])
def test_mass_revocation_limit_follows_policy(
    company: Company, stock_in_force: Submission, monkeypatch: pytest.MonkeyPatch, share: int, held: int
) -> None:
    monkeypatch.setattr(circuit_breaker, "NEVER_HELD", 0)
    low_grants(stock_in_force, 12, begins_at=company.now)
    ruled(company, brake__share=share)
    assert Grant.objects.live(company.now).count() == 16
    assert revoked(company, 3) == held  # 18.75 percent


@pytest.mark.rule("G6")
@pytest.mark.parametrize(("number", "held"), [(11, 1), (12, 0)])
def test_the_brake_holds_as_many_as_policy_says(
    company: Company, stock_in_force: Submission, number: int, held: int
) -> None:
    low_grants(stock_in_force, 24, begins_at=company.now)
    ruled(company, brake={"share": 50, "grants": number, "hours": 4})
    assert revoked(company, 11) == held


@pytest.mark.rule("G6")
def test_pause_ends_after_hours_of_policy(company: Company, stock_in_force: Submission) -> None:
    low_grants(stock_in_force, 12, begins_at=company.now)
    ruled(company, brake__hours=9)
    automation = Automation.objects.get(pk=stock_in_force.automation_id)
    lifecycle.retire(automation, actor=as_actor(company.people.jonas), now=company.now, reason="Replaced.")
    assert HeldBatch.objects.get().answer_by == company.now + timedelta(hours=9)


@pytest.mark.rule("G4")
def test_removal_deadline_follows_policy(company: Company, stock_in_force: Submission) -> None:
    ruled(company, revocation_hours=8)
    held = Grant.objects.get(entitlement__resource=company.erp)
    transition_lifecycle.revoke(held, actor=as_actor(company.people.jonas), now=company.now, reason="Not needed.")
    task = RevocationTask.objects.get(grant=held)
    assert (task.due_at, task.escalate_at) == (company.now + timedelta(hours=8),) * 2


def test_older_policy_uses_shipped_numbers(company: Company) -> None:
    kept = PolicyVersion.objects.get(number=1)
    older = {name: part for name, part in kept.document.items() if name not in {"waivers", "brake", "events"}}
    policy, ships = policy_queries.Policy(kept, older), policy_queries.in_force(company.now)
    names = ("waiver_days", "waivers_in_a_row", "brake_share", "brake_grants", "brake_hours", "unused_days")
    assert [getattr(policy, name) for name in names] == [90, 2, 5, 50, 4, 60]
    assert [getattr(ships, name) for name in names] == [90, 2, 5, 50, 4, 60]
    assert set(policy_queries.with_shipped_parts(older)) == set(policy_queries.shipped())
