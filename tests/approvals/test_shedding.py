"""Nobody sheds a no, a party or a question by another id, credential, environment, version or name (A15, S1, I9, I10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from approvals import alike, transitions
from approvals.models import ApprovalState, Likeness, LikenessAnswer, Submission
from approvals.models.submission import Capacity
from governance.controls.refusals import DutyConflict
from tests import journeys
from tests.appointing import record_leaver
from tests.approvals import lightly, stock
from tests.approvals.test_alike import as_another, likeness_of, more_channels, refused
from tests.journeys import Company
from tests.people import as_actor
from tests.portal.signed_in import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I9", "I10", "A15")]

Edit = Callable[[dict[str, Any]], None]


def named(word: str, *edits: Edit) -> Edit:
    """An edit: another id, and nothing else but these."""

    def edit(export: dict[str, Any]) -> None:
        for one in edits:
            one(export)
        export["id"] = word

    return edit


def withdrawn(c: Company, made: Submission) -> Submission:
    """Taken back by Rita."""
    transitions.withdraw(made, actor=as_actor(c.people.rita), now=c.now, reason="Another way.")
    return made


def refused_by_omar(c: Company, edit: Edit | None = None, **fields: Any) -> Submission:
    """The stock report, of which Omar has refused the posts; then withdrawn."""
    made = stock.in_stage_2(c, edit, **fields)
    journeys.reject(stock.privilege_on(made, c.slack), c.people.omar, now=c.now, reason="Not there.")
    return withdrawn(c, made)


@pytest.mark.parametrize(("first", "then"), [("production", "test"), ("test", "production")])
def test_another_environment_sheds_no_refusal(company: Company, first: str, then: str) -> None:
    old = refused_by_omar(company, environment=first)
    made = stock.submitted(company, environment=then)
    assert stock.privilege_on(made, company.slack).earlier == stock.privilege_on(old, company.slack)


def test_another_credential_sheds_no_refusal(company: Company) -> None:
    old = refused_by_omar(company)
    made = stock.submitted(company, as_another("again"))
    assert stock.privilege_on(made, company.slack).earlier == stock.privilege_on(old, company.slack)


@pytest.mark.rule("A13")
def test_what_was_refused_below_is_not_approved_by_policy_above(company: Company) -> None:
    n = company.people
    low = lightly.version(company, lightly.another("x"), is_confirmed=False, environment="test")
    old = stock.app_approved(company, journeys.submitted(company, low))
    journeys.reject(old.approvals.get(stage=2, privilege__isnull=False), n.omar, now=company.now, reason="Never.")
    withdrawn(company, old)

    def above(export: dict[str, Any]) -> None:
        lightly.another("y")(export)
        export["id"] = "x"

    assert not journeys.submitted(company, lightly.version(company, above)).light_path


@pytest.mark.rule("A13")
def test_an_app_rejected_below_is_not_on_the_light_path_above(company: Company) -> None:
    low = journeys.submitted(company, lightly.version(company, environment="test"))
    journeys.reject(journeys.app_of(low), company.people.theo, now=company.now, reason="No.")
    assert not journeys.submitted(company, lightly.version(company)).light_path


@pytest.mark.rule("S1")
@pytest.mark.parametrize(("first", "then"), [("production", "test"), ("test", "production")])
def test_another_environment_sheds_no_party(company: Company, first: str, then: str) -> None:
    theo = company.people.theo
    journeys.brought_in(company, stock.EXPORT, by=theo, content=stock.source(), environment=first)
    stock.version(company, stock.another_order, environment=first)  # Rita's, trivial
    made = stock.submitted(company, stock.another_order, environment=then)
    assert (theo.pk, Capacity.IMPORTER) in set(made.parties.values_list("person", "capacity"))


def test_something_small_that_is_in_force_does_not_bring_back_what_was_refused(company: Company) -> None:
    old = refused(company)
    shell = stock.submitted(company, named("shell", stock.nothing_but_the_trigger))
    journeys.decide_all(company, shell)
    again = stock.submitted(company, named("shell"))
    app = journeys.app_of(again)
    assert app.earlier == journeys.app_of(old)
    assert [one.other for one in alike.open_of(again.automation)] == [old.automation]


@pytest.mark.rule("S1")
def test_who_built_what_was_said_to_be_the_same_decides_nothing_later_either(company: Company) -> None:
    n = company.people
    theirs = journeys.brought_in(company, stock.EXPORT, by=n.theo, content=stock.source(named("theos")))
    journeys.submitted(company, theirs, by=n.theo)
    made = stock.submitted(company, named("ritas"))
    journeys.approve(journeys.app_of(made), n.bram, now=company.now, same={likeness_of(made).pk: True})
    journeys.decide_rest(company, made)
    again = stock.submitted(company, named("ritas", stock.one_more_channel, stock.every_tuesday))
    with pytest.raises(DutyConflict, match=r"^SOD-1: You are a party to this submission,"):
        journeys.approve(journeys.app_of(again), n.theo, now=company.now)


def test_a_word_about_nearly_the_same_says_nothing_about_the_very_source(company: Company) -> None:
    refused_by_omar(company, more_channels(4))
    made = stock.submitted(company, named("again", more_channels(5)))
    journeys.approve(journeys.app_of(made), company.people.theo, now=company.now, same={likeness_of(made).pk: False})
    again = stock.submitted(company, named("again", more_channels(4)))
    assert [one.because for one in alike.open_of(again.automation)] == ["source"]


def test_a_draft_that_nobody_submitted_is_nothing_yet(company: Company) -> None:
    n = company.people
    journeys.brought_in(company, stock.EXPORT, by=n.theo, content=stock.source(named("draft")))
    made = stock.submitted(company, named("again"))
    assert not Likeness.objects.exists()
    assert not made.parties.filter(person=n.theo).exists()


def test_whoever_the_ladder_comes_to_sees_the_other_and_says(company: Company) -> None:
    n = company.people
    for one in (company.slack, company.erp):
        stock.hand_over(company, one, n.omar, n.mei)
    withdrawn(company, stock.submitted(company))
    for person in (n.theo, n.bram):
        record_leaver(person, actor=as_actor(n.ines), now=company.now, reason="Left.")
    made = stock.submitted(company, as_another("again"))
    app, amara = journeys.app_of(made), client_of(n.amara)
    page = amara.get(reverse("review", args=[made.pk])).content.decode()
    field = f"same-{likeness_of(made).pk}"
    assert f'name="{field}"' in page
    assert "another team" not in page
    said = {"decision": "approve", "shown_digest": journeys.shown(app), "reason": "Fine."}
    assert amara.post(reverse("decide", args=[made.pk, app.pk]), {**said, field: "no"}).status_code == 302
    app.refresh_from_db()
    assert app.state == ApprovalState.APPROVED


@pytest.mark.rule("A8")
def test_the_other_answer_is_no_second_press(company: Company) -> None:
    refused(company)
    made = stock.submitted(company, as_another("again"))
    field, app, theo = f"same-{likeness_of(made).pk}", journeys.app_of(made), client_of(company.people.theo)
    href = reverse("decide", args=[made.pk, app.pk])
    said = {"decision": "approve", "shown_digest": journeys.shown(app), "reason": "Seen."}
    assert theo.post(href, {**said, field: "yes"}).status_code == 302
    assert theo.post(href, {**said, field: "yes"}).status_code == 302, "pressed twice"
    assert theo.post(href, {**said, field: "no"}).status_code == 409
    assert LikenessAnswer.objects.get().is_same


def both(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(export: dict[str, Any]) -> None:
        for one in edits:
            one(export)

    return edit


@pytest.mark.parametrize("source", ["the very same", "another"])
def test_a_version_of_what_is_in_force_goes_to_stage_1_where_it_may_be_what_was_refused(
    company: Company, stock_in_force: Submission, source: str
) -> None:
    refused(company, named("other", more_channels(2)))
    more = () if source == "the very same" else (stock.another_order,)
    made = stock.submitted(company, both(more_channels(2), *more))
    assert made.automation == stock_in_force.automation
    assert alike.MAY_BE_KNOWN in journeys.app_of(made).reasons
