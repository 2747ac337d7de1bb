"""An entitlement has its tags from the moment it is made: imported, or added by an owner (S6)."""

from __future__ import annotations

import pytest

from inventory.models import Privilege, ResourceKind
from inventory.resources.transitions import resources
from tests import scenarios
from tests.people import as_actor
from tests.scenarios import Company
from tests.trigger_bypass import given

pytestmark = [pytest.mark.django_db, pytest.mark.rule("S6")]


def test_imported_entitlement_gets_tags_of_connector(company: Company) -> None:
    version = scenarios.brought_in(company)
    held = Privilege.objects.filter(version=version).select_related("entitlement")
    tags = {(privilege.connector, privilege.entitlement.code): privilege.entitlement.tags for privilege in held}
    assert "message.send" in next(given for (connector, _), given in tags.items() if connector == "slack")
    assert any(tags.values())


def test_manual_entitlement_gets_tags_of_its_words(company: Company) -> None:
    n, slack = company.people, company.slack
    fields = {"words": "Approve requests", "level": "write"}
    resources.add_entitlement(slack, actor=as_actor(n.omar), now=n.now, code="request:approve", **fields)
    assert slack.entitlements.get(code="request:approve").tags == ["approve"]
    given(slack, kind=ResourceKind.SECRET_STORE)
    slack.refresh_from_db()
    resources.add_entitlement(slack, actor=as_actor(n.omar), now=n.now, code="kv:entry", words="Look", level="read")
    assert slack.entitlements.get(code="kv:entry").tags == ["secrets.read"]
