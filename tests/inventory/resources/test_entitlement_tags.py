"""An entitlement has its tags from the moment it is made: imported, added by an owner, or there before there were tags (S6)."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from inventory.models import Entitlement, Privilege, ResourceKind
from inventory.resources.transitions import resources
from tests import scenarios
from tests.people import as_actor
from tests.scenarios import Company
from tests.trigger_bypass import given

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]

MIGRATION = import_module("inventory.migrations.0003_entitlement_tags")


def tags() -> dict[int, list[str]]:
    return dict(Entitlement.objects.values_list("pk", "tags"))


def test_what_is_imported_has_the_tags_of_its_connector(company: Company) -> None:
    version = scenarios.brought_in(company)
    held = Privilege.objects.filter(version=version).select_related("entitlement")
    found = {(one.connector, one.entitlement.code): one.entitlement.tags for one in held}
    assert "message.send" in next(given for (connector, _), given in found.items() if connector == "slack")
    assert any(found.values())


def test_what_an_owner_adds_has_the_tags_of_its_words(company: Company) -> None:
    n, slack = company.people, company.slack
    said = {"words": "May approve requests", "level": "write"}
    resources.add_entitlement(slack, actor=as_actor(n.omar), now=n.now, code="request:approve", **said)
    assert slack.entitlements.get(code="request:approve").tags == ["approve"]
    given(slack, kind=ResourceKind.SECRET_STORE)
    slack.refresh_from_db()
    resources.add_entitlement(slack, actor=as_actor(n.omar), now=n.now, code="kv:entry", words="May look", level="read")
    assert slack.entitlements.get(code="kv:entry").tags == ["secrets.read"]


def test_what_was_there_before_is_given_the_same_tags_and_what_has_some_keeps_them(company: Company) -> None:
    for name in ("invoice-chaser.json", "supplier-onboarding.json", "repo-triage-agent.mcp.json"):
        scenarios.brought_in(company, name)
    n = company.people
    resources.add_entitlement(
        company.slack, actor=as_actor(n.omar), now=n.now, code="user:create", words="May make users", level="admin"
    )
    made = tags()
    assert sum(map(bool, made.values())) >= 3
    kept = next(pk for pk, given in made.items() if given)
    Entitlement.objects.exclude(pk=kept).update(tags=[])
    Entitlement.objects.filter(pk=kept).update(tags=["by.hand"])
    MIGRATION.fill(apps, None)
    assert tags() == {**made, kept: ["by.hand"]}
    MIGRATION.fill(apps, None)
    assert tags() == {**made, kept: ["by.hand"]}
