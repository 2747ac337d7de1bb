"""A look that failed, a look that was shed and an objection stay with what they are about, whatever id it comes in under (A13, I9)."""

from __future__ import annotations

import pytest

from approvals.decisions.transitions import comment
from approvals.grants.transitions import lifecycle
from approvals.light_path.transitions import spot_checks as transitions
from approvals.models import Approval, Grant, Sample, SampleState, Submission
from inventory.imports.transitions import confirmation
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.light_path import low_risk_report
from tests.approvals.light_path.low_risk_report import another, both
from tests.approvals.light_path.spot_checks import JOBS, sealed
from tests.approvals.light_path.test_eligibility import FOUR_ALLOWED, people_are_asked
from tests.approvals.light_path.test_spot_checks_of_auto_approvals import drawn, not_fine
from tests.approvals.refusals import database_refuses, sql
from tests.people import as_actor, joins, make_person
from tests.scenarios import Company
from tests.starting_points import starting_point
from tests.trigger_bypass import moved


def reads_one_more(c: Company) -> Submission:
    """It reads one table more, in force by policy."""
    return low_risk_report.in_force(c, low_risk_report.reads_more(1))


READS_ONE_MORE = starting_point("company", reads_one_more)


def not_fine_at_all(c: Company) -> Submission:
    """What policy approved was drawn and not found fine."""
    made = stock_report.newest(c)
    not_fine(c, drawn(c, made))
    return made


NOT_FINE = starting_point("light_in_force", not_fine_at_all)


def raised(c: Company) -> Submission:
    """In stage 2, all of it low, but for the tier of the whole, which Sana raised."""
    version = low_risk_report.version(c)
    confirmation.raise_tier(
        version.automation, actor=as_actor(c.people.sana), now=c.now, reason="Look.", tier="standard"
    )
    return stock_report.app_approved(c, scenarios.submitted(c, version))


def one_more_drawn(c: Company, made: Submission) -> Sample:
    """The draw falls on the table more."""
    extra = made.approvals.get(stage=2, privilege__target__contains="stock_0")
    with sealed():
        return transitions.draw(Sample.objects.get(approval=extra), actor=JOBS, now=c.now)


def left_out(c: Company) -> Sample:
    """The draw falls on the table more, which the next version leaves out."""
    sample = one_more_drawn(c, stock_report.newest(c))
    low_risk_report.submitted(c)
    return sample


@pytest.mark.rule("A13")
@starting_point(READS_ONE_MORE, left_out)
def test_removing_and_restoring_drawn_privilege_causes_no_second_draw(company: Company, start: Sample) -> None:
    sample = start
    sample.refresh_from_db()
    assert sample.state == SampleState.NOT_APPLICABLE, "it left out what was drawn, in force at once"
    back = low_risk_report.submitted(company, both(low_risk_report.reads_more(1), stock_report.started_by_hand))
    assert not back.light_path
    stock_report.app_approved(company, back)
    assert people_are_asked(back)


@pytest.mark.rule("A13", "G3")
def test_revoking_and_requesting_again_causes_no_second_draw(company: Company, light_in_force: Submission) -> None:
    sample = drawn(company, light_in_force)
    grant = Grant.objects.get(approval=sample.approval_id)
    lifecycle.revoke(grant, actor=as_actor(company.people.jonas), now=company.now, reason="Not needed.")
    assert not low_risk_report.submitted(company, stock_report.started_by_hand).light_path


@pytest.mark.rule("A13")
@READS_ONE_MORE
def test_undrawn_grant_ends_without_mark(company: Company, start: Submission) -> None:
    low_risk_report.submitted(company)
    assert start.samples.filter(state=SampleState.NOT_APPLICABLE, drawn_from_seal__isnull=True).exists()
    assert low_risk_report.submitted(
        company, both(low_risk_report.reads_more(1), stock_report.started_by_hand)
    ).light_path


@pytest.mark.rule("A13", "I9")
@NOT_FINE
def test_failed_spot_check_follows_copy_under_other_id(company: Company, start: Submission) -> None:
    again = low_risk_report.submitted(company, another("again"))
    assert again.automation_id != start.automation_id
    assert not again.light_path
    stock_report.app_approved(company, again)
    assert people_are_asked(again)


@pytest.mark.rule("A13", "I9")
def test_failed_credential_marks_its_privileges(company: Company, light_in_force: Submission) -> None:
    record = light_in_force.approvals.get(kind="credential")
    with sealed():
        sample = transitions.draw(Sample.objects.get(approval=record), actor=JOBS, now=company.now)
    not_fine(company, sample)
    assert not low_risk_report.submitted(company, another("again")).light_path


@pytest.mark.rule("A13", "I9")
@NOT_FINE
def test_the_same_of_another_team_and_something_else_of_this_one_do_not(company: Company, start: Submission) -> None:
    def other_table(export: dict[str, object]) -> None:
        stock_report.node(export, ".postgres")["parameters"]["table"] = {
            "__rl": True,
            "value": "shelves",
            "mode": "name",
        }

    assert low_risk_report.submitted(company, both(another("shelves"), other_table)).light_path
    moved(start.automation_id, team=company.people.platform)
    assert low_risk_report.submitted(company, another("again")).light_path


def objected(c: Company) -> Submission:
    """Omar objects before stage 2 opens."""
    made = stock_report.newest(c)
    record = stock_report.privilege_on(made, c.erp)
    comment.object_to(record, actor=as_actor(c.people.omar), now=c.now, reason="The table is to go.")
    return made


OBJECTED = starting_point("light_submitted", objected)


def by_people_all_the_same(c: Company) -> Submission:
    """People approve it all the same."""
    return stock_report.decide_rest(c, stock_report.app_approved(c, stock_report.newest(c)))


@pytest.mark.rule("A13", "A3", "I9")
@OBJECTED
def test_an_objection_is_not_shed_by_another_id(company: Company) -> None:
    assert not low_risk_report.submitted(company, another("again")).light_path


@pytest.mark.rule("A13", "A3", "I9")
@starting_point(OBJECTED, by_people_all_the_same)
def test_an_objection_ends_when_people_have_put_it_in_force(company: Company, start: Submission) -> None:
    assert start.state == "in_force"
    assert low_risk_report.submitted(company, another("later")).light_path


@pytest.mark.rule("A13", "A15", "I9")
@starting_point("company", raised)
@pytest.mark.parametrize("is_refused", [True, False])
def test_a_refused_privilege_blocks_the_light_path_of_a_twin(
    company: Company, start: Submission, is_refused: bool
) -> None:
    n, first = company.people, start
    assert not first.light_path
    if is_refused:
        scenarios.reject(stock_report.privilege_on(first, company.erp), n.omar, now=company.now)
    else:
        stock_report.decide_rest(company, first)
    more = both(
        another("again"), low_risk_report.reads_more(5)
    )  # so much more that it is not taken for the same automation
    assert low_risk_report.submitted(company, more).light_path is not is_refused


# --- ten for a builder ------------------------------------------------------------------------------------------------


def three_of_four(c: Company) -> Submission:
    """Policy approved three of the four grants that it may for what Rita builds."""
    made = low_risk_report.submitted(c, both(another("a"), low_risk_report.reads_more(1)))
    assert made.light_path
    return stock_report.app_approved(c, made)


@pytest.mark.rule("A13")
@starting_point(FOUR_ALLOWED, three_of_four)
def test_limit_counts_colleagues_submissions_of_same_builder(company: Company) -> None:
    n = company.people
    version = low_risk_report.version(company, both(another("b"), low_risk_report.reads_more(1)), by=n.rita)
    made = scenarios.submitted(company, version, by=joins(make_person("Cole Ager"), n.finance_ops))
    assert not made.light_path
    stock_report.app_approved(company, made)
    assert Approval.objects.filter(by_policy__isnull=False).count() == 3


@pytest.mark.rule("A13", "A8")
def test_when_policy_approved_something_is_not_moved(company: Company, light_in_force: Submission) -> None:
    for record in light_in_force.approvals.all():
        with database_refuses("A8: approval # has ended"):
            sql("UPDATE approvals_approval SET ended_at = '2020-01-01' WHERE id = %s", record.pk)
