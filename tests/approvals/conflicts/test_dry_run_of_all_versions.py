"""People with a version that a rule would catch benefit from loosening or ending the rule (S6, S8)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.conflicts import queries as conflict_queries
from approvals.conflicts.check.find_conflicts import case_of_version, find_conflicts
from approvals.conflicts.dry_run import automations_caught
from approvals.models import Conflict
from approvals.proposals import beneficiaries
from governance.core.duties.refusals import DutyConflict, Refused
from governance.core.roles.roles import Role
from inventory.models import Automation, Version
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.chains import described, in_force
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.proposals.test_conflict_rule_proposals import approve, proposed, rule_of
from tests.people import give_role
from tests.scenarios import Company
from tests.starting_points import starting_point

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6", "S8")]


def refused_draft(c: Company) -> Automation:
    """A draft of Rita's that a rule in force has refused."""
    approve(c, proposed(c, rule_of(c, mode="enforce")), c.people.sana)
    version = stock_report.version(c)
    with pytest.raises(Refused, match=r"^S6: Read stock and tell of it: What"):
        scenarios.submitted(c, version)
    return version.automation


def writes(c: Company) -> None:
    """One automation in force writes to the workspace."""
    in_force(c, described(c, "Writes", (c.slack, "write", "in")))


def writes_as_robot(c: Company) -> None:
    """The same, as an identity."""
    in_force(c, described(c, "Writes", (c.slack, "write", "in"), identity="robot"))


REFUSED_DRAFT = starting_point("plain", refused_draft)
WRITES = starting_point("plain", writes)
WRITES_AS_ROBOT = starting_point("plain", writes_as_robot)
DRAFT = starting_point("plain", stock_report.version, name="of which a rule may say more")


def would_catch(c: Company) -> set[str]:
    """Names of the automations that the rules in force would catch by any version."""
    caught = automations_caught(conflict_queries.in_force(c.now), c.now)
    return set(Automation.objects.filter(pk__in=caught).values_list("name", flat=True))


# --- who may not ------------------------------------------------------------------------------------------------------


@REFUSED_DRAFT
@pytest.mark.parametrize("way", ["given up", "loosened"])
def test_builder_with_refused_draft_does_not_countersign_loosening(plain: Company, way: str) -> None:
    c, n = plain, plain.people
    give_role(n.rita, Role.SECURITY_REVIEWER, admins=(n.ines, n.karl))
    document: dict[str, Any] = {} if way == "given up" else rule_of(c)
    made = proposed(c, document)
    assert n.rita.pk in made.gains
    assert not Conflict.objects.exists()
    with pytest.raises(DutyConflict, match="You would gain by this"):
        approve(c, made, n.rita)
    approve(c, made, n.sana)


@REFUSED_DRAFT
def test_builder_with_refused_draft_does_not_propose_loosening(plain: Company) -> None:
    c, n = plain, plain.people
    give_role(n.rita, Role.ADMIN, admins=(n.ines, n.karl))
    with pytest.raises(DutyConflict, match="You would gain by this yourself"):
        proposed(c, {}, by=n.rita)


@pytest.mark.parametrize(
    "scope",
    [
        *(pytest.param(scope, marks=WRITES) for scope in ("team", "owner", "chain")),
        pytest.param("identity", marks=WRITES_AS_ROBOT),
    ],
)
def test_draft_is_checked_with_access_of_others(plain: Company, scope: str) -> None:
    c = plain
    more = {"identity": "robot"} if scope == "identity" else {}
    described(c, "Reads", (c.slack, "read", "in"), **more)
    described(c, "Apart", (c.erp, "read", "elsewhere"))
    legs = on(c.slack, levels=["write"]), on(c.slack, levels=["read"])
    conflict_rules.rule(*legs, mode="enforce", scope=scope)
    assert would_catch(c) == {"Reads"}


@pytest.mark.parametrize("scope", ["automation", "chain"])
def test_draft_matching_one_leg_benefits_nobody(plain: Company, scope: str) -> None:
    c = plain
    described(c, "Writes", (c.slack, "write", "in"))
    described(c, "Reads", (c.slack, "read", "out"))
    conflict_rules.rule(on(c.slack, levels=["write"]), on(c.slack, levels=["read"]), mode="enforce", scope=scope)
    assert would_catch(c) == set()
    assert beneficiaries.beneficiaries_of_rules(["read-and-tell"], c.now) == frozenset()


@DRAFT
@pytest.mark.parametrize("levels", [["read"], ["write"], ["admin", "execute"]])
@pytest.mark.parametrize("environment", ["production", "test"])
@pytest.mark.parametrize("model", [True, False])
def test_dry_run_agrees_with_check_for_versions(
    plain: Company, levels: list[str], environment: str, model: bool, start: Version
) -> None:
    c, version = plain, start
    leg = on(c.erp, levels=levels, environments=[environment], model_controlled=model)
    conflict_rules.rule(leg, on(c.slack), mode="enforce")
    checked = find_conflicts(case_of_version(version.automation, version), c.now)
    assert bool(would_catch(c)) == bool(checked)


def test_dry_run_respects_required_access(plain: Company) -> None:
    c = plain
    described(c, "Both", (c.slack, "write", "in"), (c.erp, "read", "t"))
    described(c, "One", (c.slack, "write", "in2"))
    conflict_rules.rule(on(c.slack), without=on(c.erp), mode="enforce")
    assert would_catch(c) == {"One"}


def test_dry_run_of_drafts_query_count_is_constant(plain: Company) -> None:
    c = plain
    for scope in ("automation", "team", "chain"):
        legs = on(c.slack, levels=["write"]), on(c.erp, levels=["read"])
        conflict_rules.rule(*legs, mode="enforce", scope=scope, code=f"by-{scope}")
    codes = [rule.version.code for rule in conflict_queries.in_force(c.now)]
    counts = []
    for number in range(3):
        described(c, f"Draft {number}", (c.slack, "write", f"in{number}"), (c.erp, "read", f"t{number}"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert beneficiaries.beneficiaries_of_rules(codes, c.now)
        counts.append(len(queries))
    assert counts[1] == counts[2]
