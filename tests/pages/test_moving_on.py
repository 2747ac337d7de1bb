"""Where the focus is after a decision: on what comes next of the reader's own, or on the field that was refused (A7; ui.md, Review)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals import facts
from approvals.models import Approval, Submission
from governance.controls.models import Person
from tests import journeys
from tests.journeys import Company
from tests.pages.test_waiting import asked
from tests.portal.signed_in import client_of

pytestmark = pytest.mark.django_db

#: What the answer puts the focus on: the id of an element that says so.
FOCUS = re.compile(r'<[a-z]+(?=[^>]*\sdata-focus)[^>]*?\sid="([^"]+)"')


@pytest.fixture(autouse=True)
def stands(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands."""
    monkeypatch.setattr("governance.controls.clock.now", lambda: company.now)


@pytest.fixture
def records(company: Company) -> list[Approval]:
    """Four privileges of standard risk that wait for Omar, as they stand on the page."""
    made = asked(company, "Alpha", 4)
    journeys.decide_app(company, made)
    return list(made.approvals.filter(stage=2).order_by("pk"))


def press(person: Person, record: Approval, **said: Any) -> Any:
    """Press a button of a decision's form, with scripts."""
    values = {"decision": "approve", "shown_digest": facts.digest(facts.of(record)), **said}
    where = reverse("decide", args=[record.submission_id, record.pk])
    return client_of(person).post(where, values, headers={"HX-Request": "true", "HX-Target": "rows"})


def focus_after(person: Person, record: Approval, status: int = 200, **said: Any) -> list[str]:
    """Where the focus goes: the ids of all that say so."""
    answer = press(person, record, **said)
    assert answer.status_code == status
    return FOCUS.findall(answer.content.decode())


@pytest.mark.rule("A7")
def test_what_was_passed_over_is_not_gone_back_to_before_the_end(company: Company, records: list[Approval]) -> None:
    omar = company.people.omar
    assert focus_after(omar, records[1]) == [f"row-{records[2].pk}"]
    assert focus_after(omar, records[2]) == [f"row-{records[3].pk}"]
    assert focus_after(omar, records[3]) == [f"row-{records[0].pk}"], "nothing is left behind it"
    assert focus_after(omar, records[0]) == [f"row-{records[0].pk}"], "nothing is left at all"


@pytest.mark.rule("A7")
def test_rows_that_are_open_stay_open_and_the_focus_goes_on_all_the_same(
    company: Company, records: list[Approval]
) -> None:
    answer = press(company.people.omar, records[0], open=[str(one.pk) for one in (records[0], records[2])])
    drawn = answer.content.decode()
    assert re.findall(r'<textarea class="control" id="([^"]+)"', drawn) == [f"reason-{records[2].pk}"]
    assert FOCUS.findall(drawn) == [f"row-{records[1].pk}"]


@pytest.mark.rule("A7")
def test_what_is_open_costs_no_query_a_row(company: Company, records: list[Approval]) -> None:
    more = asked(company, "Beta", 6)
    journeys.decide_app(company, more)
    found = list(more.approvals.filter(stage=2).order_by("pk"))

    def queries(record: Approval, others: list[Approval]) -> int:
        with CaptureQueriesContext(connection) as seen:
            press(company.people.omar, record, open=[str(one.pk) for one in others])
        return len(seen)

    queries(records[0], [])
    assert queries(records[1], records[2:3]) == queries(found[0], found[1:])
