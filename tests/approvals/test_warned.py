"""What whoever decides reads before they click: that a yes of theirs asks a third signature, or can't be given at all (S10, A9)."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.models import Approval, ApprovalState, Submission
from governance.controls.models import Person
from tests import journeys
from tests.appointing import leave_fallback, record_leaver
from tests.approvals import mutually
from tests.approvals.test_third_at_deciding import OPEN_SINCE_BEFORE
from tests.journeys import Company
from tests.people import as_actor
from tests.portal.signed_in import client_of

pytestmark = pytest.mark.django_db

WARNING = "Approving this asks for a third signature, from outside both teams."


def read(person: Person, submission: Submission, opened: int | None = None) -> str:
    """The review page in words, its forms' buttons by their values."""
    address = reverse("review", args=[submission.pk]) + (f"?open={opened}" if opened else "")
    return str(client_of(person).get(address).content.decode())


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def cost(person: Person, submission: Submission) -> int:
    """How many queries the page takes, once what every process keeps is there."""
    client, address = client_of(person), reverse("review", args=[submission.pk])
    client.get(address)
    with CaptureQueriesContext(connection) as asked:
        client.get(address)
    return len(asked)


@pytest.mark.rule("S10")
@OPEN_SINCE_BEFORE
def test_whoever_signs_without_a_signal_reads_nothing_of_it(company: Company, start: Approval) -> None:
    page = read(company.people.viktor, start.submission)
    assert 'value="approve"' in page
    assert WARNING not in page


@pytest.mark.rule("S10", "A9")
@OPEN_SINCE_BEFORE
def test_where_nobody_could_give_it_there_is_no_button_for_yes_and_the_reason_stands_there(
    company: Company, start: Approval, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, app = company.people, start
    journeys.approve(app, n.viktor, now=company.now)
    leave_fallback(n.fallback, n.amara, now=company.now)
    record_leaver(n.sana, actor=as_actor(n.ines), now=company.now, reason="Left.")
    page = read(n.theo, app.submission)
    assert "nobody from outside both teams is left to sign too" in page
    column = page[page.index('id="app"') :]
    assert 'value="approve"' not in column
    assert 'value="reject"' in column


@pytest.mark.rule("S10")
@OPEN_SINCE_BEFORE
def test_whoever_has_a_signal_reads_before_the_click_who_will_be_asked_and_that_is_what_happens(
    company: Company, start: Approval
) -> None:
    n, app = company.people, start
    said = words(read(n.theo, app.submission))
    assert WARNING in said
    named = said[said.index(WARNING) :].partition("has signed too")[0]
    assert n.amara.name in named
    journeys.approve(app, n.theo, now=company.now)
    asked = {one.person.name for one in app.seats.get(label="outside").candidates.all()}
    assert n.amara.name in asked
    assert WARNING not in words(read(n.theo, app.submission)), "it was asked for"


@pytest.mark.rule("S10")
def test_a_row_of_stage_2_warns_of_it_too_and_is_not_approved_by_one_press(
    company: Company, chaser_in_stage_2: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = company.people
    mutually.as_if(monkeypatch, n.omar)
    high = chaser_in_stage_2.approvals.filter(stage=2, tier="high", state=ApprovalState.OPEN, decided_on=None)
    record = high.filter(privilege__entitlement__resource=company.erp)[0]
    page = read(n.omar, chaser_in_stage_2)
    row = words(page[page.index(f'id="row-{record.pk}"') :].partition("</li>")[0])
    assert WARNING in row
    journeys.approve(record, n.omar, now=company.now)
    record.refresh_from_db()
    assert record.state == ApprovalState.OPEN
    assert record.seats.filter(label="outside").exists()


@pytest.mark.rule("S10")
@OPEN_SINCE_BEFORE
def test_neither_the_warning_nor_the_seat_costs_a_page_more_than_it_may(company: Company, start: Approval) -> None:
    n, app = company.people, start
    assert cost(n.theo, app.submission) <= 21, "warned: whether it may be, and then whether it is"
    journeys.approve(app, n.theo, now=company.now)
    for who in (n.theo, n.viktor, n.amara, n.rita):
        assert cost(who, app.submission) <= 20, who.name


@pytest.mark.rule("S10")
def test_it_costs_the_same_for_one_record_that_would_ask_it_as_for_many(
    company: Company, chaser_in_stage_2: Submission, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = company.people
    mutually.as_if(monkeypatch, n.omar)
    high = list(chaser_in_stage_2.approvals.filter(stage=2, tier="high", privilege__entitlement__resource=company.erp))
    costs = [cost(n.omar, chaser_in_stage_2)]
    for record in high:
        journeys.approve(record, n.omar, now=company.now)
        costs.append(cost(n.omar, chaser_in_stage_2))
    assert all(abs(a - b) <= 1 for a, b in pairwise(costs)), costs
    assert max(costs) <= 20
