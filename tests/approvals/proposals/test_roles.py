"""Who is trusted with what: a role is given by two admins and accepted, ends by one for hours, and in no other way (S8, S9, A9)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from approvals.assignment.escalation_chain import Bench
from approvals.decisions.transitions import decide
from approvals.inbox.queries import approvals
from approvals.models import Approval, Proposal, ProposalState, SeatLabel, Submission
from approvals.proposals import transitions as proposal_transitions
from approvals.proposals.jobs import end_due
from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.duties.refusals import DutyConflict, NotPermitted, OutOfTurn, Refused
from governance.core.models import LedgerEvent, Notice, Person, RoleAssignment
from governance.core.people.transitions.people import end_role, give_role, give_role_back
from governance.core.roles.roles import Role
from tests import scenarios
from tests.appointments import end_role as ends
from tests.appointments import join_fallback, leave_fallback, name_leads, own, propose_role, record_leaver
from tests.ledger_records import recorded
from tests.people import NOW, Northwind, as_actor, as_delegate
from tests.people import give_role as give
from tests.scenarios import Company

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8")]

HOURS = timedelta(hours=72)


def answer(proposal: Proposal, by: Person, *, now: Any = NOW) -> Proposal:
    return proposal_transitions.approve(proposal, actor=as_actor(by), now=now, shown_digest=proposal.digest)


def at_once(person: Person, role: Role, by: Person) -> Proposal:
    """One admin ends a role, and no other has countersigned it."""
    row, document = Proposal(kind="role", target=f"{person.pk}-{role}"), {"held": False}
    return proposal_transitions.propose(
        row, actor=as_actor(by), now=NOW, reason="Why.", document=document, at_once=True
    )


def raw(sql: str, *values: Any) -> None:
    """Run SQL as somebody would who goes past the program."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["rita", "viktor", "yuki", "theo"])
def test_only_admin_proposes_role(northwind: Northwind, who: str) -> None:
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        propose_role(northwind.tom, Role.BUILDER, by=getattr(northwind, who), now=NOW)


def test_roles_change_only_by_proposal(northwind: Northwind) -> None:
    n, held = northwind, RoleAssignment.objects.get(person=northwind.rita, role=Role.BUILDER)
    signed = {"proposed_by": n.ines, "proposed_at": NOW, "confirmed_by": n.karl}
    tries: tuple[tuple[Any, Any, dict[str, Any]], ...] = (
        (give_role, n.omar, {"role": Role.ADMIN, **signed}),
        (give_role_back, n.omar, {"ended": held}),
        (end_role, held, {}),
    )
    for actor in (as_actor(n.ines), Actor.of_job("shell")):
        for verb, subject, arguments in tries:
            with pytest.raises(NotPermitted) as error:
                verb(subject, actor=actor, now=NOW, **arguments)
            assert error.value.refusal.code == "INTERNAL"


@pytest.mark.rule("A11")
def test_standing_in_for_an_admin_gives_no_second_signature(northwind: Northwind) -> None:
    n, proposal = northwind, propose_role(northwind.omar, Role.BUILDER, by=northwind.ines, now=NOW)
    stand_in = as_delegate(n.karl, giver=n.ines)
    for actor, why in (
        (stand_in, "SOD-8: A proposal is made"),
        (as_actor(n.karl), "A11: You share a delegation with its author"),
    ):
        with pytest.raises(DutyConflict, match=f"^{why}"):
            proposal_transitions.approve(proposal, actor=actor, now=NOW, shown_digest=proposal.digest)
    row = Proposal(kind="role", target=f"{n.tom.pk}-admin")
    with pytest.raises(DutyConflict, match=r"^SOD-8: A proposal is made and answered in"):
        proposal_transitions.propose(row, actor=stand_in, now=NOW, reason="Why.", document={"held": True})


def test_role_counts_after_acceptance_only(northwind: Northwind) -> None:
    n, proposal = northwind, propose_role(northwind.omar, Role.ADMIN, by=northwind.ines, now=NOW)
    answer(proposal, n.karl)
    assert access.roles_of(n.omar, NOW) == {Role.EMPLOYEE}
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        propose_role(n.tom, Role.ADMIN, by=n.omar, now=NOW)
    with pytest.raises(OutOfTurn, match=r"^S8: Another proposal about the same is under"):
        propose_role(n.omar, Role.ADMIN, by=n.karl, now=NOW)
    later = NOW + timedelta(hours=1)
    proposal_transitions.accept(proposal, actor=as_actor(n.omar), now=later)
    assert access.roles_of(n.omar, NOW) == {Role.EMPLOYEE}
    assert Role.ADMIN in access.roles_of(n.omar, later)


def test_leaver_gets_no_role(northwind: Northwind) -> None:
    n, proposal = northwind, propose_role(northwind.omar, Role.BUILDER, by=northwind.ines, now=NOW)
    record_leaver(n.omar, actor=as_actor(n.ines), now=NOW, reason="New job")
    with pytest.raises(Refused, match=r"^S8: Omar Haddad has left\."):
        answer(proposal, n.karl)
    with pytest.raises(Refused, match=r"^S8: Omar Haddad has left\."):
        propose_role(n.omar, Role.AUDITOR, by=n.ines, now=NOW)


@pytest.mark.rule("S9")
def test_last_two_admins_keep_their_role(northwind: Northwind) -> None:
    n = northwind
    with pytest.raises(OutOfTurn) as error:
        at_once(n.karl, Role.ADMIN, n.ines)
    assert error.value.refusal.code == "S9"
    give(n.omar, Role.ADMIN, admins=(n.ines, n.karl))
    at_once(n.karl, Role.ADMIN, n.ines)
    assert access.roles_of(n.karl, NOW) == {Role.EMPLOYEE}
    with pytest.raises(OutOfTurn, match=r"^S9: Only"):
        at_once(n.omar, Role.ADMIN, n.ines)


# --- given and ended ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("H1")
def test_ledger_and_holder_record_role_changes(northwind: Northwind) -> None:
    n = northwind
    held = give(n.omar, Role.AUDITOR, admins=(n.ines, n.karl))
    later = NOW + timedelta(hours=1)
    ends(n.omar, Role.AUDITOR, now=later)
    assert Role.AUDITOR in access.roles_of(n.omar, later - timedelta(seconds=1))
    assert Role.AUDITOR not in access.roles_of(n.omar, later)
    rows = held.history.order_by("history_id")
    assert [(row.history_user, row.history_date) for row in rows] == [(n.omar, NOW), (n.karl, later)]
    events = LedgerEvent.objects.filter(subject_type="controls.roleassignment", subject_id=str(held.pk), outcome="done")
    assert [event.verb for event in events.order_by("id")] == ["role.given", "role.ended"]
    notice = Notice.objects.get(recipient=n.omar, event="role_ended")
    assert (notice.context["role"], notice.context["by"]) == ("Auditor", "Karl Jensen")


def test_role_ended_by_one_admin_returns_without_countersignature(northwind: Northwind) -> None:
    n = northwind
    proposal = at_once(n.rita, Role.BUILDER, n.ines)
    assert proposal.state == ProposalState.AT_ONCE
    assert Role.BUILDER not in access.roles_of(n.rita, NOW)
    with pytest.raises(DutyConflict, match=r"^SOD-8: You proposed this; a second person countersigns"):
        answer(proposal, n.ines)
    job = Actor.of_job("approvals.sweep")
    end_due.lapse(proposal, actor=job, now=NOW + HOURS)
    assert Role.BUILDER not in access.roles_of(n.rita, NOW + HOURS - timedelta(seconds=1))
    back = RoleAssignment.objects.get(person=n.rita, role=Role.BUILDER, until=None)
    assert recorded("role.given_back", back, by=job)["person"] == str(n.rita.opaque_id)
    assert (back.confirmed_at, back.restores.until) == (NOW + HOURS, NOW)
    assert Role.BUILDER in access.roles_of(n.rita, NOW + HOURS)


@pytest.mark.rule("S8")
def test_lapsed_immediate_ending_does_not_repeat(northwind: Northwind) -> None:
    proposal, lapses = at_once(northwind.rita, Role.BUILDER, northwind.ines), NOW + timedelta(hours=72)
    end_due.lapse(Proposal.objects.get(pk=proposal.pk), actor=Actor.of_job("approvals.proposals"), now=lapses)
    row, document = Proposal(kind="role", target=proposal.target), {"held": False}
    arguments = {"actor": as_actor(northwind.karl), "now": lapses, "reason": "Still.", "document": document}
    with pytest.raises(DutyConflict, match="nobody countersigned it"):
        proposal_transitions.propose(row, **arguments, at_once=True)
    assert proposal_transitions.propose(row, **arguments).state == ProposalState.OPEN


def test_rejected_it_is_back_at_once_and_countersigned_it_stays_ended(northwind: Northwind) -> None:
    n = northwind
    proposal = at_once(n.rita, Role.BUILDER, n.ines)
    proposal_transitions.reject(proposal, actor=as_actor(n.karl), now=NOW, reason="She does nothing wrong.")
    assert Role.BUILDER in access.roles_of(n.rita, NOW)
    answer(at_once(n.tom, Role.BUILDER, n.ines), n.karl)
    assert Role.BUILDER not in access.roles_of(n.tom, NOW + 2 * HOURS)


def test_leaver_gets_no_role_back(northwind: Northwind) -> None:
    n = northwind
    proposal = at_once(n.rita, Role.BUILDER, n.ines)
    record_leaver(n.rita, actor=as_actor(n.ines), now=NOW, reason="Left.")
    end_due.lapse(proposal, actor=Actor.of_job("approvals.sweep"), now=NOW + HOURS)
    assert proposal.state == ProposalState.LAPSED
    assert not RoleAssignment.objects.filter(person=n.rita, until=None).exists()


# --- A9: who was appointed after a submission opened ----------------------------------------------------------------------


def decides(record: Approval, person: Person, now: Any) -> bool:
    """Whether somebody may decide a record now, as the page and the write ask it."""
    fresh = Approval.objects.get(pk=record.pk)
    return decide.approve.refusal(fresh, actor=as_actor(person), now=now) is None


def of_high_risk(submission: Submission) -> Approval:
    """A privilege that a security reviewer signs (T3)."""
    return submission.approvals.filter(seats__label=SeatLabel.SECURITY).order_by("pk")[0]


@pytest.mark.rule("A9", "A1")
def test_later_reviewer_decides_only_if_earlier_ones_cannot(company: Company, chaser_in_stage_2: Submission) -> None:
    n, later = company.people, company.now + timedelta(minutes=1)
    record = of_high_risk(chaser_in_stage_2)
    give(n.tom, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl), now=later)
    assert not decides(record, n.tom, later)
    assert approvals.to_decide(as_actor(n.tom), later) == []
    ends(n.viktor, Role.SECURITY_REVIEWER, now=later)
    assert not decides(record, n.tom, later)
    ends(n.sana, Role.SECURITY_REVIEWER, now=later)
    assert decides(record, n.tom, later)


@pytest.mark.rule("A9")
def test_restored_reviewer_counts_as_earlier_one(company: Company, chaser_in_stage_2: Submission) -> None:
    n, later = company.people, company.now + timedelta(minutes=1)
    row = Proposal(kind="role", target=f"{n.sana.pk}-{Role.SECURITY_REVIEWER}")
    arguments = {"reason": "Why.", "document": {"held": False}, "at_once": True}
    proposal = proposal_transitions.propose(row, actor=as_actor(n.ines), now=later, **arguments)
    assert not decides(of_high_risk(chaser_in_stage_2), n.sana, later)
    proposal_transitions.reject(proposal, actor=as_actor(n.karl), now=later, reason="She is needed.")
    assert decides(of_high_risk(chaser_in_stage_2), n.sana, later)


@pytest.mark.rule("A9")
@pytest.mark.parametrize("rounds", [2, 3])
def test_however_often_it_ended_and_came_back_they_were_there_all_the_time(
    company: Company, chaser_in_stage_2: Submission, rounds: int
) -> None:
    """As many queries as for one who never lost it."""
    n, record = company.people, of_high_risk(chaser_in_stage_2)
    with CaptureQueriesContext(connection) as before:
        first = Bench.load(company.now)
    for number in range(1, rounds + 1):
        later = company.now + timedelta(hours=number)
        row = Proposal(kind="role", target=f"{n.sana.pk}-{Role.SECURITY_REVIEWER}")
        arguments = {"now": later, "reason": "Why.", "document": {"held": False}}
        proposal = proposal_transitions.propose(row, actor=as_actor(n.ines), at_once=True, **arguments)
        proposal_transitions.reject(proposal, actor=as_actor(n.karl), now=later, reason="She is needed.")
        assert decides(record, n.sana, later)
        other = Proposal(kind="role", target=proposal.target)  # what a second person rejected makes room for the next
        proposal_transitions.propose(other, actor=as_actor(n.ines), **arguments)
        proposal_transitions.reject(other, actor=as_actor(n.karl), now=later, reason="She is needed.")
    held = RoleAssignment.objects.filter(person=n.sana, role=Role.SECURITY_REVIEWER)
    assert held.count() == rounds + 1
    with CaptureQueriesContext(connection) as after:
        bench = Bench.load(later)
    assert bench.security_since[n.sana.pk] == first.security_since[n.sana.pk]
    assert len(after) == len(before)


def test_withdrawn_immediate_ending_blocks_repetition(northwind: Northwind) -> None:
    n, proposal = northwind, at_once(northwind.rita, Role.BUILDER, northwind.ines)
    proposal_transitions.reject(proposal, actor=as_actor(n.karl), now=NOW, reason="She does nothing wrong.")
    row, arguments = (
        Proposal(kind="role", target=proposal.target),
        {"now": NOW, "reason": "Why.", "document": {"held": False}},
    )
    proposal_transitions.propose(row, actor=as_actor(n.ines), **arguments)
    proposal_transitions.withdraw(row, actor=as_actor(n.ines), now=NOW)
    with pytest.raises(DutyConflict, match="one person does not go on with that alone"):
        at_once(n.rita, Role.BUILDER, n.ines)


@pytest.mark.parametrize("other", ["viktor", "sana"])
def test_database_refuses_backdated_role(northwind: Northwind, other: str) -> None:
    """What comes back names the first that ended, of the same person: not somebody else's, nor one in between."""
    n = northwind
    row = Proposal(kind="role", target=f"{n.sana.pk}-{Role.SECURITY_REVIEWER}")
    arguments = {"reason": "Why.", "document": {"held": False}, "at_once": True}
    proposal = proposal_transitions.propose(row, actor=as_actor(n.ines), now=NOW, **arguments)
    proposal_transitions.reject(proposal, actor=as_actor(n.karl), now=NOW, reason="She is needed.")
    held = RoleAssignment.objects.filter(person=getattr(n, other), role=Role.SECURITY_REVIEWER, until=None).get()
    with pytest.raises(IntegrityError, match="brings back no role"):
        raw(RESTORING, n.sana.pk, held.pk, NOW, NOW)


RESTORING = (
    "INSERT INTO controls_roleassignment (person_id, role, restores_id, proposed_at, confirmed_at, by_bootstrap)"
    " VALUES (%s, 'security_reviewer', %s, %s, %s, false)"
)


@pytest.mark.rule("A9", "A1")
def test_later_lead_stands_behind_deputy(company: Company, stock_submitted: Submission) -> None:
    n, later = company.people, company.now + timedelta(minutes=1)
    app = scenarios.app_of(stock_submitted)
    team = stock_submitted.automation.team
    before = team.deputy_lead
    name_leads(team, now=later, lead=n.grace, deputy_lead=before)
    assert not decides(app, n.grace, later)
    if before is not None:
        assert decides(app, before, later)
        record_leaver(before, actor=as_actor(n.ines), now=later, reason="Left.")
    assert decides(app, n.grace, later)


@pytest.mark.rule("A9", "A1")
def test_later_owner_stands_behind_deputy(company: Company, stage_2: Submission) -> None:
    c, n, later = company, company.people, company.now + timedelta(minutes=1)
    record = stage_2.approvals.filter(privilege__entitlement__resource=c.slack).first()
    assert record is not None
    deputy = c.slack.deputy
    own(c.slack, n.tom, deputy, now=later)
    assert not decides(record, n.tom, later)
    assert decides(record, deputy, later)
    record_leaver(deputy, actor=as_actor(n.ines), now=later, reason="Left.")
    assert decides(record, n.tom, later)


@pytest.mark.rule("A9", "A1")
def test_later_fallback_owner_stands_behind_earlier_ones(company: Company, stock_submitted: Submission) -> None:
    n, later = company.people, company.now + timedelta(minutes=1)
    app, team = scenarios.app_of(stock_submitted), stock_submitted.automation.team
    join_fallback(n.fallback, n.grace, now=later)
    for person in (team.lead, team.deputy_lead):
        if person is not None:
            record_leaver(person, actor=as_actor(n.ines), now=later, reason="Left.")
    assert not decides(app, n.grace, later)
    for person in (n.amara, n.bram):
        if person.memberships.filter(team=n.fallback).exists():
            leave_fallback(n.fallback, person, now=later)
    assert decides(app, n.grace, later)


# --- the database by itself ---------------------------------------------------------------------------------------------


INSERT = (
    "INSERT INTO controls_roleassignment (person_id, role, proposed_by_id, confirmed_by_id, restores_id, proposed_at, confirmed_at, by_bootstrap)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, false)"
)


@pytest.mark.rule("S9")
@pytest.mark.parametrize(
    ("role", "by", "second"),
    [("admin", "ines", "karl"), ("admin", "ines", None), ("admin", "omar", "karl"), ("emperor", "ines", "karl")],
)
def test_database_refuses_unproposed_role(northwind: Northwind, role: str, by: str, second: str | None) -> None:
    first, other = getattr(northwind, by).pk, getattr(northwind, second).pk if second else None
    with pytest.raises(IntegrityError, match=r"role_|S8"):
        raw(INSERT, northwind.omar.pk, role, first, other, None, NOW, NOW)


def test_database_refuses_unaccepted_role(northwind: Northwind) -> None:
    n = northwind
    answer(propose_role(n.omar, Role.ADMIN, by=n.ines, now=NOW), n.karl)
    with pytest.raises(IntegrityError, match="S8: a role comes of a proposal"):
        raw(INSERT, n.omar.pk, "admin", n.ines.pk, n.karl.pk, None, NOW, NOW)


@pytest.mark.parametrize(
    "change",
    ["until = now()", "role = 'admin'", "person_id = person_id + 1", "confirmed_at = confirmed_at - interval '1 day'"],
)
def test_database_refuses_ended_or_rewritten_role(northwind: Northwind, change: str) -> None:
    held = RoleAssignment.objects.get(person=northwind.rita, role=Role.BUILDER)
    with pytest.raises(IntegrityError, match="S8"):
        raw(f"UPDATE controls_roleassignment SET {change} WHERE id = %s", held.pk)


def test_database_refuses_restored_role(northwind: Northwind) -> None:
    n = northwind
    ended = ends(n.rita, Role.BUILDER, now=NOW)
    with pytest.raises(IntegrityError, match="S8: this brings back no role"):
        raw(INSERT, n.rita.pk, "builder", None, None, ended.pk, NOW, NOW)
    with pytest.raises(IntegrityError, match="S8: who holds a role"):
        raw("UPDATE controls_roleassignment SET until = NULL WHERE id = %s", ended.pk)
