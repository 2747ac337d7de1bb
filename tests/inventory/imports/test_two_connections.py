"""Two connections stay apart from the upload to the register, also if both open one resource (I7, I8)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from approvals.intake import drafts
from inventory.importers.manifest import Finding, Manifest, platform_name
from inventory.imports import resolution
from inventory.imports.transitions import previews
from inventory.models import Binding, Version
from inventory.versions import transitions as version_transitions
from tests.inventory.importers.samples import bound, node, workflow
from tests.inventory.imports.sample_imports import export, plainly
from tests.matrix.cast_and_states import inside
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.django_db

HOSTS = ("one.example.com", "two.example.com")
ALIKE = bound("httpHeaderAuth", "key1")


def calls(*hosts: str) -> dict[str, Any]:
    """A workflow that reads the same path of each host, with the same credential."""
    nodes = (node("httpRequest", f"Ask {host}", 4, ALIKE, url=f"https://{host}/orders") for host in hosts)
    return workflow(*nodes, id="orders1")


def brought(c: Company, **chosen: Any) -> Version:
    """The workflow in the register, what each host opens as chosen by its first word."""
    named = {f"httpRequest|{word}.example.com": resource for word, resource in chosen.items()}
    return plainly(c, json.dumps(calls(*HOSTS)).encode(), chosen=named)


@pytest.mark.rule("I7", "I8")
def test_one_path_on_two_hosts_is_never_one_privilege(company: Company) -> None:
    version = brought(company, one=company.drive, two=company.mail)
    held = {privilege.instance: privilege for privilege in version.privileges.select_related("entitlement__resource")}
    assert {host: privilege.entitlement.resource for host, privilege in held.items()} == {
        "one.example.com": company.drive,
        "two.example.com": company.mail,
    }
    assert [privilege.at for privilege in held.values()] == [[f"Ask {host}"] for host in HOSTS]


@pytest.mark.rule("I7", "I8")
def test_two_hosts_of_one_resource_are_two_privileges(company: Company) -> None:
    version = brought(company, one=company.drive, two=company.drive)
    assert sorted(version.privileges.values_list("instance", flat=True)) == list(HOSTS)
    assert Binding.objects.filter(resource=company.drive, instance_name__in=HOSTS, confirmed_at=None).count() == 2
    assert brought(company, one=company.drive, two=company.drive) == version


@pytest.mark.rule("I7")
def test_a_form_has_a_row_for_each_connection_and_the_same_before_and_after_it_is_named(company: Company) -> None:
    n = company.people
    content = json.dumps(calls(*HOSTS)).encode()
    item = previews.preview([("x.json", content)], actor=as_actor(n.rita), now=n.now).items.get()
    manifest = Manifest.from_dict(item.manifest)
    rows = drafts.connections(manifest)
    assert sorted(rows.values()) == [f"httpRequest|{host}" for host in HOSTS]
    platform = platform_name(manifest)
    chosen = {f"httpRequest|{host}": company.drive for host in HOSTS}
    for choice in ({}, chosen):
        result = resolution.resolve_manifest(manifest, platform_instance=platform, chosen=choice)
        assert {drafts.row_key(key) for key in result.privileges} == set(rows)
    # What the preview shows is what confirming writes.
    shown = sorted(privilege.key for privilege in result.privileges.values())
    version = brought(company, one=company.drive, two=company.drive)
    assert sorted(version.privileges.values_list("key", flat=True)) == shown


def level_after(c: Company, version: Version, manifest: Manifest) -> dict[str, str]:
    """The levels that count once a version is judged by another reading of it, by key."""
    with inside(version, as_actor(c.people.rita), c.now):
        made = version_transitions.assess_version(version, now=c.now, manifest=manifest)
    return {key: entry["level"] for key, entry in made.levels["privileges"].items()}


@pytest.mark.rule("I2", "I4", "I8")
def test_a_newer_reading_counts_the_highest_level_of_several_places_and_no_guess(company: Company) -> None:
    document = calls("one.example.com")
    document["nodes"].append({**document["nodes"][0], "name": "Ask again", "id": "again"})
    version = plainly(company, json.dumps(document).encode(), chosen={"httpRequest|one.example.com": company.drive})
    (held,) = version.privileges.all()
    read = Manifest.from_dict(version.manifest)
    first, second = read.privileges
    higher_first = replace(read, privileges=(replace(first, access="admin"), second))
    assert level_after(company, version, higher_first) == {held.key: "admin"}
    guessed = replace(read, findings=(Finding("unrecognised", first.at, "low"),))
    assert level_after(company, version, guessed) == {held.key: "unknown"}


@pytest.mark.rule("I8")
def test_pages_name_connection_of_privilege(company: Company) -> None:
    version = brought(company, one=company.drive, two=company.drive)
    assert sorted(privilege.through for privilege in version.privileges.select_related("credential")) == list(HOSTS)
    stock = plainly(company, export("weekly-stock-report.json"))
    # Where the connection is the credential itself, its own record names it.
    assert {privilege.through for privilege in stock.privileges.select_related("credential")} == {""}
