"""Where the focus is after a decision: on what comes next of the reader's own, or on the field that was refused (A7; ui.md, Review)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.models import Approval, Likeness, Submission
from governance.core.models import Person
from tests import scenarios
from tests.approvals.duplicates.test_duplicates import from_elsewhere
from tests.portal.dashboard.test_page_costs import submitted_script
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock_stands")]

#: What the answer puts the focus on: the id of an element that says so.
FOCUS = re.compile(r'<[a-z]+(?=[^>]*\sdata-focus)[^>]*?\sid="([^"]+)"')


def four_open(c: Company) -> Submission:
    """A submission in stage 2: four privileges of standard risk wait for Omar."""
    made = submitted_script(c, "Alpha", 4)
    scenarios.decide_app(c, made)
    return made


FOUR_OPEN = starting_point("company", four_open)


@pytest.fixture
def records(start: Submission) -> list[Approval]:
    """The four approvals of `FOUR_OPEN`, as they stand on the page."""
    return list(start.approvals.filter(stage=2).order_by("pk"))


def press(person: Person, record: Approval, **fields: Any) -> Any:
    """Press a button of a decision's form, with scripts."""
    values = scenarios.decision_form(record, **fields)
    where = reverse("decide", args=[record.submission_id])
    return client_of(person).post(where, values, headers={"HX-Request": "true", "HX-Target": "rows"})


def focus_after(person: Person, record: Approval, status: int = 200, **fields: Any) -> list[str]:
    """Where the focus goes: the ids of all that say so."""
    answer = press(person, record, **fields)
    assert answer.status_code == status
    return FOCUS.findall(answer.content.decode())


@pytest.mark.rule("A7")
@FOUR_OPEN
def test_skipped_approvals_come_last(company: Company, records: list[Approval]) -> None:
    omar = company.people.omar
    assert focus_after(omar, records[1]) == [f"row-{records[2].pk}"]
    assert focus_after(omar, records[2]) == [f"row-{records[3].pk}"]
    assert focus_after(omar, records[3]) == [f"row-{records[0].pk}"], "nothing is left behind it"
    assert focus_after(omar, records[0]) == [f"row-{records[0].pk}"], "nothing is left at all"


@pytest.mark.rule("A7")
@FOUR_OPEN
def test_rows_that_are_open_stay_open_and_the_focus_goes_on_all_the_same(
    company: Company, records: list[Approval]
) -> None:
    answer = press(company.people.omar, records[0], open=[str(approval.pk) for approval in (records[0], records[2])])
    drawn = answer.content.decode()
    assert re.findall(r'name="open" value="(\d+)"', drawn) == [str(records[2].pk)]
    assert FOCUS.findall(drawn) == [f"row-{records[1].pk}"]


@pytest.mark.rule("A7")
@FOUR_OPEN
def test_open_approvals_add_no_queries(company: Company, records: list[Approval]) -> None:
    more = submitted_script(company, "Beta", 6)
    scenarios.decide_app(company, more)
    approvals = list(more.approvals.filter(stage=2).order_by("pk"))

    def queries(record: Approval, others: list[Approval]) -> int:
        with CaptureQueriesContext(connection) as seen:
            press(company.people.omar, record, open=[str(approval.pk) for approval in others])
        return len(seen)

    queries(records[0], [])
    assert queries(records[1], records[2:3]) == queries(approvals[0], approvals[1:])


@pytest.mark.rule("A7", "I9")
def test_all_missing_fields_are_shown_and_first_is_focused(company: Company) -> None:
    theo = company.people.theo
    export = json.loads((scenarios.EXPORTS / "invoice-chaser.json").read_text())
    scenarios.submitted(company)
    from_elsewhere("again")(export)
    made = scenarios.submitted(company, scenarios.brought_in(company, content=json.dumps(export).encode()))
    app, field = scenarios.app_of(made), f"same-{Likeness.objects.get(automation=made.automation).pk}"
    drawn = press(theo, app).content.decode()
    assert "Say why: a high-risk or bulk approval needs a reason." in drawn
    assert f'id="{field}-error"' in drawn
    assert FOCUS.findall(drawn) == ["reason"]
    answer = press(theo, app, reason="Read it twice.")
    assert answer.status_code == 422
    assert re.findall(r'name="([^"]+)" form="decision" value="yes" data-focus', answer.content.decode()) == [field]


@pytest.mark.rule("A7")
def test_focus_moves_to_app_after_decision(company: Company) -> None:
    theo, app = company.people.theo, scenarios.app_of(submitted_script(company, "Alpha", 2))
    assert focus_after(theo, app, 422, decision="reject") == ["reason"]
    assert focus_after(theo, app, 409, shown_digest="0" * 64, reason="Fine.") == []  # the refusal, which has no id
    assert focus_after(theo, app) == ["app"]


@pytest.mark.rule("A7")
@pytest.mark.parametrize("field", ["level", "scope", "term_days"])
def test_the_focus_is_on_the_field_that_was_refused(
    company: Company, chaser_in_stage_2: Submission, field: str
) -> None:
    omar = company.people.omar
    approvals = chaser_in_stage_2.approvals.filter(stage=2).order_by("pk")
    offering = next(approval for approval in approvals if f'name="has_{field}-' in opened(omar, approval))
    fields = {"reason": "Fine.", f"has_{field}": "1"} | ({"scope": "*"} if field == "scope" else {})
    answer = press(omar, offering, **fields)
    assert answer.status_code == 422
    assert re.findall(r'name="([a-z_]+)-\d+"[^>]*\sdata-focus', answer.content.decode()) == [field]


def opened(person: Person, record: Approval) -> str:
    """The page with one row open."""
    where = reverse("review", args=[record.submission_id])
    return client_of(person).get(where, {"open": record.pk}).content.decode()


@FOUR_OPEN
def test_a_row_that_is_not_there_is_not_found(company: Company, records: list[Approval]) -> None:
    where = reverse("review", args=[records[0].submission_id])
    headers = {"HX-Request": "true", "HX-Target": "row-0"}
    assert client_of(company.people.omar).get(where, headers=headers).status_code == 404
