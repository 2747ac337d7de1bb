"""A file that names the identity of a team that the reader sees nothing of: its preview says no more than of a name that nobody knows (I5, S6)."""

from __future__ import annotations

import re

import pytest

from approvals.conflicts.default_rules import default_rules
from governance.core.models import Person
from inventory.importers.manifest import Manifest, platform_name
from inventory.models import ImportItem, NonHumanIdentity, VersionIdentity
from tests.approvals import chains
from tests.approvals.conflicts import conflict_rules
from tests.approvals.conflicts.conflict_rules import on
from tests.approvals.intake.builder import Build
from tests.scenarios import Company
from tests.trigger_bypass import moved

pytestmark = [pytest.mark.django_db, pytest.mark.rule("I5", "S6")]


@pytest.fixture
def robot(company: Company, rita: Build) -> NonHumanIdentity:
    """Marketing's, and what runs as it reads and is high risk; by a rule no two run as one, and no identity reads both systems."""
    c, n = company, company.people
    conflict_rules.no_other_rules(c.now)
    conflict_rules.rule(
        on(c.slack, levels=["admin"]), on(c.erp), on(c.slack, levels=["write"]), scope="identity", code="mixed"
    )
    (document,) = (rule.to_dict() for rule in default_rules() if rule.code == "shared-identity")
    conflict_rules.unsaved({**document, "code": "no-sharing"}, c.now).save()
    other = chains.in_force(c, chains.described(c, "Payments", (c.slack, "admin", "all"))).automation
    moved(other.pk, team=n.marketing, business_owner=n.grace, technical_owner=n.tom)
    made = NonHumanIdentity.objects.create(
        kind="service_account", issuer=issuer(item(rita, "x")), subject="n8n/payments", owner=n.grace, automation=other
    )
    VersionIdentity.objects.create(version=other.approved_version, identity=made)
    return made


def item(who: Build, name: str) -> ImportItem:
    """An upload that names what it runs as."""
    made = who.import_item()
    made.manifest["identities"] = [{"kind": "service_account", "name": name, "scope": "n8n"}]
    made.save()
    return made


def issuer(made: ImportItem) -> str:
    return platform_name(Manifest.from_dict(made.manifest))


def preview_text(who: Build, name: str) -> str:
    """The preview's page without what differs from one to the next anyway."""
    page = who.see(item(who, name)).replace(name, "NAME")
    page = re.sub(r"/import/\d+/|item=\d+|item-\d+", "ITEM", page)
    return re.sub(r'"[A-Za-z0-9]{64}"', "TOKEN", page)


def test_identity_of_other_team_is_shown_as_unknown_name(rita: Build, robot: NonHumanIdentity) -> None:
    page = preview_text(rita, "payments")
    assert "of which you see nothing in the register" in page
    assert "an automation you don’t see" not in page
    assert "Two automations on one identity" not in page
    assert "same identity as another" not in page
    assert page == preview_text(rita, "nobodys-robot")


def test_reader_of_identity_sees_possible_conflict(company: Company, rita: Build, robot: NonHumanIdentity) -> None:
    answers: Person = rita.person
    NonHumanIdentity.objects.filter(pk=robot.pk).update(owner=answers)
    page = preview_text(rita, "payments")
    assert "Two automations on one identity" in page
    assert "of which you see nothing" not in page
