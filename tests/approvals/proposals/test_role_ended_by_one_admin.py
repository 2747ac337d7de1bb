"""One admin ends a reviewer's role at once: they decide nothing by it, and nobody in their place, until a second admin says so too (S8, A9)."""

from __future__ import annotations

import pytest

from approvals.assignment.context import load_context
from approvals.decisions.transitions import decide
from approvals.light_path import rules as light_path_rules
from approvals.models import Approval, Proposal, Seat, SeatLabel, Submission
from approvals.proposals import transitions as proposal_transitions
from governance.core.duties.refusals import DutyConflict
from governance.core.models import Person
from governance.core.roles.roles import Role
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.light_path.spot_checks import changed, sealed
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S8", "A9")]


def roles_ended(c: Company, *people: Person) -> list[Proposal]:
    """Ines alone ends the role of each."""
    made = []
    for who in people:
        row, document = Proposal(kind="role", target=f"{who.pk}-{Role.SECURITY_REVIEWER}"), {"held": False}
        proposal_transitions.propose(
            row, actor=as_actor(c.people.ines), now=c.now, reason="Why.", document=document, at_once=True
        )
        made.append(Proposal.objects.get(pk=row.pk))
    return made


def in_conflict(c: Company) -> Approval:
    """A record whose owner has said yes, and that lacks the signature that a conflict takes."""
    conflict_rules.rule(on(c.erp), on(c.slack), mode="approval")
    made = stock_report.submitted(c)
    scenarios.decide_app(c, made)
    record = Approval.objects.get(pk=stock_report.privilege_on(made, c.erp).pk)
    scenarios.approve(record, c.people.omar, now=c.now)
    return record


IN_CONFLICT = starting_point("plain", in_conflict)


def who_may(c: Company, record: Approval) -> set[str]:
    """Who of reviewers and fallback owners may approve it now."""
    n = c.people
    approval = Approval.objects.get(pk=record.pk)
    everybody = (n.sana, n.viktor, n.amara, n.bram)
    return {
        person.name
        for person in everybody
        if decide.approve.refusal(approval, actor=as_actor(person), now=c.now) is None
    }


@pytest.mark.rule("S6")
@IN_CONFLICT
def test_fallback_owner_does_not_replace_reviewers_ended_by_one_admin(company: Company, start: Approval) -> None:
    c, n, record = company, company.people, start
    before = who_may(c, record)
    proposal, other = roles_ended(c, n.sana, n.viktor)
    assert before
    assert who_may(c, record) == set()
    with pytest.raises(DutyConflict, match=r"^A9: Others on the escalation chain decide this first"):
        scenarios.approve(Approval.objects.get(pk=record.pk), n.amara, now=c.now, reason="As a friend.")
    with pytest.raises(DutyConflict, match="One admin ended the role") as error:
        scenarios.approve(Approval.objects.get(pk=record.pk), n.sana, now=c.now, reason="As before.")
    assert error.value.refusal.code == "A9"
    proposal_transitions.reject(proposal, actor=as_actor(n.karl), now=c.now, reason="She is one.")
    assert who_may(c, record) == before & {n.sana.name}
    proposal_transitions.approve(other, actor=as_actor(n.karl), now=c.now, shown_digest=other.digest)
    assert who_may(c, record) == before & {n.sana.name}


@pytest.mark.rule("S6")
@IN_CONFLICT
def test_next_approver_signs_after_second_admin_confirms(company: Company, start: Approval) -> None:
    c, n, record = company, company.people, start
    for proposal in roles_ended(c, n.sana, n.viktor):
        proposal_transitions.approve(proposal, actor=as_actor(n.karl), now=c.now, shown_digest=proposal.digest)
    assert who_may(c, record) == {n.amara.name, n.bram.name}


def test_other_reviewer_decides_security_seat(company: Company, chaser: Submission) -> None:
    c, n = company, company.people
    seat = Seat.objects.filter(approval__submission=chaser, approval__stage=2, label=SeatLabel.SECURITY)[0]
    assert who_may(c, seat.approval) == {n.sana.name, n.viktor.name}
    (proposal,) = roles_ended(c, n.sana)
    assert who_may(c, seat.approval) == {n.viktor.name}
    proposal_transitions.reject(proposal, actor=as_actor(n.karl), now=c.now, reason="She is one.")
    assert who_may(c, seat.approval) == {n.sana.name, n.viktor.name}


@pytest.mark.rule("A12")
def test_fallback_owner_does_no_spot_check_for_ended_reviewers(company: Company, stock_in_force: Submission) -> None:
    c, n = company, company.people
    sample = changed(c)
    assert set(light_path_rules.reviewers_of(sample, load_context(sample, c.now))) <= {n.sana, n.viktor}
    roles_ended(c, n.sana, n.viktor)
    assert light_path_rules.reviewers_of(sample, load_context(sample, c.now)) == []
    with sealed():
        for who in (n.sana, n.amara):
            assert (
                light_path_rules.turn_to_look.refusal(sample, as_actor(who), c.now, load_context(sample, c.now))
                is not None
            )
