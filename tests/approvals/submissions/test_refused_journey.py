"""The journey's refused twin: everybody who must not approve a privilege tries to, in a capacity that would let them.

Each refusal is raised, recorded and on the timeline (S5), and nothing is decided. That the database refuses the same by
itself stands in `test_triggers`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from approvals.decisions.transitions import decide
from approvals.models import Approval, ApprovalState, SeatLabel, Submission
from governance.core.actors.actor import Actor
from governance.core.models import Person
from governance.core.people.transitions.delegations import end_delegation
from governance.core.roles.roles import ASSIGNABLE, Role
from tests import scenarios
from tests.appointments import end_role, record_leaver
from tests.approvals import stock_report
from tests.approvals.proposals import policy_proposals
from tests.approvals.refusals import refused
from tests.people import as_actor, as_delegate, give_role, joins, make_person
from tests.scenarios import Company
from tests.starting_points import starting_point

VERBS = (decide.approve, decide.reject, decide.ask_for_changes)


@dataclass
class Case:
    """A submission with stage 2 open, and somebody who answers for Slack and may not decide on it."""

    submission: Submission
    person: Person
    code: str

    def record(self, c: Company) -> Approval:
        """The record on which the person would have the capacity."""
        return stock_report.privilege_on(self.submission, c.slack)


def submitter(c: Company) -> Case:
    stock_report.hand_over(c, c.slack, c.people.rita, c.people.amara)
    return Case(stock_report.in_stage_2(c, technical_owner=None), c.people.rita, "SOD-3")


def importer(c: Company) -> Case:
    stock_report.hand_over(c, c.slack, c.people.bram, c.people.amara)
    version = scenarios.brought_in(
        c, stock_report.EXPORT, content=stock_report.source(), by=c.people.bram, technical_owner=None
    )
    made = scenarios.submitted(c, version, by=c.people.rita)
    scenarios.approve(scenarios.app_of(made), c.people.theo, now=c.now)
    return Case(made, c.people.bram, "SOD-3")


def business_owner(c: Company) -> Case:
    """Stands on stage 2."""
    stock_report.hand_over(c, c.slack, c.people.jonas, c.people.amara)
    return Case(stock_report.newest(c), c.people.jonas, "SOD-3")


def technical_owner(c: Company) -> Case:
    stock_report.hand_over(c, c.slack, c.people.piet, c.people.amara)
    return Case(
        stock_report.in_stage_2(c, technical_owner=joins(c.people.piet, c.people.finance_ops)), c.people.piet, "SOD-3"
    )


def stage_1_approver(c: Company) -> Case:
    """Stands on stage 2."""
    stock_report.hand_over(c, c.slack, c.people.theo, c.people.amara)
    return Case(stock_report.newest(c), c.people.theo, "SOD-2")


def approver_of_an_earlier_version(c: Company) -> Case:
    """Stands on the stock report in force."""
    stock_report.hand_over(c, c.slack, c.people.theo, c.people.amara)
    newer = stock_report.submitted(c, stock_report.one_more_channel)
    assert not newer.approvals.filter(stage=1).exists(), "the app approval of the first version is still in force"
    return Case(newer, c.people.theo, "SOD-2")


CASES = {
    submitter: "company",
    importer: "company",
    business_owner: "stock_in_stage_2",
    technical_owner: "company",
    stage_1_approver: "stock_in_stage_2",
    approver_of_an_earlier_version: "stock_in_force",
}


@pytest.mark.rule("S1", "S2", "S3", "S5", "A2", "A11")
@pytest.mark.parametrize(
    "who",
    [pytest.param(case.__name__, marks=starting_point(below, case)) for case, below in CASES.items()],
)
def test_conflict_bars_owner_and_delegate(company: Company, start: Case, who: str) -> None:
    case, amara = start, company.people.amara
    for verb in VERBS:
        refusal = refused(verb, case.record(company), as_actor(case.person), case.code, now=company.now)
        assert "Amara" in refusal.to_do, f"says who decides instead of the {who}"
    delegate = as_delegate(company.people.tom, giver=case.person)
    refusal = refused(decide.approve, case.record(company), delegate, case.code, now=company.now)
    assert case.person.name in refusal.sentence
    may(case.record(company), as_actor(amara), company)
    end_delegation(case.person.delegations_given.get(), actor=as_actor(case.person), now=company.now)
    for_another = as_delegate(case.person, giver=amara)  # a delegation goes one level, and not around a conflict either
    refused(decide.approve, case.record(company), for_another, case.code, now=company.now)


@pytest.mark.rule("S1")
def test_security_reviewer_who_is_party_signs_nothing(company: Company, chaser: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(chaser, company.mail)
    give_role(n.rita, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    assert record.seats.filter(label=SeatLabel.SECURITY).exists()
    refused(decide.approve, record, as_actor(n.rita), "SOD-1", now=company.now)


@pytest.mark.rule("S2", "T3")
def test_security_in_stage_1_is_not_security_in_stage_2(company: Company) -> None:
    policy_proposals.security_signs_apps(company)
    chaser = scenarios.submitted(company)
    app = scenarios.decide_app(company, chaser)  # by Theo, and by Viktor for security
    assert app.decisions.count() == 2
    record = stock_report.privilege_on(chaser, company.mail)
    refused(decide.approve, record, as_actor(company.people.viktor), "SOD-2", now=company.now)


@pytest.mark.rule("S2", "A14")
def test_stage_1_question_counts_as_decision_for_stage_2(company: Company, stock_submitted: Submission) -> None:
    n, submission = company.people, stock_submitted
    stock_report.hand_over(company, company.slack, n.theo, n.amara)
    app = scenarios.app_of(submission)
    decide.ask_for_changes(
        app, actor=as_actor(n.theo), now=company.now, reason="Why weekly?", shown_digest=scenarios.shown(app)
    )
    decide.answer(app, actor=as_actor(n.rita), now=company.now, reason="Stock is counted on Sunday.")
    scenarios.approve(app, n.theo, now=company.now)
    refused(
        decide.approve, stock_report.privilege_on(submission, company.slack), as_actor(n.theo), "SOD-2", now=company.now
    )


@pytest.mark.rule("A9")
def test_later_approver_waits_for_escalation(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    for person in (company.people.amara, company.people.bram, company.people.sana):
        refusal = refused(decide.approve, record, as_actor(person), "A9", now=company.now)
        assert refusal.to_do == "It is with Omar Haddad."


@pytest.mark.rule("S5")
def test_superuser_without_roles_approves_nothing(company: Company, stage_2: Submission) -> None:
    root = make_person("Root Admin")
    root.is_superuser = root.is_staff = True
    root.save()
    for record in (scenarios.app_of(stock_report.another(company)), stock_report.privilege_on(stage_2, company.slack)):
        refused(decide.approve, record, as_actor(root), "PERMISSION", now=company.now, kind="permission")


@pytest.mark.rule("S5", "A9")
def test_person_with_every_role_waits_for_escalation(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    for role in ASSIGNABLE:
        give_role(n.nadia, role, admins=(n.ines, n.karl))
    for record in stage_2.approvals.filter(stage=2):
        refused(decide.approve, record, as_actor(n.nadia), "A9", now=c.now)


@pytest.mark.rule("S1", "S5")
def test_person_with_every_role_does_not_approve_as_party(company: Company, stage_2: Submission) -> None:
    c, n = company, company.people
    for role in ASSIGNABLE:
        give_role(n.jonas, role, admins=(n.ines, n.karl))
    refused(decide.approve, stock_report.privilege_on(stage_2, c.slack), as_actor(n.jonas), "SOD-1", now=c.now)


@pytest.mark.rule("S5")
def test_token_decides_nothing(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    for verb in VERBS:
        refused(verb, record, as_actor(company.people.omar, None), "SOD-5", now=company.now)


@pytest.mark.rule("S5")
def test_job_decides_nothing(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    for verb in VERBS:
        refused(verb, record, Actor.of_job("approvals.sweep"), "PERMISSION", now=company.now, kind="permission")


@pytest.mark.rule("S5")
def test_high_risk_needs_a_sign_in_of_the_last_15_minutes(company: Company, chaser: Submission) -> None:
    mei = company.people.mei
    high, standard = stock_report.privilege_on(chaser, company.mail), stock_report.privilege_on(chaser, company.drive)
    assert (high.tier, standard.tier) == ("high", "standard")
    refusal = refused(decide.approve, high, as_actor(mei, 15.5), "SOD-5", now=company.now)
    assert "15 minutes" in refusal.sentence
    for record, minutes in ((high, 14), (standard, 600)):
        may(record, as_actor(mei, minutes), company)


@pytest.mark.rule("A8", "T3")
def test_one_person_fills_one_seat(company: Company, chaser: Submission) -> None:
    c, n = company, company.people
    give_role(n.mei, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    record = stock_report.privilege_on(chaser, c.mail)
    scenarios.approve(record, n.mei, now=c.now)
    assert record.state == ApprovalState.OPEN
    refused(decide.approve, record, as_actor(n.mei), "A8", now=c.now)
    refused(decide.reject, record, as_actor(n.mei), "A8", now=c.now)


@pytest.mark.rule("A8", "A11")
def test_delegated_decision_uses_up_both_people(company: Company, chaser: Submission) -> None:
    c, n = company, company.people
    give_role(n.omar, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    record = stock_report.privilege_on(chaser, c.mail)
    for_mei = as_delegate(n.omar, giver=n.mei)
    decide.approve(record, actor=for_mei, now=c.now, reason="For Mei.", shown_digest=scenarios.shown(record))
    (decision,) = record.decisions.all()
    assert (decision.person, decision.for_person) == (n.omar, n.mei)
    assert set(decision.people.values_list("person", flat=True)) == {n.omar.pk, n.mei.pk}
    for person in (n.omar, n.mei):
        refused(decide.approve, record, as_actor(person), "A8", now=c.now)


@pytest.mark.rule("A11")
def test_ended_delegation_gives_no_decision(company: Company, stage_2: Submission) -> None:
    record = stock_report.privilege_on(stage_2, company.slack)
    for_omar = as_delegate(company.people.tom, giver=company.people.omar)
    may(record, for_omar, company)
    end_delegation(company.people.omar.delegations_given.get(), actor=as_actor(company.people.omar), now=company.now)
    refused(decide.approve, record, for_omar, "A11", now=company.now, kind="permission")


@pytest.mark.rule("A1", "A9")
def test_leaver_and_former_role_holder_decide_nothing(company: Company, chaser: Submission) -> None:
    n, record = company.people, stock_report.privilege_on(chaser, company.mail)
    owner, viktor = as_actor(n.mei), as_actor(n.viktor)
    may(record, owner, company)
    may(record, viktor, company)
    record_leaver(n.mei, actor=as_actor(n.ines), now=company.now, reason="Left.")
    end_role(n.viktor, Role.SECURITY_REVIEWER, now=company.now)
    refused(decide.approve, record, owner, "PERMISSION", now=company.now, kind="permission")
    refused(decide.approve, record, viktor, "PERMISSION", now=company.now, kind="permission")


@pytest.mark.rule("A4")
def test_stage_2_waits_for_stage_1(company: Company, stock_submitted: Submission) -> None:
    record = stock_report.privilege_on(stock_submitted, company.slack)
    for verb in VERBS:
        refused(verb, record, as_actor(company.people.omar), "STATE", now=company.now, kind="state")


def may(record: Approval, actor: Actor, c: Company) -> None:
    """Whether an actor may approve an approval, by the database."""
    assert decide.approve.refusal(Approval.objects.get(pk=record.pk), actor=actor.afresh(), now=c.now) is None
