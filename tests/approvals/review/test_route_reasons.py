"""Why this tier, why this route: the rule that takes a signature more, and what it is joined with, by name (S6, A16)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from approvals.models import Submission
from governance.core.models import Person
from inventory.models import Automation
from tests.approvals import chains, stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.light_path import low_risk_report
from tests.scenarios import Company
from tests.signed_in_client import client_of
from tests.starting_points import starting_point
from tests.trigger_bypass import moved

pytestmark = pytest.mark.django_db


def why(who: Person, submission: Submission) -> str:
    """What the page says to somebody."""
    page: str = client_of(who).get(reverse("review_why", args=[submission.pk])).content.decode()
    return page


@pytest.mark.rule("S6", "A8")
def test_a_signature_more_names_its_rule_on_the_rows_that_it_is_about(plain: Company) -> None:
    made = conflict_rules.rule(on(plain.erp), on(plain.slack), mode="approval")
    conflict_rules.rule(on(plain.erp), on(plain.slack), code="shown", title="Only shown")
    page = why(plain.people.theo, stock_report.submitted(plain))
    reason = f'and one of security, because of <a href="{made.href}">{made.title}</a>'
    assert page.count(reason) == 2
    assert "Only shown" not in page


@pytest.mark.rule("S6", "A8")
def test_seat_keeps_reason_after_rule_ends(plain: Company) -> None:
    made = conflict_rules.rule(on(plain.erp), on(plain.slack), mode="approval")
    submission = stock_report.submitted(plain)
    conflict_rules.give_up(made, plain.people.ines, plain.people.karl)
    assert "because of a conflict that was found when it was asked" in why(plain.people.theo, submission)


def joined(c: Company) -> tuple[Automation, Submission]:
    """One in force writes what a submission reads."""
    return chains.report_in_force(c, chains.report("writer", "stock", "insert")), low_risk_report.submitted(c)


@pytest.mark.rule("A16")
@starting_point("plain", joined)
def test_chain_members_are_named_to_readers_and_counted_for_others(
    plain: Company, start: tuple[Automation, Submission]
) -> None:
    n, (writer, submission) = plain.people, start
    assert f'In one chain with <a href="{writer.href}">{writer.name}</a>.' in why(n.rita, submission)
    moved(writer.pk, team=n.marketing, business_owner=n.grace, technical_owner=n.tom)
    shown = why(n.rita, submission)
    assert "In one chain with 1 automation that you don’t see." in shown
    assert writer.name not in shown
