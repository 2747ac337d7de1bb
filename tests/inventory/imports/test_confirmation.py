"""From an upload to the register: found by id, idempotent, nothing guessed, nothing dropped, no secret kept."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from governance.core.duties.refusals import InvalidInput, NotPermitted, OutOfTurn
from governance.core.models import LedgerEvent
from inventory.importers import reader
from inventory.importers.manifest import Identity
from inventory.importers.n8n import privileges
from inventory.imports import manual_description, resolution
from inventory.imports.transitions import confirmation, previews
from inventory.models import (
    Automation,
    Binding,
    Credential,
    Entitlement,
    ImportItem,
    ImportState,
    NonHumanIdentity,
    Privilege,
    Resource,
    Version,
)
from inventory.resources.transitions import bindings, resources
from inventory.versions import diff
from tests import scenarios
from tests.inventory.imports.sample_imports import again, export, node, plainly
from tests.ledger_records import recorded
from tests.manual_descriptions import registered
from tests.people import Northwind, as_actor
from tests.scenarios import Company
from tests.trigger_bypass import given

pytestmark = pytest.mark.django_db

#: One of each kind; the other samples are brought in alike.
SOME = ("invoice-chaser.json", "incident-scribe.mcp.json", "weekly-stock-report.json")
OTHERS = pytest.mark.full("brings in every sample twice")
REGISTER = (Automation, Version, Privilege, Binding, Resource, Entitlement, Credential, NonHumanIdentity)


def counts() -> dict[str, int]:
    return {model.__name__: model._default_manager.count() for model in REGISTER}


@pytest.mark.rule("I1")
def test_non_member_does_not_import_for_team(company: Company) -> None:
    n = company.people
    item = previews.preview([("x.json", export())], actor=as_actor(n.piet), now=n.now).items.get()
    with pytest.raises(NotPermitted, match=r"^PERMISSION: "):
        confirmation.confirm_import(
            n.finance_ops, actor=as_actor(n.piet), now=n.now, item=item, fields={"business_owner": n.jonas}
        )
    assert not Automation.objects.exists()
    assert LedgerEvent.objects.filter(verb="version.imported", outcome="refused", code="PERMISSION").count() == 1


@pytest.mark.rule("I7")
def test_preview_is_confirmed_once_by_importer(company: Company) -> None:
    n = company.people
    item = previews.preview([("x.json", export())], actor=as_actor(n.rita), now=n.now).items.get()
    given: dict[str, Any] = {"now": n.now, "item": item, "fields": {"business_owner": n.jonas}}
    with pytest.raises(NotPermitted, match="Only the person who imported the file"):
        confirmation.confirm_import(n.finance_ops, actor=as_actor(n.theo), **given)
    confirmation.confirm_import(n.finance_ops, actor=as_actor(n.rita), **given)
    with pytest.raises(OutOfTurn, match="confirmed or discarded already"):
        confirmation.confirm_import(n.finance_ops, actor=as_actor(n.bram), **given)
    events = LedgerEvent.objects.count()
    assert confirmation.confirm_import(n.finance_ops, actor=as_actor(n.rita), **given) == item, (
        "pressed twice, done once"
    )
    assert LedgerEvent.objects.count() == events


@pytest.mark.rule("I1")
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"business_owner": None}, "business_owner"),
        ({"kind": "robot"}, "kind"),
        ({"environment": "moon"}, "environment"),
    ],
)
def test_unusable_values_are_refused_beside_fields(company: Company, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        plainly(company, export(), fields=fields)
    assert error.value.refusal.detail[0][0] == field
    assert not Automation.objects.exists()


@pytest.mark.rule("I1", "I2")
def test_a_first_import_makes_the_automation_and_version_1_with_everything_in_it(company: Company) -> None:
    version = scenarios.brought_in(company)
    automation = again(version.automation)
    assert (version.number, automation.state, automation.team) == (1, "draft", company.people.finance_ops)
    assert version.privileges.count() == 7
    assert version.version_credentials.count() == 6
    assert version.triggers.get().type == "schedule"
    assert version.source_digest.startswith("sha256:")
    assert version.imported_by == company.people.rita
    assessment = version.latest_assessment
    assert assessment is not None
    assert assessment.importer_version == reader.VERSION
    assert automation.tier == assessment.tier == "high"


@pytest.mark.rule("H1")
def test_each_governed_row_that_an_import_made_has_a_history_row_and_a_ledger_event(company: Company) -> None:
    plainly(company, export())
    for model, verb in (
        (Automation, "automation.registered"),
        (Binding, "binding.proposed"),
        (Credential, "credential.registered"),
        (Entitlement, "entitlement.added"),
    ):
        made = model._default_manager.count()
        assert made
        assert LedgerEvent.objects.filter(verb=verb, outcome="done").count() == made
        assert model.history.filter(history_user=company.people.rita).count() >= made  # type: ignore[attr-defined]
    event = LedgerEvent.objects.get(verb="version.imported")
    assert f"inventory.automation:{Automation.objects.get().pk}" in event.about


@pytest.mark.rule("H1", "I2")
def test_history_of_imported_automation_begins_with_its_computed_tier(company: Company) -> None:
    version = scenarios.brought_in(company)
    (first,) = version.automation.history.all()
    assert (first.history_type, first.tier, first.history_user) == ("+", "high", company.people.rita)
    assert first.history_date == version.created_at
    imported = LedgerEvent.objects.get(verb="version.imported")
    assert first.history_change_reason == f"automation.registered {imported.correlation}"


@pytest.mark.rule("I7")
@pytest.mark.parametrize(
    "name",
    [
        path.name if path.name in SOME else pytest.param(path.name, marks=OTHERS)
        for path in sorted(scenarios.EXPORTS.glob("*.json"))
    ],
    ids=lambda name: name.partition(".")[0],
)
def test_same_file_changes_nothing(company: Company, name: str) -> None:
    first = plainly(company, export(name), name)
    before = counts()
    second = plainly(company, export(name), name)
    assert second == first
    assert counts() == before


@pytest.mark.rule("I7")
def test_renaming_and_moving_a_node_makes_a_version_at_most_but_no_drift(company: Company) -> None:
    def rename(document: dict[str, Any]) -> None:
        text = json.dumps(document).replace("Post to finance", "Tell finance")
        document.clear()
        document.update(json.loads(text))
        node(document, "Tell finance")["position"] = [9, 9]

    first = scenarios.brought_in(company)
    second = scenarios.brought_in(company, content=export(change=rename))
    assert diff.diff_versions(first, second).is_empty
    assert sorted(p.key for p in first.privileges.all()) == sorted(p.key for p in second.privileges.all())


@pytest.mark.rule("I7")
def test_changed_file_creates_version_with_drift(company: Company) -> None:
    def another_channel(document: dict[str, Any]) -> None:
        text = json.dumps(document).replace("#finance-reminders", "#everybody")
        document.clear()
        document.update(json.loads(text))

    first = scenarios.brought_in(company)
    second = scenarios.brought_in(company, content=export(change=another_channel))
    assert (second.number, second.automation) == (2, first.automation)
    changes = diff.diff_versions(first, second)
    assert [p.sentence for p in changes.added] == ["Post messages to #everybody in Finance Slack workspace"]
    assert [p.sentence for p in changes.removed] == ["Post messages to #finance-reminders in Finance Slack workspace"]
    assert changes.source_changed
    payload = LedgerEvent.objects.filter(verb="version.imported").latest("id").payload
    assert payload["drift"] == {"added": 1, "removed": 1, "changed": 0}


@pytest.mark.rule("I7")
def test_a_node_that_is_switched_off_is_a_change_of_a_privilege_that_stays(company: Company) -> None:
    def switch_off(document: dict[str, Any]) -> None:
        node(document, "Post to finance")["disabled"] = True

    first = scenarios.brought_in(company)
    second = scenarios.brought_in(company, content=export(change=switch_off))
    (change,) = diff.diff_versions(first, second).changed
    assert change.rows == (("Switched on", "yes", "no"),)


@pytest.mark.rule("I1")
def test_an_automation_is_found_by_its_id_and_never_by_its_name(company: Company) -> None:
    def renamed(document: dict[str, Any]) -> None:
        document["name"] = "Something else"

    def a_namesake(document: dict[str, Any]) -> None:
        document["id"] = "another-id"

    first = scenarios.brought_in(company)
    assert scenarios.brought_in(company, content=export(change=renamed)).automation == first.automation
    assert scenarios.brought_in(company, content=export(change=a_namesake)).automation != first.automation


@pytest.mark.rule("I1")
def test_the_same_id_in_another_environment_is_another_automation(company: Company) -> None:
    live = scenarios.brought_in(company)
    tried = scenarios.brought_in(company, environment="test")
    assert tried.automation != live.automation


@pytest.mark.rule("I1")
def test_an_automation_of_another_team_is_not_taken_over_by_bringing_its_file_in(company: Company) -> None:
    n = company.people
    scenarios.brought_in(company)
    item = previews.preview([("x.json", export())], actor=as_actor(n.piet), now=n.now).items.get()
    with pytest.raises(NotPermitted, match="belongs to another team") as error:
        confirmation.confirm_import(
            n.supply, actor=as_actor(n.piet), now=n.now, item=item, fields={"business_owner": n.lena}
        )
    assert "Invoice chaser" not in str(error.value)
    assert Version.objects.count() == 1


@pytest.mark.rule("I1", "I7")
def test_a_file_without_an_id_is_a_new_automation_unless_the_builder_names_one(company: Company) -> None:
    name = "campaign-copy-agent.mcp.json"

    def one_more(document: dict[str, Any]) -> None:
        document["mcpServers"]["notes"] = {"url": "https://notes.example/mcp"}

    first = plainly(company, export(name), name)
    other = plainly(company, export(name, one_more), name)
    assert other.automation != first.automation
    named = plainly(company, export(name, one_more), name, automation=first.automation)
    assert (named.automation, named.number) == (first.automation, 2)


@pytest.mark.rule("I6")
def test_an_environment_variable_of_the_same_name_elsewhere_is_another_credential(company: Company) -> None:
    name = "campaign-copy-agent.mcp.json"

    def one_more(document: dict[str, Any]) -> None:
        document["mcpServers"]["notes"] = {"url": "https://notes.example/mcp"}

    first = plainly(company, export(name), name)
    other = plainly(company, export(name, one_more), name)
    used = {row.credential_id for row in first.version_credentials.all()}
    assert used
    assert used.isdisjoint(row.credential_id for row in other.version_credentials.all())
    newer = plainly(company, export(name, one_more), name, automation=first.automation)
    assert used == {row.credential_id for row in newer.version_credentials.all()}


@pytest.mark.rule("I8")
def test_unknown_connection_proposes_resource_without_owner(company: Company) -> None:
    plainly(company, export("weekly-stock-report.json"))
    proposed = Resource.objects.get(bindings__instance_name="pgErpProd01xQ7aZ")
    assert (proposed.name, proposed.state, proposed.data_class) == ("ERP Postgres (production)", "proposed", "")
    assert (proposed.suggested_owner, proposed.owner, proposed.named_owner) == (None, None, None)
    assert proposed.proposed_by == company.people.rita


@pytest.mark.rule("I8")
def test_builder_binds_connection_until_owner_confirms(company: Company) -> None:
    key = {"slack|slkFinance2mB9yT": company.slack}
    content = export("weekly-stock-report.json")
    plainly(company, content, chosen={"slack|slkFinance2mB9yT": company.mail})
    plainly(company, content, chosen=key)
    binding = Binding.objects.get(instance_name="slkFinance2mB9yT")
    assert binding.resource == company.slack
    bindings.bind_connection(
        company.slack,
        actor=as_actor(company.people.omar),
        now=company.now,
        connector=binding.connector,
        instance=binding.instance_name,
    )
    plainly(company, content, chosen={"slack|slkFinance2mB9yT": company.mail})
    binding.refresh_from_db()
    assert binding.resource == company.slack


@pytest.mark.rule("I8")
def test_shared_binding_is_changed_by_its_proposer_only(
    company: Company,
) -> None:
    content, n = export("weekly-stock-report.json"), company.people
    name = "slack|slkFinance2mB9yT"
    plainly(company, content, chosen={name: company.slack})
    bindings = Binding.objects.filter(instance_name="slkFinance2mB9yT")
    other = json.loads(content)
    other["id"] = "anotherTeams1"
    item = previews.preview([("y.json", json.dumps(other).encode())], actor=as_actor(n.jonas), now=n.now).items.get()
    confirmation.confirm_import(
        n.finance_ops,
        actor=as_actor(n.jonas),
        now=n.now,
        item=item,
        fields={"business_owner": n.rita},
        chosen={name: company.mail},
    )
    assert bindings.get().resource == company.slack
    assert bindings.get().proposed_by == n.rita
    plainly(company, content, chosen={name: company.drive})
    assert bindings.get().resource == company.drive


@pytest.mark.rule("I8")
def test_resource_that_was_retired_after_its_choice_is_refused(company: Company) -> None:
    c = company
    given(Resource.objects.get(pk=c.slack.pk), state="retired")  # c.slack still says that it is in use
    with pytest.raises(InvalidInput, match=r"^I8: A connection can't open Finance Slack workspace"):
        scenarios.brought_in(c, "weekly-stock-report.json")
    assert not Automation.objects.exists()


@pytest.mark.rule("I8")
@pytest.mark.parametrize("statement", ["refused", "confirmed"])
def test_owner_statement_during_import_is_kept(
    company: Company, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    content, n = export("weekly-stock-report.json"), company.people
    name = "slack|slkFinance2mB9yT"
    plainly(company, content, chosen={name: company.slack})
    bindings = Binding.objects.filter(instance_name="slkFinance2mB9yT")
    by_omar = {
        "refused": {"refused_by": n.omar, "refused_at": company.now, "refused_for": [company.slack.pk]},
        "confirmed": {"confirmed_by": n.omar, "confirmed_at": company.now, "known_since": company.now},
    }[statement]
    resolve = resolution.resolve_manifest

    def meanwhile(*given: Any, **more: Any) -> resolution.Resolution:
        result = resolve(*given, **more)
        bindings.update(**by_omar)
        return result

    monkeypatch.setattr(resolution, "resolve_manifest", meanwhile)
    with pytest.raises(OutOfTurn, match="changed during the import") as error:
        plainly(company, content, chosen={name: company.mail})
    assert error.value.refusal.code == "I8"
    assert bindings.get().resource == company.slack


@pytest.mark.rule("I8")
def test_runtime_host_is_unknown_and_cannot_be_bound(company: Company) -> None:
    version = plainly(company, export("price-list-sync.json"), chosen={"httpRequest|": company.slack})
    (vague,) = [privilege for privilege in version.privileges.all() if not privilege.is_bound]
    assert not vague.recognised
    resource = vague.entitlement.resource
    assert (resource.state, resource.unresolved, resource.directory) == ("proposed", True, False)
    n = company.people
    for attempt in (
        lambda: resources.name_owner(resource, actor=as_actor(n.ines), now=n.now, owner=n.omar, deputy=n.amara),
        lambda: resources.activate(resource, actor=as_actor(n.ines), now=n.now),
        lambda: resources.amend_resource(resource, actor=as_actor(n.ines), now=n.now, fields={"name": "Anything"}),
    ):
        with pytest.raises(OutOfTurn, match="chosen at run time"):
            attempt()


@pytest.mark.rule("I8")
def test_two_teams_share_one_open_question(company: Company) -> None:
    first = plainly(company, export("price-list-sync.json"))

    def another(document: dict[str, Any]) -> None:
        document["id"] = "another-id"

    second = plainly(company, export("price-list-sync.json", another))
    vague = [next(p for p in version.privileges.all() if not p.is_bound) for version in (first, second)]
    assert vague[0].entitlement.resource == vague[1].entitlement.resource


@pytest.mark.rule("I7")
def test_several_nodes_that_hold_the_same_are_one_privilege_with_several_places(company: Company) -> None:
    def twice(document: dict[str, Any]) -> None:
        copy = json.loads(json.dumps(node(document, "Post to finance")))
        copy |= {"name": "Post once more", "id": "other"}
        document["nodes"].append(copy)

    version = scenarios.brought_in(company, content=export(change=twice))
    slack = version.privileges.get(entitlement__resource=company.slack)
    assert slack.at == ["Post to finance", "Post once more"]
    assert version.privileges.count() == 7


@pytest.mark.rule("I6")
def test_a_secret_in_the_file_leaves_a_keyed_fingerprint_and_a_finding_and_itself_nowhere(company: Company) -> None:
    content = export("supplier-onboarding.json")
    values = [
        header["value"]
        for header in node(json.loads(content), "Check credit")["parameters"]["headerParameters"]["parameters"]
        if header["name"] == "X-Api-Key"
    ]
    version = plainly(company, content)
    assessment = version.latest_assessment
    assert assessment is not None
    finding = assessment.findings.get(code="embedded_secret")
    assert len(finding.fingerprint) == 64
    assert finding.place == "nodes/Check credit/headerParameters/X-Api-Key"
    kept = json.dumps([version.manifest, version.secrets]) + str(list(Credential.objects.values()))
    kept += json.dumps([[e.payload, e.about] for e in LedgerEvent.objects.all()], default=str)
    assert values
    assert all(value not in kept for value in values)


@pytest.mark.rule("I7", "I8")
def test_unreadable_file_is_kept_as_refused_with_reason(
    northwind: Northwind,
) -> None:
    files = [("broken.json", b"{"), ("x.json", export())]
    batch = previews.preview(files, actor=as_actor(northwind.rita), now=northwind.now)
    refused = batch.items.get(progress=ImportState.REFUSED)
    assert refused.filename == "broken.json"
    assert "broken.json" in refused.reason
    assert batch.items.filter(progress=ImportState.PREVIEW).count() == 1


@pytest.mark.rule("I5")
def test_a_credential_that_two_files_of_one_upload_use_is_a_finding_of_both(northwind: Northwind) -> None:
    files = [(name, export(name)) for name in ("invoice-chaser.json", "weekly-stock-report.json")]
    batch = previews.preview(files, actor=as_actor(northwind.rita), now=northwind.now)
    for item in batch.items.all():
        findings = [finding for finding in item.manifest["findings"] if finding["code"] == "shared_credential"]
        assert any("other automation" in finding["detail"] for finding in findings)


@pytest.mark.rule("I7", "H7")
def test_discarded_preview_keeps_nothing(northwind: Northwind) -> None:
    item = previews.preview([("x.json", export())], actor=as_actor(northwind.rita), now=northwind.now).items.get()
    previews.save_draft(item, {"purpose": "typed"}, team=northwind.finance_ops)
    assert ImportItem.objects.get(pk=item.pk).draft == {"purpose": "typed"}
    previews.discard_item(item)
    kept = ImportItem.objects.get(pk=item.pk)
    assert (kept.manifest, kept.secrets, kept.draft) == ({}, [], {})
    with pytest.raises(OutOfTurn, match=r"^I7: This preview was confirmed or discarded already\."):
        previews.save_draft(item, {}, team=None)


@pytest.mark.rule("I2")
def test_a_better_detector_makes_a_new_assessment_and_no_new_version(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = scenarios.brought_in(company)
    scenarios.brought_in(company)
    assert version.assessments.count() == 1
    before = reader.VERSION
    monkeypatch.setattr(reader, "VERSION", "999")
    assert scenarios.brought_in(company) == version
    assert [assessment.importer_version for assessment in version.assessments.all()] == ["999", before]


@pytest.mark.rule("I2", "T1")
@pytest.mark.parametrize("was_opaque", [True, False])
def test_a_better_reader_of_code_judges_a_known_version_anew(
    company: Company, monkeypatch: pytest.MonkeyPatch, was_opaque: bool
) -> None:
    """The same source by two readers: the later one decides, whichever way, and the version stays."""
    reasons = [("it uses imports" if opaque else "") for opaque in (was_opaque, not was_opaque)]
    monkeypatch.setattr(privileges, "opaque_because", lambda node: reasons[0])
    version = plainly(company, export("payment-run-exporter.json"))
    monkeypatch.setattr(privileges, "opaque_because", lambda node: reasons[1])
    monkeypatch.setattr(reader, "VERSION", "999")
    assert plainly(company, export("payment-run-exporter.json")) == version
    code = version.privileges.get(entitlement__code="code:run")
    newest, first = version.assessments.all()
    because = "It runs code that can't be judged from its source, in production."
    opaque_flags = [because in assessment.levels["privileges"][code.key]["reasons"] for assessment in (first, newest)]
    assert opaque_flags == [was_opaque, not was_opaque]


@pytest.mark.rule("I2")
def test_the_database_refuses_to_change_a_version(company: Company) -> None:
    version = scenarios.brought_in(company)
    for row in (version, version.privileges.first(), version.latest_assessment):
        with pytest.raises(IntegrityError, match="Cannot update or delete"), transaction.atomic():
            type(row)._default_manager.filter(pk=row.pk)._raw_delete("default")  # type: ignore[union-attr]


@pytest.mark.rule("I5")
def test_an_identity_that_two_automations_name_is_a_finding_and_each_has_the_tier_of_the_union(
    company: Company,
) -> None:
    n = company.people
    identity = Identity("service_account", "robot", "fin")

    def by_hand(name: str, code: str, level: str, external_id: str) -> Version:
        entitlement, _ = Entitlement.objects.get_or_create(
            resource=company.slack, code=code, defaults={"words": f"May {code}", "level": level}
        )
        manifest = manual_description.describe_manually(
            name=name,
            kind="script",
            platform="cron",
            privileges=[manual_description.DescribedPrivilege(entitlement, level)],
            external_id=external_id,
        )
        return registered(
            n.finance_ops,
            actor=as_actor(n.rita),
            now=n.now,
            manifest=replace(manifest, identities=(identity,)),
            fields={"business_owner": n.jonas},
        )

    risky = by_hand("Risky", "administer", "admin", "a")
    mild = by_hand("Mild", "read", "read", "b")
    shared = NonHumanIdentity.objects.get()
    assert shared.automation == risky.automation
    assert recorded("identity.registered", shared, by=n.rita) == {"kind": shared.kind}
    assessment = mild.latest_assessment
    assert assessment is not None
    assert assessment.tier == "high"
    assert "runs as the same identity as another automation, which is high" in assessment.reasons[0]
    assert assessment.findings.filter(code="shared_identity", severity="high").exists()


@pytest.mark.rule("I4")
def test_manual_description_can_be_repeated(company: Company) -> None:
    n = company.people
    entitlement = Entitlement.objects.create(resource=company.slack, code="post", words="Post messages", level="write")

    def register(target: str, external_id: str = "") -> Version:
        manifest = manual_description.describe_manually(
            name="Nightly note",
            kind="script",
            platform="cron",
            privileges=[manual_description.DescribedPrivilege(entitlement, "write", target)],
            external_id=external_id,
        )
        fields = {"business_owner": n.jonas, "purpose": "Posts a note."}
        return registered(n.finance_ops, actor=as_actor(n.rita), now=n.now, manifest=manifest, fields=fields)

    first = register("#a")
    privilege = first.privileges.get()
    assert privilege.sentence == "Post messages: #a, in Finance Slack workspace"
    assert privilege.entitlement == entitlement
    assert not Binding.objects.filter(connector=resolution.REGISTERED).exists()
    second = register("#b", external_id=first.automation.external_id)
    assert (second.automation, second.number) == (first.automation, 2)


@pytest.mark.rule("I7")
def test_import_query_count_follows_news(company: Company) -> None:
    content = export("invoice-chaser.json")
    scenarios.brought_in(company, content=content)

    def queries(number: int) -> int:
        def changed(document: dict[str, Any]) -> None:
            node(document, "Post to finance")["parameters"]["text"] = f"changed {number}"

        data = export(change=changed)
        n = company.people
        item = previews.preview([("x.json", data)], actor=as_actor(n.rita), now=n.now).items.get()
        with CaptureQueriesContext(
            connection,
        ) as caught:
            confirmation.confirm_import(
                n.finance_ops, actor=as_actor(n.rita), now=n.now, item=item, fields={"business_owner": n.jonas}
            )
        return len(caught)

    first = queries(1)
    for number in range(2, 5):
        last = queries(number)
    assert last <= first
    assert last <= 50
