"""What was refused or stopped is the same however its tables are written: in another order, in other letters, with one more (A13, A15, G5, I9)."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from approvals.grants.transitions import stops
from approvals.models import Approval, Grant, Submission
from governance.core.duties.refusals import DutyConflict
from inventory.importers import privilege_scope
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.light_path import low_risk_report
from tests.approvals.light_path.low_risk_report import another, asks, both
from tests.approvals.light_path.test_eligibility import called_by_another, second
from tests.approvals.prior_decisions.test_copies_of_stopped_grants import ONE, STOPPED
from tests.people import as_actor
from tests.scenarios import EXPORTS, Company
from tests.starting_points import starting_point

CHASER = "invoice-chaser.json"
OTHERWISE = {
    "the same": f"{ONE} WHERE true",
    "the other way round": "SELECT s.sku, i.name FROM scm.items i JOIN scm.stock s ON i.sku = s.sku",
    "in other letters": "SELECT s.sku, i.name FROM SCM.Stock s JOIN scm.ITEMS i ON i.sku = s.sku",
    "one more": f"{ONE} JOIN scm.bins b ON true",
    "one of them": "SELECT s.sku FROM scm.stock s",
    "without its schema": "SELECT s.sku FROM stock s",
}


def refused_together(c: Company) -> None:
    """It reads two tables in one query, which Omar refuses."""
    made = stock_report.app_approved(c, low_risk_report.submitted(c, both(asks(ONE), called_by_another)))
    record = next(approval for approval in second(made) if approval.privilege is not None)
    scenarios.reject(record, c.people.omar, now=c.now, reason="Never these two together.")


REFUSED = starting_point("company", refused_together)


# --- the light path ----------------------------------------------------------------------------------------------------


@pytest.mark.rule("A13", "A15")
@REFUSED
@pytest.mark.parametrize("how", OTHERWISE)
def test_rejected_access_is_not_auto_approved_in_other_spelling(company: Company, how: str) -> None:
    assert not low_risk_report.submitted(company, both(asks(OTHERWISE[how]), another("b"))).light_path


@pytest.mark.rule("A13", "A15")
@REFUSED
def test_rejected_access_is_not_auto_approved_by_other_step(company: Company) -> None:
    assert not low_risk_report.submitted(company, another("b")).light_path


@pytest.mark.rule("G5", "A13")
@STOPPED
@pytest.mark.parametrize(
    ("how", "is_copy"),
    [("the other way round", False), ("in other letters", True), ("one more", False), ("one more", True)],
)
def test_stopped_access_is_not_auto_approved(company: Company, how: str, is_copy: bool) -> None:
    edit = another("b") if is_copy else stock_report.started_by_hand
    assert not low_risk_report.submitted(company, both(asks(OTHERWISE[how]), edit)).light_path


def stopped_by_its_owner(c: Company) -> Submission:
    """People approved it; then Omar stopped what it reads."""
    first = stock_report.in_force(c, asks(ONE))
    grant = Grant.objects.get(automation=first.automation, entitlement__resource=c.erp)
    stops.stop_grant(grant, actor=as_actor(c.people.omar), now=c.now, reason="Not these two together.")
    return first


@pytest.mark.rule("G5")
@starting_point("company", stopped_by_its_owner)
@pytest.mark.parametrize("how", ["the other way round", "in other letters"])
def test_stopper_does_not_restore_rewritten_access_alone(company: Company, how: str) -> None:
    omar = company.people.omar
    record = stock_report.privilege_on(stock_report.submitted(company, asks(OTHERWISE[how])), company.erp)
    assert {seat.label for seat in record.seats.all()} == {"owner", "security"}
    with pytest.raises(DutyConflict, match="stopped what this would bring back"):
        scenarios.approve(record, omar, now=company.now)


@pytest.mark.rule("A13")
@REFUSED
def test_unrelated_access_is_no_question(company: Company) -> None:
    assert low_risk_report.submitted(company, both(asks("SELECT 1 FROM scm.bins"), another("b"))).light_path


# --- asked again -------------------------------------------------------------------------------------------------------


def chaser(how: str, name: str = "") -> bytes:
    """The invoice chaser with its query of two tables written otherwise, under its own name and id where given."""
    export = json.loads((EXPORTS / CHASER).read_text())
    export |= {"id": name, "name": name} if name else {}
    nodes = [node for node in export["nodes"] if "fin.customers" in str(node["parameters"].get("query", ""))]
    query = nodes[0]["parameters"]["query"].replace("LIMIT 50", "LIMIT 40")
    if how == "the other way round":
        query = (
            query.replace("fin.invoices", "\0").replace("fin.customers", "fin.invoices").replace("\0", "fin.customers")
        )
    elif how == "in other letters":
        query = query.replace("fin.invoices", "FIN.Invoices")
    nodes[0]["parameters"]["query"] = query
    return json.dumps(export).encode()


def of_both(made: Submission) -> Approval:
    """The record about the query of two tables."""
    return next(approval for approval in made.approvals.exclude(privilege=None) if len(approval.privilege.scope) == 2)


def refused_both(c: Company) -> Approval:
    """The record about the query of two tables, rejected by the owner of the database."""
    refused = of_both(stock_report.newest(c))
    assert refused.privilege is not None
    return scenarios.reject(refused, refused.privilege.entitlement.resource.owner, now=c.now, reason="Never both.")


@pytest.mark.rule("A15")
@starting_point("chaser_in_stage_2", refused_both)
@pytest.mark.parametrize("how", ["the same", "the other way round", "in other letters"])
def test_rewritten_rejection_is_shown_and_goes_to_same_person(company: Company, start: Approval, how: str) -> None:
    refused = start
    again = scenarios.submitted(company, scenarios.brought_in(company, CHASER, content=chaser(how)))
    assert of_both(again).earlier == refused


@pytest.mark.rule("I9", "A15")
def test_a_copy_that_is_written_otherwise_is_held_as_the_same(company: Company, chaser_submitted: Submission) -> None:
    made = chaser_submitted
    scenarios.reject(scenarios.app_of(made), company.people.theo, now=company.now, reason="No.")
    content = chaser("the other way round", "another")
    again = scenarios.submitted(company, scenarios.brought_in(company, CHASER, content=content))
    assert scenarios.app_of(again).earlier == scenarios.app_of(made)


# --- the form itself ---------------------------------------------------------------------------------------------------


@pytest.mark.rule("A15")
@pytest.mark.parametrize(
    ("first", "other", "is_same"),
    [
        (["scm.stock"], ["hr.salaries"], False),
        (["stock"], ["restock"], False),
        (["/finance"], ["/finances/2024"], False),
        ([], ["scm.stock"], False),
        (["scm.stock", "a"], ["b", "SCM.Stock"], True),
        (["stock"], ["erp.scm.stock"], True),
        (["/finance/2024"], ["/finance/"], True),
    ],
)
def test_overlapping_access_is_recognised(first: Sequence[str], other: Sequence[str], is_same: bool) -> None:
    mine, its = privilege_scope.target_parts("", first), privilege_scope.target_parts("", other)
    assert privilege_scope.targets_overlap(mine, its) is privilege_scope.targets_overlap(its, mine) is is_same
