"""A look that failed, a look that was shed and an objection stay with what they are about, whatever id it comes in under (A13, I9)."""

from __future__ import annotations

import pytest

from approvals import grants, transitions
from approvals.models import Approval, Grant, Sample, SampleState, Submission
from inventory import registry
from tests import journeys
from tests.approvals import lightly, stock
from tests.approvals.attempts import database_refuses, sql
from tests.approvals.drawing import JOBS, sealed
from tests.approvals.lightly import another, both
from tests.approvals.test_light import FOUR_ALLOWED, people_are_asked
from tests.approvals.test_light_samples import drawn, not_fine
from tests.ground import starting_point
from tests.journeys import Company
from tests.people import as_actor, joins, make_person
from tests.unguarded import moved


def reads_one_more(c: Company) -> Submission:
    """It reads one table more, in force by policy."""
    return lightly.in_force(c, lightly.reads_more(1))


READS_ONE_MORE = starting_point("company", reads_one_more)


def not_fine_at_all(c: Company) -> Submission:
    """What policy approved was drawn and not found fine."""
    made = stock.newest(c)
    not_fine(c, drawn(c, made))
    return made


NOT_FINE = starting_point("light_in_force", not_fine_at_all)


def raised(c: Company) -> Submission:
    """In stage 2, all of it low, but for the tier of the whole, which Sana raised."""
    version = lightly.version(c)
    registry.raise_tier(version.automation, actor=as_actor(c.people.sana), now=c.now, reason="Look.", tier="standard")
    return stock.app_approved(c, journeys.submitted(c, version))


def one_more_drawn(c: Company, made: Submission) -> Sample:
    """The draw falls on the table more."""
    extra = made.approvals.get(stage=2, privilege__target__contains="stock_0")
    with sealed():
        return transitions.draw(Sample.objects.get(approval=extra), actor=JOBS, now=c.now)


def left_out(c: Company) -> Sample:
    """The draw falls on the table more, which the next version leaves out."""
    sample = one_more_drawn(c, stock.newest(c))
    lightly.submitted(c)
    return sample


@pytest.mark.rule("A13")
@starting_point(READS_ONE_MORE, left_out)
def test_leaving_out_what_was_drawn_and_putting_it_back_is_no_second_draw(company: Company, start: Sample) -> None:
    sample = start
    sample.refresh_from_db()
    assert sample.state == SampleState.NOT_APPLICABLE, "it left out what was drawn, in force at once"
    back = lightly.submitted(company, both(lightly.reads_more(1), stock.every_tuesday))
    assert not back.light_path
    stock.app_approved(company, back)
    assert people_are_asked(back)


@pytest.mark.rule("A13", "G3")
def test_nor_is_revoking_it_and_asking_again(company: Company, light_in_force: Submission) -> None:
    sample = drawn(company, light_in_force)
    grant = Grant.objects.get(approval=sample.approval_id)
    grants.revoke(grant, actor=as_actor(company.people.jonas), now=company.now, reason="Not needed.")
    assert not lightly.submitted(company, stock.every_tuesday).light_path


@pytest.mark.rule("A13")
@READS_ONE_MORE
def test_what_was_never_drawn_ends_without_a_mark(company: Company, start: Submission) -> None:
    lightly.submitted(company)
    assert start.samples.filter(state=SampleState.NOT_APPLICABLE, drawn_from_seal__isnull=True).exists()
    assert lightly.submitted(company, both(lightly.reads_more(1), stock.every_tuesday)).light_path


@pytest.mark.rule("A13", "I9")
@NOT_FINE
def test_what_was_not_found_fine_asks_people_under_another_id_too(company: Company, start: Submission) -> None:
    again = lightly.submitted(company, another("again"))
    assert again.automation_id != start.automation_id
    assert not again.light_path
    stock.app_approved(company, again)
    assert people_are_asked(again)


@pytest.mark.rule("A13", "I9")
def test_a_credential_that_was_not_found_fine_marks_what_rests_on_it(
    company: Company, light_in_force: Submission
) -> None:
    record = light_in_force.approvals.get(kind="credential")
    with sealed():
        sample = transitions.draw(Sample.objects.get(approval=record), actor=JOBS, now=company.now)
    not_fine(company, sample)
    assert not lightly.submitted(company, another("again")).light_path


@pytest.mark.rule("A13", "I9")
@NOT_FINE
def test_the_same_of_another_team_and_something_else_of_this_one_do_not(company: Company, start: Submission) -> None:
    def other_table(export: dict[str, object]) -> None:
        stock.node(export, ".postgres")["parameters"]["table"] = {"__rl": True, "value": "shelves", "mode": "name"}

    assert lightly.submitted(company, both(another("shelves"), other_table)).light_path
    moved(start.automation_id, team=company.people.platform)
    assert lightly.submitted(company, another("again")).light_path


def objected(c: Company) -> Submission:
    """Omar objects before stage 2 opens."""
    made = stock.newest(c)
    record = stock.privilege_on(made, c.erp)
    transitions.object_to(record, actor=as_actor(c.people.omar), now=c.now, reason="The table is to go.")
    return made


OBJECTED = starting_point("light_submitted", objected)


def by_people_all_the_same(c: Company) -> Submission:
    """People approve it all the same."""
    return stock.decide_rest(c, stock.app_approved(c, stock.newest(c)))


@pytest.mark.rule("A13", "A3", "I9")
@OBJECTED
def test_an_objection_is_not_shed_by_another_id(company: Company) -> None:
    assert not lightly.submitted(company, another("again")).light_path


@pytest.mark.rule("A13", "A3", "I9")
@starting_point(OBJECTED, by_people_all_the_same)
def test_an_objection_ends_when_people_have_put_it_in_force(company: Company, start: Submission) -> None:
    assert start.state == "in_force"
    assert lightly.submitted(company, another("later")).light_path


@pytest.mark.rule("A13", "A15", "I9")
@starting_point("company", raised)
@pytest.mark.parametrize("is_refused", [True, False])
def test_a_refused_privilege_blocks_the_light_path_of_a_twin(
    company: Company, start: Submission, is_refused: bool
) -> None:
    n, first = company.people, start
    assert not first.light_path
    if is_refused:
        journeys.reject(stock.privilege_on(first, company.erp), n.omar, now=company.now)
    else:
        stock.decide_rest(company, first)
    more = both(another("again"), lightly.reads_more(5))  # so much more that it is not taken for the same automation
    assert lightly.submitted(company, more).light_path is not is_refused


# --- ten for a builder ------------------------------------------------------------------------------------------------


def three_of_four(c: Company) -> Submission:
    """Policy approved three of the four grants that it may for what Rita builds."""
    made = lightly.submitted(c, both(another("a"), lightly.reads_more(1)))
    assert made.light_path
    return stock.app_approved(c, made)


@pytest.mark.rule("A13")
@starting_point(FOUR_ALLOWED, three_of_four)
def test_what_a_builder_may_have_is_not_so_much_more_for_a_colleague_who_submits_it(company: Company) -> None:
    n = company.people
    version = lightly.version(company, both(another("b"), lightly.reads_more(1)), by=n.rita)
    made = journeys.submitted(company, version, by=joins(make_person("Cole Ager"), n.finance_ops))
    assert not made.light_path
    stock.app_approved(company, made)
    assert Approval.objects.filter(by_policy__isnull=False).count() == 3


@pytest.mark.rule("A13", "A8")
def test_when_policy_approved_something_is_not_moved(company: Company, light_in_force: Submission) -> None:
    for record in light_in_force.approvals.all():
        with database_refuses("A8: approval # has ended"):
            sql("UPDATE approvals_approval SET ended_at = '2020-01-01' WHERE id = %s", record.pk)
