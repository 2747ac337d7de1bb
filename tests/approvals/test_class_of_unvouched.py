"""Conflict rules, the facts of a decision and the review count a binding that rests on a party as restricted, as its tier does (I8, S6)."""

from __future__ import annotations

from typing import Any

import pytest

from approvals import facts, preview
from approvals.conflicts import asked, remaining
from approvals.drafts import Draft
from governance.controls.models import Person
from governance.controls.refusals import InvalidInput
from tests import journeys
from tests.approvals import stock
from tests.approvals.conflicts import ruling
from tests.approvals.test_bound_by_party import HOST, app_approved, bind, reads_payroll, submitted, version
from tests.approvals.uploads import making
from tests.journeys import Company
from tests.people import as_actor, joins
from tests.portal.signed_in import client_of
from tests.unguarded import given

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I8", "S6")]


@pytest.fixture
def omars(company: Company) -> Company:
    """Omar's public resource opens by the host, as he says himself."""
    given(company.model, data_class="public")
    company.model.refresh_from_db()
    stock.confirm_connections(company)
    joins(company.people.omar, company.people.finance_ops)
    bind(company, as_actor(company.people.omar))
    return company


def restricted_and_slack(c: Company, **more: Any) -> None:
    """One rule alone: restricted data of the public resource, and Slack."""
    ruling.no_other_rules()
    ruling.rule({"resources": [c.model.pk], "data_classes": ["restricted"]}, ruling.on(c.slack), **more)


def previewed(c: Company, owner: Person) -> preview.Preview:
    item = making.read_in(c, (stock.EXPORT, stock.source(reads_payroll))).items.get()
    draft = Draft(fields={"technical_owner": owner.pk})
    return preview.read(item, actor=as_actor(c.people.rita), now=c.now, team=c.people.finance_ops, draft=draft)


def test_an_enforced_rule_about_restricted_data_refuses_the_submission(omars: Company) -> None:
    restricted_and_slack(omars, mode="enforce")
    made = version(omars)
    with pytest.raises(InvalidInput, match="Read stock and tell of it") as no:
        journeys.submitted(omars, made)
    assert no.value.refusal.code == "S6"


def test_a_rule_about_restricted_data_finds_it_in_preview_submission_and_what_is_left(omars: Company) -> None:
    restricted_and_slack(omars, mode="approval")
    read = previewed(omars, omars.people.omar)
    assert ruling.codes(read.conflicts) == ["read-and-tell"]
    record = submitted(omars)
    assert ruling.codes(asked.of_record(record, omars.now)) == ["read-and-tell"]
    assert ruling.codes(asked.left(record.submission, record.submission.approvals.all(), omars.now)) == [
        "read-and-tell"
    ]
    assert ruling.codes(remaining.of_record(record, omars.now)) == ["read-and-tell"]


def test_what_somebody_else_confirmed_is_in_no_such_conflict(omars: Company) -> None:
    restricted_and_slack(omars, mode="approval")
    assert not previewed(omars, omars.people.rita).conflicts
    record = submitted(omars, technical_owner=omars.people.rita)
    assert not asked.of_record(record, omars.now)
    assert facts.of(record, omars.now)["data_class"] == "public"


def test_a_decision_is_about_the_class_that_its_tier_counts(omars: Company) -> None:
    record = submitted(omars)
    assert facts.of(record, omars.now)["data_class"] == "restricted"


def test_the_review_and_the_preview_show_the_class_that_counts(omars: Company) -> None:
    n, read = omars.people, previewed(omars, omars.people.omar)
    wanted = next(one for one in read.wanted if one.asked.privilege and one.asked.privilege.instance == HOST)
    assert read.counted_class(wanted) == "restricted"
    record = submitted(omars)
    app_approved(omars, record.submission)
    page = client_of(n.amara).get(f"/review/{record.submission_id}/").content.decode()
    row = page.partition(f'id="row-{record.pk}"')[2].partition('class="privilege-owner"')[0]
    assert "Restricted" in row.partition('class="privilege-data"')[2]
