"""An unrecognised operation on a known host: it has a name and an owner, and counts as the worst it may be (I8, I4, T1)."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from approvals.models import Approval, Submission
from inventory.models import ImportItem, Privilege, Version
from tests.approvals import stock_report
from tests.approvals.intake.builder import STOCK, Build
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


def strange(operation: str) -> bytes:
    """The stock report, posting by a node of a kind that nobody knows, with the credential that it had."""

    def edit(export: dict[str, Any]) -> None:
        node = stock_report.node(export, ".slack")
        node |= {"type": "n8n-nodes-acme.ledgerPoster", "parameters": {"operation": operation}}

    return stock_report.source(edit)


def brought(rita: Build, c: Company, operation: str = "get") -> tuple[ImportItem, dict[str, Any]]:
    item = rita.import_item(STOCK, strange(operation))
    return item, rita.typed(item, c.people.jonas)


@pytest.mark.rule("I8")
def test_unrecognised_target_is_saved_but_not_submitted(company: Company, rita: Build) -> None:
    item, form = brought(rita, company)
    page = rita.see(item)
    assert "does something that we do not recognise" in page
    assert "counts as write, and as restricted data until you say what it opens" in page
    answer = rita.post(item, form, do="submit")
    assert "Choose the resource that it opens." in answer.content.decode()
    assert not Submission.objects.exists()


@pytest.mark.rule("I8")
def test_binding_to_proposed_resource_waits_for_owner(company: Company, rita: Build) -> None:
    item, _ = brought(rita, company)
    for name in [name for name in rita.fields(item) if name.startswith("bind-")]:
        key = name.removeprefix("bind-")
        fields = {"name": f"Acme {key}", "kind": "saas_connector", "environment": "production"}
        data = {"do": "register", **fields, "suggested_owner": company.people.omar.pk}
        assert rita.client.post(reverse("import_bind", args=[item.pk, key]), data).status_code == 302
    answer = rita.post(item, rita.typed(item, company.people.jonas), do="submit", follow=True)
    assert "This waits for an admin to name an owner of Acme" in answer.content.decode()
    assert not Submission.objects.exists()


@pytest.mark.rule("I8", "I4", "T1")
@pytest.mark.parametrize(("operation", "level"), [("get", "unknown"), ("delete", "write")])
def test_bound_to_an_owned_resource_it_is_asked_as_not_recognised_and_never_as_mere_reading(
    operation: str, level: str, company: Company, rita: Build
) -> None:
    item, form = brought(rita, company, operation)
    chosen = {name: company.slack.pk for name in rita.fields(item) if name.startswith("bind-")}
    assert rita.post(item, {**form, **chosen}, do="submit").status_code == 302
    made = Submission.objects.get()
    privilege = Privilege.objects.get(version=made.version, recognised=False)
    assert (privilege.entitlement.resource, privilege.level, privilege.counted_level) == (company.slack, level, "write")
    record = Approval.objects.get(submission=made, privilege=privilege)
    assert record.tier == "standard", "on internal data, and what nobody recognises is never low"
    assert "The importer did not recognise it." in record.reasons
    omar = Build.by(company.people.omar)
    opened = omar.client.get(f"/review/{made.pk}/?open={record.pk}").content.decode()
    assert "The importer did not recognise it." in opened


@pytest.mark.rule("I8")
def test_dynamic_target_of_unrecognised_element_cannot_be_named(company: Company, rita: Build) -> None:
    item = rita.import_item("price-list-sync.json")
    rows = [name for name in rita.fields(item) if name.startswith("bind-")]
    rita.post(item, {**rita.typed(item, company.people.jonas), **dict.fromkeys(rows, company.erp.pk)}, do="submit")
    assert not Submission.objects.exists()
    assert Privilege.objects.filter(version=Version.objects.get(), instance="").exists()
