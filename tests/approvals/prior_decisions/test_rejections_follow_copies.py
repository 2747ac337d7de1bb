"""Nobody sheds a no, a party or a question by another id, credential, environment, version or name (A15, S1, I9, I10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from approvals.duplicates import queries as duplicates
from approvals.models import ApprovalState, Likeness, LikenessAnswer, Submission
from approvals.models.submission import Capacity
from approvals.submissions.plan import context as plan_context
from approvals.submissions.transitions import withdraw
from governance.core.duties.refusals import DutyConflict
from tests import scenarios
from tests.appointments import record_leaver
from tests.approvals import stock_report
from tests.approvals.duplicates.test_duplicates import (
    AGAIN,
    REFUSED,
    as_another,
    likeness_of,
    more_channels,
    refused,
)
from tests.approvals.light_path import low_risk_report
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I9", "I10", "A15")]

Edit = Callable[[dict[str, Any]], None]


def named(word: str, *edits: Edit) -> Edit:
    """An edit: another id, and nothing else but these."""

    def edit(export: dict[str, Any]) -> None:
        for edit in edits:
            edit(export)
        export["id"] = word

    return edit


def withdrawn(c: Company, made: Submission) -> Submission:
    """Taken back by Rita."""
    withdraw.withdraw(made, actor=as_actor(c.people.rita), now=c.now, reason="Another way.")
    return made


def refused_by_omar(c: Company, made: Submission) -> Submission:
    """Omar has refused the posts; then it is withdrawn."""
    scenarios.reject(stock_report.privilege_on(made, c.slack), c.people.omar, now=c.now, reason="Not there.")
    return withdrawn(c, made)


def refused_in_production(c: Company) -> Submission:
    """The stock report, of which Omar has refused the posts."""
    return refused_by_omar(c, stock_report.newest(c))


REFUSED_BY_OMAR = starting_point("stock_in_stage_2", refused_in_production)


def refused_in_test(c: Company) -> Submission:
    """The same in test."""
    return refused_by_omar(c, stock_report.in_stage_2(c, environment="test"))


@pytest.mark.parametrize(
    "then",
    [
        pytest.param("test", marks=REFUSED_BY_OMAR),
        pytest.param("production", marks=starting_point("company", refused_in_test)),
    ],
)
def test_another_environment_sheds_no_refusal(company: Company, start: Submission, then: str) -> None:
    old = start
    made = stock_report.submitted(company, environment=then)
    assert stock_report.privilege_on(made, company.slack).earlier == stock_report.privilege_on(old, company.slack)


@REFUSED_BY_OMAR
def test_another_credential_sheds_no_refusal(company: Company, start: Submission) -> None:
    old = start
    made = stock_report.submitted(company, as_another("again"))
    assert stock_report.privilege_on(made, company.slack).earlier == stock_report.privilege_on(old, company.slack)


def refused_below(c: Company) -> None:
    """What is low in test: Omar has refused what it reads."""
    low = low_risk_report.version(c, low_risk_report.another("x"), is_confirmed=False, environment="test")
    old = stock_report.app_approved(c, scenarios.submitted(c, low))
    record = old.approvals.get(stage=2, privilege__isnull=False)
    scenarios.reject(record, c.people.omar, now=c.now, reason="Never.")
    withdrawn(c, old)


@pytest.mark.rule("A13")
@starting_point("company", refused_below)
def test_rejection_in_lower_environment_blocks_auto_approval(company: Company) -> None:
    def above(export: dict[str, Any]) -> None:
        low_risk_report.another("y")(export)
        export["id"] = "x"

    assert not scenarios.submitted(company, low_risk_report.version(company, above)).light_path


def app_rejected_below(c: Company) -> None:
    """What is low in test: Theo has rejected the app."""
    low = scenarios.submitted(c, low_risk_report.version(c, environment="test"))
    scenarios.reject(scenarios.app_of(low), c.people.theo, now=c.now, reason="No.")


@pytest.mark.rule("A13")
@starting_point("company", app_rejected_below)
def test_an_app_rejected_below_is_not_on_the_light_path_above(company: Company) -> None:
    assert not scenarios.submitted(company, low_risk_report.version(company)).light_path


@pytest.mark.rule("S1")
@pytest.mark.parametrize(("first", "then"), [("production", "test"), ("test", "production")])
def test_another_environment_sheds_no_party(company: Company, first: str, then: str) -> None:
    theo = company.people.theo
    scenarios.brought_in(company, stock_report.EXPORT, by=theo, content=stock_report.source(), environment=first)
    stock_report.version(company, stock_report.another_order, environment=first)  # Rita's, trivial
    made = stock_report.submitted(company, stock_report.another_order, environment=then)
    assert (theo.pk, Capacity.IMPORTER) in set(made.parties.values_list("person", "capacity"))


def shell(c: Company) -> Submission:
    """What was refused; and nothing but a trigger under another id, in force."""
    old = stock_report.newest(c)
    scenarios.decide_all(c, stock_report.submitted(c, named("shell", stock_report.nothing_but_the_trigger)))
    return old


@starting_point(REFUSED, shell)
def test_small_grant_in_force_does_not_restore_rejected_access(company: Company, start: Submission) -> None:
    old = start
    again = stock_report.submitted(company, named("shell"))
    app = scenarios.app_of(again)
    assert app.earlier == scenarios.app_of(old)
    assert [likeness.other for likeness in duplicates.unanswered(again.automation)] == [old.automation]


def said_the_same(c: Company) -> None:
    """Rita's automation is in force; Bram said that it is the same as Theo's."""
    n = c.people
    theirs = scenarios.brought_in(c, stock_report.EXPORT, by=n.theo, content=stock_report.source(named("theos")))
    scenarios.submitted(c, theirs, by=n.theo)
    made = stock_report.submitted(c, named("ritas"))
    scenarios.approve(scenarios.app_of(made), n.bram, now=c.now, same={likeness_of(made).pk: True})
    scenarios.decide_rest(c, made)


@pytest.mark.rule("S1")
@starting_point("company", said_the_same)
def test_author_of_confirmed_duplicate_is_barred_later(company: Company) -> None:
    n = company.people
    again = stock_report.submitted(company, named("ritas", stock_report.one_more_channel, stock_report.started_by_hand))
    with pytest.raises(DutyConflict, match=r"^SOD-1: You are a party to this submission,"):
        scenarios.approve(scenarios.app_of(again), n.theo, now=company.now)


def nearly_the_same(c: Company) -> None:
    """Omar refused a report of five privileges; Theo said that a report of six is another automation."""
    refused_by_omar(c, stock_report.in_stage_2(c, more_channels(3)))
    made = stock_report.submitted(c, named("again", more_channels(4)))
    scenarios.approve(scenarios.app_of(made), c.people.theo, now=c.now, same={likeness_of(made).pk: False})


@starting_point("company", nearly_the_same)
def test_answer_about_similar_source_does_not_cover_identical_one(company: Company) -> None:
    again = stock_report.submitted(company, named("again", more_channels(3)))
    assert [likeness.because for likeness in duplicates.unanswered(again.automation)] == ["source"]


def test_unsubmitted_draft_is_no_duplicate(company: Company) -> None:
    n = company.people
    scenarios.brought_in(company, stock_report.EXPORT, by=n.theo, content=stock_report.source(named("draft")))
    made = stock_report.submitted(company, named("again"))
    assert not Likeness.objects.exists()
    assert not made.parties.filter(person=n.theo).exists()


def up_the_chain(c: Company) -> Submission:
    """The same source as one that was withdrawn. Both leads of its team have left: Amara, a fallback owner, is asked."""
    n = c.people
    for resource in (c.slack, c.erp):
        stock_report.hand_over(c, resource, n.omar, n.mei)
    withdrawn(c, stock_report.newest(c))
    for person in (n.theo, n.bram):
        record_leaver(person, actor=as_actor(n.ines), now=c.now, reason="Left.")
    return stock_report.submitted(c, named("again"))


@starting_point("stock_submitted", up_the_chain)
def test_next_approver_sees_duplicate_and_answers(company: Company, start: Submission) -> None:
    n, made = company.people, start
    app, amara = scenarios.app_of(made), client_of(n.amara)
    page = amara.get(reverse("review", args=[made.pk])).content.decode()
    field = f"same-{likeness_of(made).pk}"
    assert f'name="{field}"' in page
    assert "another team" not in page
    fields = scenarios.decision_form(app, reason="Fine.")
    assert amara.post(reverse("decide", args=[made.pk]), {**fields, field: "no"}).status_code == 302
    app.refresh_from_db()
    assert app.state == ApprovalState.APPROVED


@pytest.mark.rule("A8")
@AGAIN
def test_the_other_answer_is_no_second_press(company: Company, start: Submission) -> None:
    made = start
    field, app, theo = f"same-{likeness_of(made).pk}", scenarios.app_of(made), client_of(company.people.theo)
    href = reverse("decide", args=[made.pk])
    fields = scenarios.decision_form(app, reason="Seen.")
    assert theo.post(href, {**fields, field: "yes"}).status_code == 302
    assert theo.post(href, {**fields, field: "yes"}).status_code == 302, "pressed twice"
    assert theo.post(href, {**fields, field: "no"}).status_code == 409
    assert LikenessAnswer.objects.get().is_same


def both(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(export: dict[str, Any]) -> None:
        for edit in edits:
            edit(export)

    return edit


def refused_beside(c: Company) -> Submission:
    """The stock report in force; one like it with more channels was refused."""
    live = stock_report.newest(c)
    refused(c, named("other", more_channels(2)))
    return live


@starting_point("stock_in_force", refused_beside)
@pytest.mark.parametrize("source", ["the very same", "another"])
def test_version_like_rejected_automation_goes_to_stage_1(company: Company, start: Submission, source: str) -> None:
    more = () if source == "the very same" else (stock_report.another_order,)
    made = stock_report.submitted(company, both(more_channels(2), *more))
    assert made.automation == start.automation
    assert plan_context.POSSIBLE_DUPLICATE in scenarios.app_of(made).reasons
