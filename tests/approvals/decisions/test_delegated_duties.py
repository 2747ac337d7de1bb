"""Who signs for a security reviewer is one, in the duty and in the database (A11, S5, S8)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, Retraction, Submission
from governance.core.access import access
from governance.core.duties.refusals import NotPermitted
from governance.core.models import Person
from governance.core.roles.roles import Role
from tests import scenarios
from tests.appointments import end_role, record_leaver
from tests.approvals import stock_report
from tests.approvals.proposals import policy_proposals
from tests.approvals.refusals import database_refuses, insert_decision, sql
from tests.people import as_actor, as_delegate, give_role
from tests.scenarios import Company


def lead_has_signed(company: Company) -> Approval:
    """The app of a high-risk submission, with the seat of a security reviewer open."""
    policy_proposals.security_signs_apps(company)
    app = scenarios.app_of(scenarios.submitted(company))
    scenarios.approve(app, company.people.theo, now=company.now)
    return app


def role_ends(company: Company, person: Person) -> None:
    end_role(person, Role.SECURITY_REVIEWER, now=company.now)


@pytest.mark.rule("A11", "S8")
def test_former_reviewer_signs_for_nobody(company: Company) -> None:
    n, later, app = company.people, company.now + timedelta(minutes=1), lead_has_signed(company)
    stand_in = as_delegate(n.viktor, giver=n.sana)
    role_ends(company, n.viktor)
    with pytest.raises(NotPermitted, match="You have no delegation from Sana Iqbal now") as error:
        decide.approve(app, actor=stand_in, now=later, reason="Fine.", shown_digest=scenarios.shown(app))
    assert error.value.refusal.code == "A11"
    app.refresh_from_db()
    assert app.state == ApprovalState.OPEN
    assert access.answers_as(as_actor(n.viktor), later) == (n.viktor.pk,)


@pytest.mark.rule("A11", "S8")
def test_delegate_without_role_does_not_sign_for_reviewer(company: Company) -> None:
    n, later, app = company.people, company.now + timedelta(minutes=1), lead_has_signed(company)
    stand_in = as_delegate(n.tom, giver=n.lena)
    give_role(n.lena, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl), now=company.now)
    for who in (n.sana, n.viktor):
        record_leaver(who, actor=as_actor(n.ines), now=company.now, reason="Left.")
    with pytest.raises(NotPermitted, match="You have no delegation from Lena Fischer now"):
        decide.approve(app, actor=stand_in, now=later, reason="Fine.", shown_digest=scenarios.shown(app))


@pytest.mark.rule("A11", "S5")
def test_the_database_takes_no_decision_for_another_without_a_delegation_and_the_same_duty(company: Company) -> None:
    n, app = company.people, lead_has_signed(company)
    seat = app.seats.get(label="security")
    with database_refuses("A11: a decision for person # needs a delegation and the"):
        insert_decision(app, n.viktor, for_person=n.sana, seat=seat, now=company.now)
    given = as_delegate(n.viktor, giver=n.sana)
    role_ends(company, n.viktor)
    with database_refuses("A11: a decision for person # needs a delegation and the"):
        insert_decision(app, n.viktor, for_person=n.sana, seat=seat, now=company.now + timedelta(minutes=1))
    with database_refuses("A11: a decision for person # needs a delegation and the"):
        insert_decision(app, n.viktor, for_person=n.sana, seat=seat, now=company.now - timedelta(minutes=1))
    give_role(n.viktor, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl), now=company.now)
    assert given.standing_for == n.sana
    insert_decision(app, n.viktor, for_person=n.sana, seat=seat, now=company.now + timedelta(minutes=1))
    assert app.decisions.filter(for_person=n.sana).count() == 1


@pytest.mark.rule("A8", "A11", "S5")
def test_delegate_without_role_does_not_undo_for_reviewer(company: Company, stage_2: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(stage_2, company.slack)
    stand_in = as_delegate(n.tom, giver=n.omar, days=1)
    decide.approve(record, actor=stand_in, now=company.now, reason="Fine.", shown_digest=scenarios.shown(record))
    with database_refuses("A11: a decision for person # needs a delegation and the"):
        sql(
            "INSERT INTO approvals_retraction (decision_id, person_id, for_person_id, at) VALUES (%s, %s, %s, %s)",
            record.decisions.get().pk,
            n.tom.pk,
            n.omar.pk,
            company.now + timedelta(days=2),
        )
    assert not Retraction.objects.exists()
