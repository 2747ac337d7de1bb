"""A new automation with the same source as another, or like a refused or retired one, is held until a person answers (I9)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from approvals.duplicates import queries as duplicates
from approvals.models import Approval, ApprovalState, Likeness, LikenessAnswer, SeatLabel, Submission
from approvals.models.duplicate import Because
from approvals.models.submission import Capacity
from approvals.submissions.transitions import submit, withdraw
from governance.core.duties.refusals import DutyConflict, InvalidInput
from governance.core.models import LedgerEvent
from inventory.automations.transitions import lifecycle
from inventory.imports.transitions import confirmation, previews
from inventory.models import Automation, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import Build, connect
from tests.approvals.light_path import low_risk_report
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I9")]

Edit = Callable[[dict[str, Any]], None]


def as_another(word: str, edit: Edit | None = None) -> Edit:
    """An edit: another id and another credential, so that nothing but what it does is the same; and what else is edited."""

    def change(export: dict[str, Any]) -> None:
        export["id"] = word
        for node in export["nodes"]:
            for used in node.get("credentials", {}).values():
                used["id"] += word
        if edit is not None:
            edit(export)

    return change


def from_elsewhere(word: str, edit: Edit | None = None) -> Edit:
    """An edit: another id, and the same source."""

    def change(export: dict[str, Any]) -> None:
        export["id"] = word
        if edit is not None:
            edit(export)

    return change


def more_channels(count: int) -> Edit:
    """An edit: it posts to so many channels more."""

    def edit(export: dict[str, Any]) -> None:
        for number in range(count):
            more = json.loads(json.dumps(stock_report.node(export, ".slack")))
            more |= {"id": f"5d1f0a0e-0000-4000-8000-1000000000{number:02}", "name": f"Post to {number}"}
            more["parameters"]["channelId"] = {"__rl": True, "value": f"C0CHANNEL{number}", "mode": "id"}
            export["nodes"].append(more)

    return edit


def likeness_of(made: Submission) -> Likeness:
    """The only one."""
    return Likeness.objects.get(automation=made.automation)


def refused(c: Company, edit: Edit | None = None) -> Submission:
    """The stock report, its app rejected by Theo."""
    made = stock_report.submitted(c, edit)
    scenarios.reject(scenarios.app_of(made), c.people.theo, now=c.now, reason="Nobody reads it.")
    made.refresh_from_db()
    return made


REFUSED = starting_point("company", refused)


def again(c: Company) -> Submission:
    """The refused report comes in again under another id."""
    return stock_report.submitted(c, as_another("again"))


AGAIN = starting_point(REFUSED, again)


def of_four(c: Company) -> Submission:
    """The stock report with two channels more, submitted: four privileges."""
    return stock_report.submitted(c, more_channels(2))


OF_FOUR = starting_point("company", of_four)


def refused_among_others(c: Company) -> Submission:
    """It was refused, and two others with the same source are open."""
    old = stock_report.newest(c)
    scenarios.reject(scenarios.app_of(old), c.people.theo, now=c.now, reason="Nobody reads it.")
    for word in ("one", "two"):
        stock_report.submitted(c, from_elsewhere(word, more_channels(2)))
    return old


def theos(c: Company) -> Submission:
    """Theo's, submitted and withdrawn; then one of Rita's with the same source."""
    n = c.people
    content = stock_report.source(from_elsewhere("theos"))
    version = scenarios.brought_in(c, stock_report.EXPORT, by=n.theo, content=content)
    made = scenarios.submitted(c, version, by=n.theo)
    withdraw.withdraw(made, actor=as_actor(n.theo), now=c.now, reason="Not now.")
    return stock_report.submitted(c, from_elsewhere("ritas"))


def approve_app(c: Company, made: Submission, **fields: Any) -> Approval:
    """Theo approves the app, saying so much about what it may be the same as."""
    return scenarios.approve(scenarios.app_of(made), c.people.theo, now=c.now, **fields)


# --- refused ----------------------------------------------------------------------------------------------------------------


@AGAIN
def test_app_is_not_approved_before_duplicate_answer(company: Company, start: Submission) -> None:
    made = start
    likeness = likeness_of(made)
    with pytest.raises(InvalidInput) as caught:
        approve_app(company, made, same={})
    assert caught.value.refusal.code == "I9"
    assert caught.value.refusal.detail[0][0] == f"same-{likeness.pk}"
    assert not made.approvals.get(stage=1).decisions.exists()


@AGAIN
def test_answer_about_unrelated_duplicate_is_refused(company: Company, start: Submission) -> None:
    first = start
    made = stock_report.submitted(company, as_another("more", more_channels(8)))
    with pytest.raises(InvalidInput, match="not part of this approval"):
        approve_app(company, made, same={likeness_of(first).pk: False})


@pytest.mark.rule("S1")
@starting_point("company", theos)
def test_author_of_other_automation_does_not_answer(company: Company, start: Submission) -> None:
    n, made = company.people, start
    assert (n.theo.pk, Capacity.ALIKE) in set(made.parties.values_list("person", "capacity"))
    likeness = likeness_of(made)
    with pytest.raises(DutyConflict) as caught:
        approve_app(company, made, same={likeness.pk: False})
    assert caught.value.refusal.code == "SOD-1"


@AGAIN
def test_database_refuses_app_with_open_duplicate_question(company: Company, start: Submission) -> None:
    app = scenarios.app_of(start)
    with pytest.raises(IntegrityError, match="I9"), transaction.atomic():
        Approval.objects.filter(pk=app.pk).update(state=ApprovalState.APPROVED, ended_at=company.now)


@AGAIN
def test_the_database_takes_an_answer_with_an_approval_of_that_app_only(company: Company, start: Submission) -> None:
    old, made = Submission.objects.earliest("pk"), start
    decision = old.approvals.get(stage=1).decisions.get()
    with pytest.raises(IntegrityError, match="I9"), transaction.atomic():
        LikenessAnswer.objects.create(likeness=likeness_of(made), decision=decision, is_same=False)


@pytest.mark.rule("A15")
def test_rejection_of_duplicate_counts(company: Company, stage_2: Submission) -> None:
    n, old = company.people, stage_2
    theirs = stock_report.privilege_on(old, company.slack)
    scenarios.reject(theirs, n.omar, now=company.now, reason="Not in that channel.")
    withdraw.withdraw(old, actor=as_actor(n.rita), now=company.now, reason="Another way.")
    content = json.dumps(
        {**json.loads(stock_report.source()), "id": "again"}
    ).encode()  # another id, the same credentials
    made = scenarios.submitted(company, scenarios.brought_in(company, stock_report.EXPORT, content=content))
    assert stock_report.privilege_on(made, company.slack).earlier == theirs
    assert scenarios.app_of(made).earlier == scenarios.app_of(old)
    assert LedgerEvent.objects.filter(verb="automation.found_alike").count() == 1


@pytest.mark.rule("A13")
def test_possible_duplicate_leaves_light_path(company: Company, light_submitted: Submission) -> None:
    scenarios.reject(scenarios.app_of(light_submitted), company.people.theo, now=company.now, reason="Not now.")
    again = low_risk_report.submitted(company, low_risk_report.another("again"))
    assert Likeness.objects.filter(automation=again.automation).exists()
    assert not again.light_path


@AGAIN
def test_retracted_answer_does_not_count(company: Company, start: Submission) -> None:
    made = start
    app = approve_app(company, made)
    assert duplicates.unanswered(made.automation) == []
    scenarios.retract(app, company.people.theo, now=company.now)
    assert [likeness.pk for likeness in duplicates.unanswered(made.automation)] == [likeness_of(made).pk]
    with pytest.raises(InvalidInput, match=r"^I9: Say whether it is the same as"):
        approve_app(company, made, same={})


#: The stock report by no id of its own.
WITHOUT_ID = json.dumps(
    {key: value for key, value in json.loads(stock_report.source()).items() if key != "id"}
).encode()


def of_marketing(c: Company) -> Submission:
    """Tom's, of Marketing, which nobody of Finance Operations sees."""
    n = c.people
    connect(c, WITHOUT_ID)
    item = previews.preview([("theirs.json", WITHOUT_ID)], actor=as_actor(n.tom), now=c.now).items.get()
    fields = {"business_owner": n.tom, "name": "Zebra"}
    theirs = confirmation.confirm_import(n.marketing, actor=as_actor(n.tom), now=c.now, item=item, fields=fields)
    assert isinstance(theirs, Version)
    confirmation.amend_automation(theirs.automation, actor=as_actor(n.tom), now=c.now, fields={"purpose": "Theirs."})
    return scenarios.submitted(c, theirs, by=n.tom)


OF_MARKETING = starting_point("company", of_marketing)


@OF_MARKETING
def test_builder_sees_foreign_duplicate_without_details(company: Company) -> None:
    rita = Build.by(company.people.rita)
    shown = rita.see(rita.import_item(content=WITHOUT_ID))
    assert "an automation of another team" in shown
    assert "Zebra" not in shown


@OF_MARKETING
def test_duplicate_of_foreign_team_needs_security(company: Company) -> None:
    n, content = company.people, WITHOUT_ID
    made = scenarios.submitted(company, scenarios.brought_in(company, stock_report.EXPORT, content=content))
    assert [seat.label for seat in scenarios.app_of(made).seats.all()] == [SeatLabel.LEAD, SeatLabel.SECURITY]
    review = client_of(n.theo).get(reverse("review", args=[made.pk])).content.decode()
    assert "Zebra" not in review
    app = approve_app(company, made)  # who may not see the other is not asked
    assert app.state == ApprovalState.OPEN
    assert "Zebra" in client_of(n.sana).get(reverse("review", args=[made.pk])).content.decode()
    with pytest.raises(InvalidInput, match="Zebra"):
        scenarios.approve(app, n.sana, now=company.now, same={})
    scenarios.approve(app, n.sana, now=company.now, same={likeness_of(made).pk: False})
    assert app.state == ApprovalState.APPROVED


# --- held and said ----------------------------------------------------------------------------------------------------------


@REFUSED
def test_dissimilar_automation_is_not_held(company: Company) -> None:
    made = stock_report.submitted(company, as_another("wider", more_channels(4)))
    assert not Likeness.objects.filter(automation=made.automation).exists()


def test_few_privileges_hold_only_against_refused_automation(company: Company, stock_submitted: Submission) -> None:
    similar = stock_report.submitted(company, as_another("beside"))
    assert not Likeness.objects.filter(automation=similar.automation).exists()


@starting_point(OF_FOUR, refused_among_others)
def test_refused_automation_is_listed_before_similar_ones(
    company: Company, start: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duplicates, "MAX_ASKED", 1)
    old = start
    made = stock_report.submitted(company, from_elsewhere("again", more_channels(2)))
    others = Likeness.objects.filter(automation=made.automation).values_list("other", flat=True)
    assert old.automation_id in others
    assert len(others) == 2


def reject_app(c: Company, made: Submission) -> None:
    """Theo rejects the app."""
    scenarios.reject(scenarios.app_of(made), c.people.theo, now=c.now, reason="Nobody reads it.")


@OF_FOUR
def test_four_fifths_are_enough_whichever_is_larger(company: Company, start: Submission) -> None:
    first = start  # four
    reject_app(company, first)
    larger = stock_report.submitted(company, as_another("larger", more_channels(3)))  # five, four of them the same
    assert likeness_of(larger).other == first.automation
    reject_app(company, larger)
    largest = stock_report.submitted(
        company, as_another("largest", more_channels(4))
    )  # six: alike to five, and not to four
    assert [likeness.other for likeness in Likeness.objects.filter(automation=largest.automation)] == [
        larger.automation
    ]


def test_retired_automation_is_recognised(company: Company, stock_in_force: Submission) -> None:
    n = company.people
    gone = Automation.objects.get(pk=stock_in_force.automation_id)
    lifecycle.retire(gone, actor=as_actor(n.jonas), now=company.now, reason="Not needed.")
    made = stock_report.submitted(company, as_another("back"))
    likeness = likeness_of(made)
    assert (likeness.other, likeness.because) == (gone, Because.PRIVILEGES)


@pytest.mark.rule("I10")
def test_a_sibling_in_another_environment_is_no_stranger(company: Company) -> None:
    scenarios.submitted(company, stock_report.version(company, environment="test"))
    made = stock_report.submitted(company)
    assert not Likeness.objects.filter(automation=made.automation).exists()


def test_automation_in_force_is_not_asked_again(company: Company, stock_in_force: Submission) -> None:
    stock_report.submitted(company, as_another("beside", more_channels(2)))
    made = stock_report.submitted(company, more_channels(2))
    assert made.automation == stock_in_force.automation
    assert not Likeness.objects.filter(automation=made.automation).exists()


@pytest.mark.parametrize("is_same", [True, False])
@AGAIN
def test_duplicate_answer_is_stored_with_decision(company: Company, start: Submission, is_same: bool) -> None:
    made = start
    likeness = likeness_of(made)
    approve_app(company, made, same={likeness.pk: is_same})
    answer = LikenessAnswer.objects.get()
    assert (answer.is_same, answer.decision.person) == (is_same, company.people.theo)
    verb = "automation.said_same" if is_same else "automation.told_apart"
    assert LedgerEvent.objects.filter(verb=verb, actor_id=str(company.people.theo.opaque_id)).count() == 1


@pytest.mark.parametrize("is_same", [True, False])
@AGAIN
def test_duplicate_answer_applies_to_next_submission(company: Company, start: Submission, is_same: bool) -> None:
    made = start
    approve_app(company, made, same={likeness_of(made).pk: is_same})
    withdraw.withdraw(made, actor=as_actor(company.people.rita), now=company.now, reason="Not now.")
    submission = submit.submit(
        made.automation,
        actor=as_actor(company.people.rita),
        now=company.now,
        version=made.version,
        wishes=scenarios.wishes(made.version),
    )
    assert isinstance(submission, Submission)
    assert submission.parties.filter(capacity=Capacity.ALIKE).exists() is is_same
    assert duplicates.unanswered(submission.automation) == []


@AGAIN
def test_newer_version_keeps_duplicate_answer(company: Company, start: Submission) -> None:
    made = start
    approve_app(company, made)
    newer = stock_report.submitted(company, as_another("again", stock_report.one_more_channel))
    assert newer.continues == made
    assert duplicates.unanswered(newer.automation) == []


@AGAIN
def test_reviewer_answers_duplicate_question_and_keeps_input(company: Company, start: Submission) -> None:
    n, made = company.people, start
    old = Submission.objects.earliest("pk")
    field, app = f"same-{likeness_of(made).pk}", scenarios.app_of(made)
    theo = client_of(n.theo)
    page = theo.get(reverse("review", args=[made.pk])).content.decode()
    assert f'name="{field}"' in page
    assert old.automation.href in page
    assert "its last submission was rejected" in page
    href = reverse("decide", args=[made.pk])
    fields = scenarios.decision_form(app, reason="Read it twice.")
    refused_ = theo.post(href, fields)
    assert refused_.status_code == 422
    text = refused_.content.decode()
    assert "Say whether it is the same" in text
    assert "Read it twice." in text
    assert theo.post(href, {**fields, field: "perhaps"}).status_code == 422
    assert theo.post(href, {**fields, field: "yes"}).status_code == 302
    app.refresh_from_db()
    assert app.state == ApprovalState.APPROVED
    assert "Answered: it is the same." in theo.get(reverse("review", args=[made.pk])).content.decode()


@REFUSED
def test_the_preview_says_it_before_anything_is_submitted(company: Company, start: Submission) -> None:
    old = start
    content = stock_report.source(as_another("again"))
    connect(company, content)
    rita = Build.by(company.people.rita)
    page = rita.see(rita.import_item(content=content))
    assert "May be the same as" in page
    assert old.automation.href in page


@OF_FOUR
def test_similar_automation_is_a_warning_only(company: Company, start: Submission) -> None:
    content = stock_report.source(as_another("beside", more_channels(2)))
    connect(company, content)
    rita = Build.by(company.people.rita)
    page = rita.see(rita.import_item(content=content))
    assert "May be the same as" in page
    assert "It asks for nearly the same. Check that it is not built twice." in page
    made = stock_report.submitted(company, as_another("beside", more_channels(2)))
    assert not Likeness.objects.filter(automation=made.automation).exists()
    assert not made.parties.filter(capacity=Capacity.ALIKE).exists()


@OF_FOUR
def test_withdrawal_of_a_similar_automation_is_no_refusal(company: Company, start: Submission) -> None:
    withdraw.withdraw(start, actor=as_actor(company.people.rita), now=company.now, reason="Another way.")
    made = stock_report.submitted(company, as_another("beside", more_channels(2)))
    assert not Likeness.objects.filter(automation=made.automation).exists()


@pytest.mark.rule("A7")
@OF_FOUR
def test_duplicate_question_is_excluded_from_bulk_decision(company: Company) -> None:
    made = stock_report.submitted(company, from_elsewhere("again", more_channels(2)))
    app = scenarios.app_of(made)
    assert (app.tier, app.earlier) == ("standard", None)
    page = client_of(company.people.theo).get(f"{reverse('decide_together')}?of={made.pk}").content.decode()
    assert "may be the same as another" in page


def test_export_without_id_is_recognised_by_source(company: Company, stock_submitted: Submission) -> None:
    first = stock_submitted
    content = json.dumps({**json.loads(stock_report.source()), "meta": {"instanceId": "e" * 64}}).encode()
    made = scenarios.submitted(company, scenarios.brought_in(company, stock_report.EXPORT, content=content))
    likeness = likeness_of(made)
    assert (likeness.other, likeness.because) == (first.automation, Because.SOURCE)


@AGAIN
def test_reviewer_sees_decisions_on_other_automation(company: Company, start: Submission) -> None:
    made = start
    page = client_of(company.people.theo).get(reverse("review", args=[made.pk])).content.decode()
    assert "Said before" in page
    assert "Nobody reads it." in page
