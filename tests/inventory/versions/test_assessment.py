"""From rows to facts: what a version's tier is made of, and that each assessment stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from governance.core.duties.refusals import NotPermitted
from governance.core.models import LedgerEvent
from inventory.importers.manifest import Manifest
from inventory.models import Automation, Credential, Entitlement, Privilege, Reach, Resource, Version
from inventory.resources.transitions import resources
from inventory.risk.tiers import Tier
from inventory.versions import assessment as version_assessment
from inventory.versions import transitions as version_transitions
from tests import scenarios
from tests.inventory.imports.sample_imports import export, plainly
from tests.matrix.cast_and_states import inside
from tests.people import as_actor
from tests.scenarios import Company
from tests.trigger_bypass import given

pytestmark = pytest.mark.django_db


def privilege(**differs: Any) -> Privilege:
    """A read of an internal resource without a credential, unsaved; ``resource__x`` and ``entitlement__x`` reach down."""
    resource = Resource(name="Wiki", data_class="internal", environment="production")
    entitlement = Entitlement(resource=resource, code="page:get", words="Read pages", level="read")
    made = Privilege(entitlement=entitlement, level="read", key="k")
    for name, value in differs.items():
        path, _, field = name.rpartition("__")
        setattr({"": made, "entitlement": entitlement, "resource": resource}[path], field, value)
    return made


def facts(**differs: Any) -> dict[str, Any]:
    """The facts of `privilege` that are not as they are without ``differs``."""
    environment = differs.pop("automation_environment", "production")
    variant = version_assessment.facts_of(privilege(**differs), environment)
    plain = version_assessment.facts_of(privilege(), environment)
    return {name: value for name, value in vars_of(variant).items() if vars_of(plain)[name] != value}


def vars_of(privilege_facts: Any) -> dict[str, Any]:
    return {name: getattr(privilege_facts, name) for name in privilege_facts.__dataclass_fields__}


@pytest.mark.rule("I4")
def test_the_higher_of_a_privileges_and_its_entitlements_level_counts() -> None:
    assert facts(entitlement__level="write") == {"level": "write"}
    assert facts(level="admin") == {"level": "admin"}
    assert facts(level="unknown") == {}
    assert facts(level="unknown", entitlement__level="unknown") == {"level": "unknown"}


@pytest.mark.rule("I3", "I4")
def test_the_higher_of_an_entitlements_and_its_resources_class_counts_and_unset_is_worst() -> None:
    assert facts(entitlement__data_class="restricted") == {"data_class": "restricted"}
    assert facts(entitlement__data_class="public") == {}
    assert facts(resource__data_class="") == {"data_class": ""}
    assert facts(resource__data_class="", entitlement__data_class="confidential") == {"data_class": ""}


@pytest.mark.rule("I10")
def test_a_lower_environment_on_production_data_is_judged_as_production() -> None:
    privilege_facts = version_assessment.facts_of(privilege(), "development")
    assert privilege_facts.environment == "production"
    tried = privilege(resource__environment="test")
    assert version_assessment.facts_of(tried, "development").environment == "test"


@pytest.mark.rule("I6", "T1")
@pytest.mark.parametrize(
    ("credential", "reach"),
    [
        (None, "none"),
        (Credential(kind="x"), "unknown"),
        (Credential(kind="x", reach_kind=Reach.DECLARED, reach=["page:get"]), "only_this"),
        (Credential(kind="x", reach_kind=Reach.READ, reach=["page:get", "page:delete"]), "wider"),
    ],
)
def test_a_credentials_reach_is_read_from_the_register(credential: Credential | None, reach: str) -> None:
    made = privilege()
    made.credential = credential
    assert version_assessment.facts_of(made, "production").credential_reach == reach


@pytest.mark.rule("I6")
def test_a_credential_that_the_source_needs_and_does_not_name_has_an_unknown_reach() -> None:
    assert facts(credential_missing=True) == {"credential_reach": "unknown"}


@pytest.mark.rule("T1")
@pytest.mark.parametrize(
    ("differs", "is_irreversible"),
    [
        ({"entitlement__code": "record:update", "level": "write"}, False),
        ({"entitlement__code": "record:delete", "level": "write"}, True),
        ({"entitlement__code": "record:frobnicate", "level": "unknown", "entitlement__level": "unknown"}, True),
        ({"entitlement__code": "record:update", "level": "write", "recognised": False}, True),
        ({"entitlement__code": "code:run", "level": "execute"}, False),
        ({"entitlement__code": "workflow:execute", "level": "execute", "target": "wf42"}, False),
        ({"entitlement__code": "workflow:execute", "level": "execute", "target": "{itself}"}, False),
        ({"entitlement__code": "workflow:execute", "level": "execute", "target": "{model}"}, True),
        ({"entitlement__code": "workflow:execute", "level": "execute", "target": ""}, True),
    ],
)
def test_unknown_reversibility_counts_as_irreversible(differs: dict[str, Any], is_irreversible: bool) -> None:
    assert version_assessment.facts_of(privilege(**differs), "production").irreversible is is_irreversible


@pytest.mark.rule("T1", "I6")
def test_everything_that_a_server_offers_is_irreversible_until_the_reach_of_its_credential_is_known() -> None:
    everything = {"entitlement__code": "*", "level": "unknown", "entitlement__level": "unknown"}
    assert not version_assessment.facts_of(privilege(**everything), "production").irreversible
    assert version_assessment.facts_of(privilege(**everything, credential_missing=True), "production").irreversible
    assert version_assessment.facts_of(privilege(**everything, resource__unresolved=True), "production").irreversible
    unknown = privilege(**everything)
    unknown.credential = Credential(kind="x")
    assert version_assessment.facts_of(unknown, "production").irreversible
    unknown.credential = Credential(kind="x", reach_kind=Reach.DECLARED, reach=["*"])
    assert not version_assessment.facts_of(unknown, "production").irreversible


@pytest.mark.rule("I2")
def test_an_assessment_is_made_inside_an_operation_only(company: Company) -> None:
    version = scenarios.brought_in(company)
    with pytest.raises(NotPermitted, match=r"^INTERNAL: "):
        version_transitions.assess_version(version, now=company.now)
    assert version.assessments.count() == 1


def assessed(company: Company, version: Version) -> Any:
    with inside(version, as_actor(company.people.rita), company.now):
        return version_transitions.assess_version(version, now=company.now)


@pytest.mark.rule("I2", "T1", "H1")
def test_later_assessment_uses_current_register_and_keeps_earlier(company: Company) -> None:
    version = scenarios.brought_in(company, "weekly-stock-report.json")
    first = version.latest_assessment
    assert first is not None
    slack = version.privileges.get(entitlement__resource=company.slack)
    assert first.levels["privileges"][slack.key]["tier"] == "standard"
    fields = {"data_class": "confidential"}
    resources.amend_resource(company.slack, actor=as_actor(company.people.omar), now=company.now, fields=fields)
    second = assessed(company, version)
    assert second.levels["privileges"][slack.key] == {
        "tier": "high",
        "level": "write",
        "reasons": ["It changes things on confidential data."],
    }
    assert second.levels["credentials"][str(slack.credential_id)]["tier"] == "high"
    assert (first.tier, second.tier, version.assessments.count()) == ("standard", "high", 2)
    events = LedgerEvent.objects.filter(verb="version.assessed", subject_id=str(second.pk))
    assert f"inventory.automation:{version.automation_id}" in events.get().about


@pytest.mark.rule("T2")
def test_an_open_webhook_with_a_write_makes_the_app_high_and_says_so(company: Company) -> None:
    version = plainly(company, export("cold-chain-alert.json"), fields={"kind": "workflow"})
    assessment = version.latest_assessment
    assert assessment is not None
    assert assessment.tier == "high"
    assert "Somebody who has not signed in can start it, and it does more than read." in assessment.reasons


@pytest.mark.rule("T1")
def test_code_that_only_reshapes_data_is_standard_in_production(company: Company) -> None:
    version = plainly(company, export("payment-run-exporter.json"))
    code = version.privileges.get(entitlement__code="code:run")
    assert not code.opaque
    given(code.entitlement.resource, data_class="internal")
    assert assessed(company, version).levels["privileges"][code.key]["tier"] == "standard"


@pytest.mark.rule("T1")
def test_code_that_imports_is_opaque_and_high_in_production(company: Company) -> None:
    def imports(document: dict[str, Any]) -> None:
        (node,) = (node for node in document["nodes"] if "jsCode" in node["parameters"])
        node["parameters"]["jsCode"] = "return require('fs')"

    version = plainly(company, export("payment-run-exporter.json", imports))
    code = version.privileges.get(entitlement__code="code:run")
    assert code.opaque
    assessment = version.latest_assessment
    assert assessment is not None
    entry = assessment.levels["privileges"][code.key]
    assert "It runs code that can't be judged from its source, in production." in entry["reasons"]


@pytest.mark.rule("T1")
def test_assessment_before_saving_equals_saved_one() -> None:
    made = [privilege(), privilege(level="admin")]
    made[1].key = "other"
    judged = version_assessment.judge_version(Automation(kind="workflow"), made, [], [])
    assert (judged.privileges["k"].tier, judged.privileges["other"].tier) == (Tier.LOW, Tier.HIGH)
    assert judged.app.tier is Tier.HIGH


@pytest.mark.rule("I5")
def test_a_credential_that_another_automation_uses_is_a_finding(company: Company) -> None:
    scenarios.brought_in(company)
    version = scenarios.brought_in(company, "weekly-stock-report.json")
    assessment = version.latest_assessment
    assert assessment is not None
    findings = assessment.findings.filter(code="shared_credential", detail__contains="in the register")
    assert sorted(finding.place for finding in findings) == [
        "credentials/ERP Postgres (production)",
        "credentials/Finance Slack workspace",
    ]


@pytest.mark.rule("I2")
def test_a_newer_readings_levels_count_for_the_assessment_and_leave_the_version_as_it_is(company: Company) -> None:
    version = scenarios.brought_in(company, "weekly-stock-report.json")
    read = Manifest.from_dict(version.manifest)
    worse = replace(read, privileges=tuple(replace(privilege, access="admin") for privilege in read.privileges))
    with inside(version, as_actor(company.people.rita), company.now):
        made = version_transitions.assess_version(version, now=company.now, manifest=worse)
    assert {entry["level"] for entry in made.levels["privileges"].values()} == {"admin"}
    assert made.tier == "high"
    assert {privilege.level for privilege in version.privileges.all()} == {"read", "write"}
