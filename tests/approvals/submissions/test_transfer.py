"""An automation moves to another team: both leads agree, the new one decides stage 1, and what is held runs on for thirty days at most (L2)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from approvals.conflicts.check import access_in_force as conflicts_moved
from approvals.grants.transitions import lifecycle as transition_lifecycle
from approvals.models import Grant, SeatLabel, Submission, SubmissionState
from governance.core.duties.refusals import DutyConflict, InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent, Notice, Team
from inventory.automations.transitions import lifecycle, transfers
from inventory.models import Automation, Transfer
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.chains import described, in_force
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.refusals import database_refuses, sql
from tests.inventory.automations.test_register_pages import lines
from tests.inventory.imports.sample_imports import again
from tests.ledger_records import recorded
from tests.matrix.cast_and_states import inside
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point
from tests.trigger_bypass import moved as unguarded_move
from tests.trigger_bypass import unguarded

pytestmark = [pytest.mark.django_db, pytest.mark.rule("L2")]

MONTH = timedelta(days=30)


@pytest.fixture
def live(company: Company, stock_in_force: Submission) -> Automation:
    """The weekly stock report of Finance Operations, which Theo leads and Bram too."""
    return again(stock_in_force.automation)


def ask(c: Company, automation: Automation, *, team: Team | None = None, **more: object) -> Transfer:
    """Theo asks Marketing, which Grace leads."""
    arguments = {"actor": as_actor(c.people.theo), "now": c.now, "reason": "They use it.", **more}
    return transfers.request_transfer(automation, team=team or c.people.marketing, **arguments)  # type: ignore[arg-type, return-value]


def moved(c: Company, automation: Automation) -> Automation:
    """Grace agrees."""
    transfers.accept_transfer(ask(c, automation), actor=as_actor(c.people.grace), now=c.now, reason="We do.")
    return again(automation)


def held_in_both(c: Company) -> Automation:
    """One of Finance Operations that writes where one of Marketing reads; no rule forbids it."""
    there = in_force(c, described(c, "Reads", (c.slack, "read", "payments"))).automation
    mine = in_force(c, described(c, "Writes", (c.slack, "write", "in"))).automation
    unguarded_move(there.pk, team=c.people.marketing)
    return again(mine)


HELD_IN_BOTH = starting_point("plain", held_in_both)


def forbid(c: Company, mode: str) -> None:
    """From now on no team may both write and read there."""
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode=mode, scope="team")


# --- what is refused ---------------------------------------------------------------------------------------------------


def test_transfer_needs_another_building_team_with_lead(company: Company, live: Automation) -> None:
    n = company.people
    headless = Team.objects.create(name="Nobody's")
    for team, message in ((n.finance_ops, "already"), (headless, "has no lead"), (n.fallback, "builds nothing")):
        with pytest.raises(InvalidInput, match=message):
            ask(company, live, team=team)
    assert not Transfer.objects.exists()


def test_retired_automation_is_not_transferred(company: Company, live: Automation) -> None:
    lifecycle.retire(live, actor=as_actor(company.people.jonas), now=company.now, reason="Nobody reads it.")
    with pytest.raises(OutOfTurn, match="retired"):
        ask(company, again(live))


def test_automation_under_review_is_not_transferred(company: Company, live: Automation) -> None:
    made = ask(company, live)
    stock_report.submitted(company, stock_report.one_more_channel)
    with pytest.raises(OutOfTurn, match="under review"):
        transfers.accept_transfer(made, actor=as_actor(company.people.grace), now=company.now, reason="We do.")
    transfers.drop_transfer(made, actor=as_actor(company.people.theo), now=company.now, reason="Later.")
    with pytest.raises(OutOfTurn, match="under review"):
        ask(company, live)
    assert again(live).team == company.people.finance_ops


def test_lead_of_both_teams_neither_requests_nor_agrees(company: Company, live: Automation) -> None:
    n = company.people
    with unguarded(Team):  # as if two admins had appointed them
        Team.objects.filter(pk=n.supply.pk).update(lead=n.theo)
        Team.objects.filter(pk=n.marketing.pk).update(deputy_lead=n.bram)  # deputy lead of Finance Operations too
    with pytest.raises(InvalidInput, match="You lead Supply Engineering too"):
        ask(company, live, team=Team.objects.get(pk=n.supply.pk))
    made = ask(company, live)
    with pytest.raises(DutyConflict, match="You lead Finance Operations too"):
        transfers.accept_transfer(made, actor=as_actor(n.bram), now=company.now, reason="We do.")


def test_delegate_neither_requests_nor_agrees_to_transfer(company: Company, live: Automation) -> None:
    n = company.people
    with pytest.raises(DutyConflict, match="in person"):
        ask(company, live, actor=as_delegate(n.lena, giver=n.theo))
    made = ask(company, live)
    stand_in = as_delegate(n.mei, giver=n.grace)
    with pytest.raises(DutyConflict, match="in person"):
        transfers.accept_transfer(made, actor=stand_in, now=company.now, reason="We do.")


@pytest.mark.parametrize("who", ["jonas", "rita", "sana", "ines", "grace"])
def test_only_own_lead_requests_transfer(company: Company, live: Automation, who: str) -> None:
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        ask(company, live, actor=as_actor(getattr(company.people, who)))


@pytest.mark.parametrize("who", ["jonas", "sana", "ines", "theo"])
def test_only_other_lead_agrees_to_transfer(company: Company, live: Automation, who: str) -> None:
    made = ask(company, live)
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        transfers.accept_transfer(made, actor=as_actor(getattr(company.people, who)), now=company.now, reason="We do.")
    assert again(live).team == company.people.finance_ops


@pytest.mark.rule("L2", "S6")
@HELD_IN_BOTH
def test_transfer_into_enforced_conflict_is_refused(company: Company, start: Automation) -> None:
    c, n, mine = company, company.people, start
    forbid(c, "enforce")
    made = ask(c, mine)
    with pytest.raises(DutyConflict, match="In Marketing it would stand in a conflict") as error:
        transfers.accept_transfer(made, actor=as_actor(n.grace), now=c.now, reason="We do.")
    assert error.value.refusal.code == "S6"
    assert "What is read could be told to the wrong people." in error.value.refusal.sentence
    assert again(mine).team == n.finance_ops
    shown = lines(client_of(n.grace).get(reverse("transfer_accept", args=[made.pk])))
    assert "In Marketing it would stand in a conflict" in shown
    assert not mine.submissions.filter(state=SubmissionState.OPEN).exists()


@pytest.mark.rule("L2", "S6")
def test_transfer_restarting_conflict_is_refused(plain: Company) -> None:
    c = plain
    made = in_force(c, described(c, "Both", (c.slack, "write", "in"), (c.slack, "read", "out"))).automation
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode="enforce", scope="team")
    with pytest.raises(DutyConflict) as error:
        moved(c, again(made))
    assert error.value.refusal.code == "S6"


@pytest.mark.rule("L2", "S6")
@HELD_IN_BOTH
def test_transfer_is_refused_if_conflict_arises_after_request(
    company: Company, start: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    c, answers = company, iter([None])
    forbid(c, "enforce")
    made = ask(c, start)
    real = conflicts_moved.refusal
    monkeypatch.setattr(conflicts_moved, "refusal", lambda *arguments: next(answers, real(*arguments)))
    with pytest.raises(DutyConflict, match="In Marketing it would stand in a conflict"):
        transfers.accept_transfer(made, actor=as_actor(c.people.grace), now=c.now, reason="We do.")
    assert again(made.automation).team == c.people.finance_ops


@pytest.mark.rule("L2", "S6", "S7")
@HELD_IN_BOTH
def test_conflict_in_mode_approval_adds_security_after_transfer(company: Company, start: Automation) -> None:
    c = company
    forbid(c, "approval")
    automation = moved(c, start)
    app = scenarios.app_of(automation.submissions.get(state=SubmissionState.OPEN))
    assert [fact.partition(",")[0] for fact in app.facts["conflicts"]] == ["read-and-tell 1"]
    assert app.seats.filter(label=SeatLabel.CONFLICT).count() == 1
    assert automation.team == c.people.marketing


@pytest.mark.rule("L2", "S6", "S7")
@HELD_IN_BOTH
def test_recorded_conflict_does_not_block_transfer(company: Company, start: Automation) -> None:
    forbid(company, "record")
    assert moved(company, start).team == company.people.marketing


def test_one_team_at_a_time_is_asked(company: Company, live: Automation) -> None:
    ask(company, live)
    with pytest.raises(OutOfTurn, match="has asked Marketing already"):
        ask(company, live, team=company.people.supply)


def test_the_database_lets_a_team_be_changed_by_both_leads_alone_and_once(company: Company, live: Automation) -> None:
    n = company.people
    change = "UPDATE inventory_automation SET team_id = %s WHERE id = %s"
    with database_refuses("L2: an automation in use moves"):
        sql(change, n.marketing.pk, live.pk)
    made = ask(company, live)
    with database_refuses("L2: an automation in use moves"):
        sql(change, n.marketing.pk, live.pk)
    with database_refuses("transfer_answered_by_somebody"):
        sql("UPDATE inventory_transfer SET state = 'agreed' WHERE id = %s", made.pk)
    with database_refuses("transfer_by_two_people"):
        alone = "UPDATE inventory_transfer SET state = 'agreed', answered_by_id = asked_by_id, answered_at = now()"
        sql(f"{alone} WHERE id = %s", made.pk)
    transfers.accept_transfer(made, actor=as_actor(n.grace), now=company.now, reason="We do.")
    with database_refuses("L2: an automation in use moves"):
        sql(change, n.finance_ops.pk, live.pk)  # back again takes both leads again
    with database_refuses("L2: a transfer keeps its request"):
        sql("UPDATE inventory_transfer SET state = 'agreed' WHERE id = %s", made.pk)


# --- what happens ------------------------------------------------------------------------------------------------------


def test_grants_end_thirty_days_after_transfer(company: Company, live: Automation) -> None:
    first = Grant.objects.filter(automation=live).order_by("pk")[0]
    soon = company.now + timedelta(days=9)
    with inside(first, as_actor(company.people.sana), company.now):
        transition_lifecycle.cut_short(first, actor=as_actor(company.people.sana), now=company.now, ends_at=soon)
    moved(company, live)
    ends = set(Grant.objects.filter(automation=live).values_list("ends_at", flat=True))
    assert ends == {soon, company.now + MONTH}
    assert LedgerEvent.objects.filter(verb="grant.cut_short").count() == Grant.objects.filter(automation=live).count()


@pytest.mark.rule("A3", "S1", "S2")
def test_new_lead_decides_app_and_former_owners_are_barred(company: Company, live: Automation) -> None:
    n = company.people
    automation = moved(company, live)
    payload = recorded("transfer.moved", Transfer.objects.get(), by=n.grace)
    assert payload == {"team": n.marketing.pk, "from": "agreed", "to": "moved"}
    made = automation.submissions.get(state=SubmissionState.OPEN)
    app = scenarios.app_of(made)
    assert (automation.team, automation.approved_version, made.approvals.count()) == (
        n.marketing,
        live.approved_version,
        1,
    )
    assert app.reasons == ["It came to another team."]
    for who in (n.theo, n.jonas, n.rita):
        with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
            scenarios.approve(app, who, now=company.now, reason="Mine.")
    later = company.now + timedelta(days=1)
    scenarios.approve(app, n.grace, now=later, reason="Ours.")
    made.refresh_from_db()
    assert made.state == SubmissionState.IN_FORCE
    assert again(automation).moved_at is None
    assert set(Grant.objects.filter(automation=live).values_list("state", flat=True)) == {"active"}


@pytest.mark.rule("G2", "A12")
def test_renewal_waits_for_new_lead(company: Company, live: Automation) -> None:
    n = company.people
    automation = moved(company, live)
    grant = Grant.objects.filter(automation=automation).order_by("pk")[0]
    refusal = transition_lifecycle.succession_refusal(grant, company.now)
    assert refusal is not None
    assert refusal.code == "L2"
    made = automation.submissions.get(state=SubmissionState.OPEN)
    scenarios.reject(scenarios.app_of(made), n.grace, now=company.now, reason="Not as it is.")
    assert transition_lifecycle.succession_refusal(Grant.objects.get(pk=grant.pk), company.now) is not None
    assert again(automation).moved_at is not None


def test_owners_and_teams_are_notified_of_transfer(company: Company, live: Automation) -> None:
    n = company.people
    assert client_of(n.grace).get(live.href).status_code == 404
    ask(company, live)
    assert {notice.recipient for notice in Notice.objects.filter(event="transfer_asked")} == {n.grace}
    shown = lines(client_of(n.grace).get(live.href))
    assert "It is to move to Marketing." in shown
    path = reverse("transfer_accept", args=[Transfer.objects.get().pk])
    assert "instead of" in lines(client_of(n.grace).get(path))
    assert client_of(n.grace).post(path, {"reason": "We do."}).status_code == 302
    recipients = {notice.recipient for notice in Notice.objects.filter(event="transfer_accepted")}
    assert recipients == {n.jonas, n.rita, n.theo, n.bram}
    assert again(live).team == n.marketing


def test_transfer_page_shows_early_ends_before_button(company: Company, live: Automation) -> None:
    shown = lines(client_of(company.people.theo).get(reverse("automation_transfer", args=[live.pk])))
    assert "instead of" in shown
    assert "runs on for 30 days at most" in shown
