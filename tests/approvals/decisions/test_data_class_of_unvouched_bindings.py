"""Conflict rules, the facts of a decision and the review count a binding that rests on a party as restricted, as its tier does (I8, S6)."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.assignment.context import load_context
from approvals.intake.drafts import Draft
from approvals.intake.preview import queries as preview_queries
from governance.core.duties.refusals import InvalidInput
from governance.core.models import Person
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.decisions.test_bindings_of_parties import (
    HOST,
    app_approved,
    bind,
    reads_payroll,
    submitted,
    version,
)
from tests.approvals.intake.uploads import batches
from tests.people import as_actor, joins
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.trigger_bypass import given

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I8", "S6")]


@pytest.fixture
def omars(company: Company) -> Company:
    """Omar's public resource opens by the host, as he says himself."""
    given(company.model, data_class="public")
    company.model.refresh_from_db()
    stock_report.confirm_connections(company)
    joins(company.people.omar, company.people.finance_ops)
    bind(company, as_actor(company.people.omar))
    return company


def restricted_and_slack(c: Company, **more: Any) -> None:
    """One rule alone: restricted data of the public resource, and Slack."""
    conflict_rules.no_other_rules()
    conflict_rules.rule({"resources": [c.model.pk], "data_classes": ["restricted"]}, conflict_rules.on(c.slack), **more)


def previewed(c: Company, owner: Person) -> preview_queries.Preview:
    item = batches.read_in(c, (stock_report.EXPORT, stock_report.source(reads_payroll))).items.get()
    draft = Draft(fields={"technical_owner": owner.pk})
    return preview_queries.load_preview(
        item, actor=as_actor(c.people.rita), now=c.now, team=c.people.finance_ops, draft=draft
    )


def test_an_enforced_rule_about_restricted_data_refuses_the_submission(omars: Company) -> None:
    restricted_and_slack(omars, mode="enforce")
    made = version(omars)
    with pytest.raises(InvalidInput, match="Read stock and tell of it") as error:
        scenarios.submitted(omars, made)
    assert error.value.refusal.code == "S6"


def test_unvouched_binding_counts_as_restricted_in_all_checks(omars: Company) -> None:
    restricted_and_slack(omars, mode="approval")
    read = previewed(omars, omars.people.omar)
    assert conflict_rules.codes(read.context.conflicts) == ["read-and-tell"]
    record = submitted(omars)
    context = load_context(record, omars.now)
    conflicts = context.conflicts
    for rows in (conflicts.as_asked, conflicts.after_decisions(context.approvals), conflicts.remaining):
        assert conflict_rules.codes(conflicts.conflicts_of(record, rows)) == ["read-and-tell"]


def test_the_assessment_of_an_import_counts_it_too(omars: Company) -> None:
    """Before any submission: the import itself looks for the parties of connections that a person confirmed (T1)."""
    made = version(omars)
    key = made.privileges.get(instance=HOST).key
    assert made.latest_assessment.levels["unvouched"] == [key]


def test_the_assessment_of_an_import_believes_an_outsider(omars: Company) -> None:
    vouched = version(omars, technical_owner=omars.people.rita)
    assert vouched.latest_assessment.levels["unvouched"] == []


def test_vouched_binding_causes_no_such_conflict(omars: Company) -> None:
    restricted_and_slack(omars, mode="approval")
    assert not previewed(omars, omars.people.rita).context.conflicts
    record = submitted(omars, technical_owner=omars.people.rita)
    assert not load_context(record, omars.now).conflicts.as_asked
    assert scenarios.facts_shown(record, omars.now)["data_class"] == "public"


def test_a_decision_is_about_the_class_that_its_tier_counts(omars: Company) -> None:
    record = submitted(omars)
    assert scenarios.facts_shown(record, omars.now)["data_class"] == "restricted"


def test_the_review_and_the_preview_show_the_class_that_counts(omars: Company) -> None:
    n, read = omars.people, previewed(omars, omars.people.omar)
    wanted = next(row for row in read.wanted if row.requested.privilege and row.requested.privilege.instance == HOST)
    assert wanted.data_class == "restricted"
    record = submitted(omars)
    app_approved(omars, record.submission)
    page = client_of(n.amara).get(f"/review/{record.submission_id}/").content.decode()
    row = page.partition(f'id="row-{record.pk}"')[2].partition('class="privilege-end"')[0]
    assert "Restricted" in row.partition('class="privilege-facts"')[2]
