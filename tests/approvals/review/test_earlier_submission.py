"""The head of a review page after an earlier submission without success: its end, reasons and decisions (A15)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.decisions.transitions import comment, decide
from approvals.models import Submission
from approvals.submissions import jobs as submission_jobs
from approvals.submissions.transitions import withdraw
from governance.core.models import Person
from tests import scenarios
from tests.approvals import stock_report
from tests.people import as_actor, as_delegate
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = pytest.mark.django_db


def read(person: Person, submission: Submission) -> str:
    """The review page as the person has it."""
    answer = client_of(person).get(reverse("review", args=[submission.pk]))
    assert answer.status_code == 200
    return str(answer.content.decode())


def block(person: Person, submission: Submission) -> str:
    """The words that head the page; empty where nothing does."""
    match = re.search(r'<section class="panel before".*?</section>', read(person, submission), re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", match[0]).split()).replace(" ,", ",") if match else ""


def taken_back(c: Company, submission: Submission, *, minutes: int = 0) -> None:
    """Rita withdraws it."""
    now = c.now + timedelta(minutes=minutes)
    withdraw.withdraw(submission, actor=as_actor(c.people.rita), now=now, reason="The holidays come first.")


def discussed(c: Company, made: Submission) -> Submission:
    """Theo asks, Amara objects, Theo approves the app, Omar approves one privilege; then Rita withdraws it. A minute each."""
    n = c.people
    at = [c.now + timedelta(minutes=minute) for minute in range(4)]
    on_slack = stock_report.privilege_on(made, c.slack)
    comment.comment(made, actor=as_actor(n.theo), now=at[0], reason="I wonder about the channel.")
    comment.object_to(on_slack, actor=as_actor(n.amara), now=at[1], reason="Slack is noisy.")
    scenarios.approve(scenarios.app_of(made), n.theo, now=at[2], reason="The app is fine.")
    scenarios.approve(on_slack, n.omar, now=at[3], reason="Quiet enough.")
    taken_back(c, made, minutes=4)
    return made


def submitted_again(c: Company) -> Submission:
    """What was discussed and withdrawn is submitted once more."""
    return scenarios.submitted(c, discussed(c, stock_report.newest(c)).version)


AGAIN = starting_point("stock_submitted", submitted_again)


@pytest.mark.rule("A15")
@AGAIN
def test_earlier_submission_is_hidden_without_access(company: Company, start: Submission) -> None:
    again = start
    answer = client_of(company.people.nadia).get(reverse("review", args=[again.pk]))
    assert answer.status_code == 404
    assert "The holidays come first." not in answer.content.decode()


@pytest.mark.rule("A15")
@AGAIN
def test_next_submission_shows_folded_earlier_comments_and_decisions(company: Company, start: Submission) -> None:
    before, again = Submission.objects.earliest("pk"), start
    text = block(company.people.omar, again)
    assert "withdrawn by Rita Novak, today 10:04" in text
    assert "“The holidays come first.”" in text
    assert "Comments and decisions in it 4" in text
    title = stock_report.privilege_on(before, company.slack).title
    in_order = [
        "Theo Brandt today 10:00 I wonder about the channel.",
        f"Amara Okafor objection, today 10:01, on “{title}” Slack is noisy.",
        "Theo Brandt team lead, today 10:02, on “the app” Approved The app is fine.",
        f"You resource owner, today 10:03, on “{title}” Approved Quiet enough.",
    ]
    places = [text.find(phrase) for phrase in in_order]
    assert -1 not in places, (text, places)
    assert places == sorted(places)
    page = read(company.people.omar, again)
    assert re.search(r"<details[^>]*>\s*<summary", page), "folded"
    assert not re.search(r"<details[^>]* open", page)
    assert f'href="{reverse("review", args=[before.pk])}"' in page
    assert read(company.people.omar, before), "who reads it may follow the link"


@pytest.mark.rule("A15", "A11")
def test_delegated_decision_names_both_people(company: Company, stock_submitted: Submission) -> None:
    c, n = company, company.people
    made = stock_submitted
    actor = as_delegate(n.tom, giver=n.theo)
    app = scenarios.app_of(made)
    decide.approve(app, actor=actor, now=c.now, reason="For Theo.", shown_digest=scenarios.shown(app))
    taken_back(c, made)
    text = block(n.rita, scenarios.submitted(c, made.version))
    assert "withdrawn by you" in text
    assert "Tom Ashby for Theo Brandt team lead" in text


@pytest.mark.rule("A15", "A4", "A10")
def test_earlier_app_rejection_and_expiry_are_explained(company: Company, stock_submitted: Submission) -> None:
    c, n = company, company.people
    first = stock_submitted
    scenarios.reject(scenarios.app_of(first), n.theo, now=c.now, reason="We have one like it.")
    second = scenarios.submitted(c, first.version)
    text = block(n.rita, second)
    assert "rejected in stage 1 by Theo Brandt, today 10:00" in text
    assert "“We have one like it.”" in text
    late = second.approvals.get(stage=1).expires_at + timedelta(hours=1)
    submission_jobs.sweep(late)
    third = scenarios.submitted(c, first.version, now=late)
    assert "expired: nobody decided stage 1 in time" in block(n.rita, third)
    assert "We have one like it" not in block(n.rita, third), "only the last one heads it"


def declined_and_again(c: Company) -> Submission:
    """What was declined is submitted again."""
    return scenarios.submitted(c, stock_report.newest(c).version)


DECLINED = starting_point("stock_declined", declined_and_again)


def refused_again(c: Company) -> Submission:
    """Omar refused the same once more; the rest is approved, and waits for Jonas."""
    made = stock_report.newest(c)
    scenarios.decide_app(c, made)
    scenarios.reject(stock_report.privilege_on(made, c.slack), c.people.omar, now=c.now, reason="Still too public.")
    return stock_report.decide_rest(c, made)


@pytest.mark.rule("A15", "A5")
@DECLINED
def test_decliner_of_subset_is_named(company: Company, start: Submission) -> None:
    text = block(company.people.theo, start)
    assert "declined by Jonas Weil, today 10:00" in text
    assert "“All or nothing.”" in text
    assert "Rejected Too public." in text


@pytest.mark.rule("A15", "A5", "A14")
@starting_point(DECLINED, refused_again)
def test_unaccepted_subset_is_explained(company: Company, start: Submission) -> None:
    c, n, second = company, company.people, start
    late = second.accept_due_at + timedelta(hours=1)
    submission_jobs.sweep(late)
    third = scenarios.submitted(c, second.version, now=late)
    assert "expired: nobody accepted the approved part in time" in block(n.theo, third)


def continued(c: Company) -> Submission:
    """Theo commented on the first version, which a newer version continues."""
    first = stock_report.newest(c)
    comment.comment(first, actor=as_actor(c.people.theo), now=c.now, reason="Said about the first.")
    return stock_report.submitted(c, stock_report.one_more_channel)


@pytest.mark.rule("A14", "A15")
@starting_point("stock_submitted", continued)
def test_continued_submission_is_shown_with_its_successor_only(company: Company, start: Submission) -> None:
    c, n = company, company.people
    first, second = Submission.objects.earliest("pk"), start
    assert block(n.rita, second) == ""
    comment.comment(second, actor=as_actor(n.theo), now=c.now, reason="Said about the second.")
    taken_back(c, second)
    third = scenarios.submitted(c, first.version)
    assert re.search(r"Said about the first\..*Said about the second\.", block(n.rita, third))
    fourth = stock_report.submitted(c, stock_report.started_by_hand)
    assert "Said about the second." in block(n.rita, fourth), "one that continues the third is headed by the same"


@pytest.mark.rule("A15")
def test_submission_in_force_is_no_earlier_request(
    company: Company, live: Submission, one_channel_more: Submission
) -> None:
    assert block(company.people.omar, live) == block(company.people.omar, one_channel_more) == ""


@pytest.mark.rule("A15")
def test_earlier_submission_query_count_is_fixed(company: Company, stock_submitted: Submission) -> None:
    c, n = company, company.people

    def queries(submission: Submission) -> int:
        client = client_of(n.omar)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(reverse("review", args=[submission.pk])).status_code == 200
        return len(queries)

    first = stock_submitted
    alone = queries(first)
    assert alone <= 26, "a fixed number, whatever it asks for"
    taken_back(c, first)
    second = scenarios.submitted(c, first.version)
    little = queries(second)
    for number in range(2):
        comment.comment(second, actor=as_actor(n.theo), now=c.now, reason=f"Remark {number}.")
    scenarios.approve(scenarios.app_of(second), n.theo, now=c.now)
    taken_back(c, second)
    third = scenarios.submitted(c, first.version)
    assert queries(third) == little > alone
