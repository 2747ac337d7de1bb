"""An import stores which legs of the rules in force its new entitlements fill: `entitlements.imported` (S6)."""

from __future__ import annotations

import pytest

from approvals.conflicts import leg_members
from approvals.models import ConflictMember
from inventory.models import Resource
from tests import scenarios
from tests.approvals.conflicts import conflict_rules
from tests.scenarios import Company
from tests.trigger_bypass import given

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]


def members() -> set[tuple[int, int, int]]:
    """Leg, entitlement and ways of holding of each stored row."""
    return set(ConflictMember.objects.values_list("leg", "entitlement", "mask"))


def test_import_stores_members_as_nightly_job_does(company: Company) -> None:
    """The data class counts that the resource has now, even if the import has read an earlier one."""
    c = company
    conflict_rules.no_other_rules()
    conflict_rules.rule(conflict_rules.on(c.slack, data_classes=["confidential"]), conflict_rules.on(c.erp))
    assert members() == set()
    given(Resource.objects.get(pk=c.slack.pk), data_class="confidential")  # c.slack still says internal
    scenarios.brought_in(c, "weekly-stock-report.json")
    stored = members()
    assert {leg for leg, _, _ in stored} == {1, 2}
    leg_members.update_all(c.now)
    assert stored == members()
