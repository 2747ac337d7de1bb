"""A submission is judged by what the register says now, and a scan finds what a check finds (S6, I10, I3)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts import scan as conflict_scan
from approvals.conflicts.check.find_conflicts import case_of_version, find_conflicts
from approvals.models import Submission
from governance.core.duties.refusals import Refused
from inventory.importers.manifest import Trigger
from inventory.models import Resource, Version
from inventory.resources.transitions import resources
from tests import scenarios
from tests.approvals import chains, stock_report
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.people import as_actor
from tests.scenarios import Company
from tests.starting_points import starting_point
from tests.trigger_bypass import given

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]

DOOR = Trigger(type="webhook", at="/x", authenticated=False, active=True)


def amended(c: Company, resource: Resource, **fields: str) -> None:
    """Omar says something else of a resource of his, after whatever was submitted."""
    row = Resource.objects.get(pk=resource.pk)
    resources.amend_resource(row, actor=as_actor(c.people.omar), now=c.now, fields=fields)


def scan(c: Company) -> conflict_scan.Conflicts:
    return conflict_scan.scan(conflict_queries.in_force(c.now), c.now)


def by_hand(c: Company, name: str, held: chains.Held, **more: Any) -> Version:
    return chains.described(c, name, held, external_id=name, **more)


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        ({"data_class": "internal"}, {"data_classes": ["confidential"]}, {"data_class": "confidential"}),
        ({"environment": "test"}, {"environments": ["production"]}, {"environment": "production"}),
    ],
)
def test_enforced_rule_uses_current_resource_class(
    plain: Company, before: dict[str, str], wanted: dict[str, Any], after: dict[str, str]
) -> None:
    c = plain
    given(c.erp, **before)
    conflict_rules.rule(on(c.erp, **wanted), on(c.slack), mode="enforce")
    made = scenarios.submitted(c, stock_report.version(c, environment="test"))
    amended(c, c.erp, **after)
    with suppress(Refused):
        scenarios.decide_all(c, made)
    made = Submission.objects.get(pk=made.pk)
    assert made.state != "in_force"
    assert scan(c) == {}


def test_resource_change_in_mode_approval_asks_security(plain: Company) -> None:
    c = plain
    given(c.erp, data_class="internal")
    conflict_rules.rule(on(c.erp, data_classes=["confidential"]), on(c.slack), mode="approval")
    made = scenarios.submitted(c, stock_report.version(c))
    amended(c, c.erp, data_class="confidential")
    scenarios.decide_app(c, made)
    labels = {seat.label for record in made.approvals.filter(stage=2) for seat in record.seats.all()}
    assert "conflict" in labels


def test_current_environment_of_resource_counts(plain: Company) -> None:
    c = plain
    for resource in (c.slack, c.erp):
        given(resource, environment="test")
    conflict_rules.rule(on(c.erp), on(c.slack, environments=["production"]), mode="enforce", scope="owner")
    held = chains.in_force(c, stock_free(c, "One", (c.slack, "write", "in")))
    amended(c, c.slack, environment="production")
    with pytest.raises(Refused, match="S6"):
        chains.in_force(c, stock_free(c, "Two", (c.erp, "read", "stock")))
    assert len(find_conflicts(case_of_version(held.automation, held.version), c.now)) == len(scan(c)) == 0


def stock_free(c: Company, name: str, held: chains.Held) -> Version:
    """Described by hand, in the environment test."""
    made = by_hand(c, name, held)
    type(made.automation).objects.filter(pk=made.automation_id).update(environment="test")
    made.refresh_from_db()
    return made


def door(c: Company) -> Submission:
    """Anybody can start an automation in force."""
    return chains.in_force(c, by_hand(c, "Door", (c.slack, "write", "in"), triggers=(DOOR,)))


def reader(c: Company) -> Submission:
    """An automation in force reads the ERP."""
    return chains.in_force(c, by_hand(c, "Reader", (c.erp, "read", "stock")))


FIRST = {"door": starting_point("plain", door), "reader": starting_point("plain", reader)}


@pytest.mark.parametrize("first", [pytest.param(first, marks=FIRST[first]) for first in FIRST])
def test_a_door_of_one_type_is_found_by_check_and_scan_in_either_order(plain: Company, first: str) -> None:
    c = plain
    open_door = {"entry": ["open"], "codes": ["webhook"]}
    conflict_rules.rule(open_door, on(c.erp), mode="enforce", scope="owner", code="open-door")
    with pytest.raises(Refused, match="S6"):
        (reader if first == "door" else door)(c)


@FIRST["door"]
def test_a_door_of_another_type_is_no_part_of_it(plain: Company) -> None:
    c = plain
    conflict_rules.rule(
        {"entry": ["open"], "codes": ["form"]}, on(c.erp), mode="enforce", scope="owner", code="open-form"
    )
    assert reader(c).state == "in_force"
    assert scan(c) == {}
