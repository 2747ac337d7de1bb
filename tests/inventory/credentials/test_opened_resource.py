"""Who says what a shared credential opens, and by that who decides it: no import takes that from another's review (I6, I8, A2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from approvals.models import Approval
from governance.core.models import LedgerEvent
from inventory.importers.manifest import Manifest, platform_name
from inventory.imports import resolution
from inventory.imports.transitions import confirmation, previews
from inventory.models import AutomationState, Binding, Credential, Resource, Version
from inventory.resources.transitions import bindings
from tests import scenarios
from tests.inventory.importers.samples import bound, node, workflow
from tests.inventory.imports.sample_imports import plainly
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.django_db

SLACK = "slack|shared1"
OWN = "httpRequest|own.example.com"
OTHER = "httpRequest|other.example.com"


def posts(credential: Mapping[str, Any]) -> dict[str, Any]:
    """A node that posts by the credential: its connection is the credential itself."""
    return node("slack", "Post", 2.3, credential, channelId="#a")


def calls(credential: Mapping[str, Any], host: str = "own.example.com") -> dict[str, Any]:
    """A node that sends the credential to a host of the builder's choice."""
    return node("httpRequest", f"Call {host}", 4, credential, url=f"https://{host}/orders")


def brought(c: Company, name: str, *nodes: dict[str, Any], chosen: Mapping[str, Resource]) -> Version:
    """A workflow of these nodes in the register, found again by its name."""
    fields = {"purpose": "Keeps orders and people together."}
    return plainly(c, json.dumps(workflow(*nodes, id=name)).encode(), chosen=chosen, fields=fields)


TOKEN = bound("slackApi", "shared1")
HEADER = bound("httpHeaderAuth", "shared1")


def opened() -> Resource | None:
    """What the credential opens, as the database has it."""
    return Credential.objects.get(external_id="shared1").opens


def confirm(c: Company, name: str, resource: Resource) -> None:
    """The resource's owner says that a connection opens it, on the resource's page."""
    connector, _, instance = name.partition("|")
    owner = resource.owner
    assert owner is not None
    bindings.bind_connection(resource, actor=as_actor(owner), now=c.now, connector=connector, instance=instance)


def owned_by(c: Company) -> Resource:
    """A resource of somebody who would decide in place of Omar, whose connection they have confirmed."""
    confirm(c, OWN, c.drive)
    return c.drive


@pytest.mark.rule("I6", "I8", "A2")
@pytest.mark.parametrize("does", ["post", "call"])
def test_an_import_never_moves_a_credential_that_another_automation_uses(company: Company, does: str) -> None:
    kind, theirs, name = (
        (TOKEN, posts(TOKEN), SLACK) if does == "post" else (HEADER, calls(HEADER, "other.example.com"), OTHER)
    )
    brought(company, "theirs", theirs, chosen={name: company.slack})
    assert opened() == company.slack
    brought(company, "mine", calls(kind), chosen={OWN: owned_by(company)})
    assert opened() == company.slack
    assert not LedgerEvent.objects.filter(verb="credential.amended").exists()


@pytest.mark.rule("I6", "A2")
def test_decider_of_open_approval_stays_after_other_import(company: Company) -> None:
    version = brought(company, "theirs", posts(TOKEN), chosen={SLACK: company.slack})
    record = scenarios.submitted(company, version).approvals.get(credential__external_id="shared1")
    before = scenarios.shown(record)
    brought(company, "mine", calls(TOKEN), chosen={OWN: owned_by(company)})
    again = Approval.objects.get(pk=record.pk)
    assert again.credential is not None
    assert again.credential.decided_on == company.slack
    assert scenarios.shown(again) == before


@pytest.mark.rule("I6", "A2")
def test_newer_version_keeps_target_of_its_review(company: Company) -> None:
    first = brought(company, "mine", calls(HEADER, "other.example.com"), chosen={OTHER: company.slack})
    scenarios.submitted(company, first)
    brought(company, "mine", calls(HEADER), chosen={OWN: owned_by(company)})
    assert opened() == company.slack


@pytest.mark.rule("I6")
def test_builder_does_not_answer_open_question_of_other_automation(company: Company) -> None:
    vague = node("httpRequest", "Anywhere", 4, HEADER, url="={{ $json.url }}")
    brought(company, "theirs", vague, chosen={})
    assert opened() is None
    brought(company, "mine", calls(HEADER), chosen={OWN: owned_by(company)})
    assert opened() is None


@pytest.mark.rule("I6", "A2")
@pytest.mark.parametrize("turned", [False, True])
def test_order_of_file_does_not_choose_decider(company: Company, *, turned: bool) -> None:
    owned_by(company)
    nodes = [calls(TOKEN), posts(TOKEN)]
    chosen = {SLACK: company.slack, OWN: company.drive}
    brought(company, "mine", *(reversed(nodes) if turned else nodes), chosen=chosen)
    assert opened() == company.slack  # a host of the builder's choice says where it is sent, not what it opens


@pytest.mark.rule("I6", "A2")
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("confirmed", [False, True])
def test_confirmed_host_counts_first_then_riskiest(company: Company, *, turned: bool, confirmed: bool) -> None:
    if confirmed:
        confirm(company, OWN, company.slack)  # internal
    nodes = [calls(HEADER), calls(HEADER, "other.example.com")]
    chosen = {OWN: company.slack, OTHER: company.drive}  # confidential
    brought(company, "mine", *(reversed(nodes) if turned else nodes), chosen=chosen)
    assert opened() == (company.slack if confirmed else company.drive)


@pytest.mark.rule("I6", "I8")
def test_confirmed_own_connection_decides_target_of_credential(company: Company) -> None:
    brought(company, "first", calls(TOKEN), chosen={OWN: owned_by(company)})
    assert opened() == company.drive
    brought(company, "second", posts(TOKEN), chosen={SLACK: company.slack})
    assert opened() == company.drive
    confirm(company, SLACK, company.slack)
    brought(company, "second", posts(TOKEN), chosen={})
    assert opened() == company.slack
    event = LedgerEvent.objects.get(verb="credential.amended")
    assert event.payload == {"opens": str(company.slack.pk)}


@pytest.mark.rule("I6", "I8")
def test_builder_corrects_unshared_unasked_credential(company: Company) -> None:
    brought(company, "mine", posts(TOKEN), chosen={SLACK: company.mail})
    brought(company, "mine", posts(TOKEN), chosen={SLACK: company.slack})
    assert opened() == company.slack


@pytest.mark.rule("I6", "I8")
@pytest.mark.parametrize("gone", ["refused", "retired"])
def test_rejected_and_retired_users_release_credential(company: Company, gone: str) -> None:
    theirs = brought(company, "theirs", calls(HEADER, "other.example.com"), chosen={OTHER: company.slack})
    if gone == "refused":
        row = Binding.objects.get(instance_name="other.example.com")
        row.refused_by, row.refused_at, row.refused_for = company.people.omar, company.now, [company.slack.pk]
        row.save()
    else:
        type(theirs.automation).objects.update(state=AutomationState.RETIRED)
    brought(company, "mine", calls(HEADER), chosen={OWN: company.drive})
    assert opened() == company.drive


@pytest.mark.rule("I6", "I7")
def test_preview_of_credential_equals_confirmation(company: Company) -> None:
    n = company.people
    brought(company, "mine", posts(TOKEN), chosen={SLACK: company.mail})
    content = json.dumps(workflow(posts(TOKEN), id="mine")).encode()
    item = previews.preview([("x.json", content)], actor=as_actor(n.rita), now=n.now).items.get()
    manifest = Manifest.from_dict(item.manifest)
    automation = confirmation.find_automation(n.finance_ops, manifest, environment="production", named=None)
    result = resolution.resolve_manifest(
        manifest,
        platform_instance=platform_name(manifest),
        chosen={SLACK: company.slack},
        automation=automation,
        by=n.rita,
    )
    (shown,) = result.credentials.values()
    assert shown.opens == company.slack
    assert opened() == company.mail
    brought(company, "mine", posts(TOKEN), chosen={SLACK: company.slack})
    assert opened() == company.slack
