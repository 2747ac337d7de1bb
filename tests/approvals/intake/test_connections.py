"""What a connection opens: chosen from the register or proposed with a suggested owner, who is thereby nothing yet (I8)."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from approvals.intake.drafts import Draft
from approvals.intake.views import builder
from approvals.models import Submission
from inventory.importers.manifest import binding_key
from inventory.models import Binding, ImportItem, Resource, ResourceState
from inventory.resources.transitions import bindings
from tests.approvals.intake.builder import PRICES, Build, manifest_of
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


def first_open(rita: Build, item: ImportItem) -> str:
    """The key of the first row that asks what its connection opens."""
    return next(name for name in rita.fields(item) if name.startswith("bind-")).removeprefix("bind-")


def test_connections_of_others_previews_are_hidden(company: Company, rita: Build) -> None:
    item = rita.import_item()
    url = reverse("import_bind", args=[item.pk, first_open(rita, item)])
    jonas = Build.by(company.people.jonas).client
    assert jonas.get(url).status_code == 404
    assert jonas.post(url, {"do": "choose", "resource": company.erp.pk}).status_code == 404


def test_a_key_that_no_row_has_is_not_there(rita: Build) -> None:
    item = rita.import_item()
    assert rita.client.get(reverse("import_bind", args=[item.pk, "0123456789ab"])).status_code == 404


@pytest.mark.rule("I8")
def test_dynamic_target_cannot_be_named_by_builder(company: Company, rita: Build) -> None:
    from approvals.intake.drafts import privilege_row

    item = rita.import_item(PRICES)
    dynamic = next(privilege for privilege in manifest_of(item).privileges if not privilege.instance)
    url = reverse("import_bind", args=[item.pk, privilege_row(dynamic)])
    assert rita.client.get(url).status_code == 404
    assert rita.client.post(url, {"do": "choose", "resource": company.erp.pk}).status_code == 404


def test_a_resource_that_one_does_not_see_can_not_be_chosen(company: Company, rita: Build) -> None:
    company.erp.directory = False
    company.erp.save()
    item = rita.import_item()
    url = reverse("import_bind", args=[item.pk, first_open(rita, item)])
    assert rita.client.post(url, {"do": "choose", "resource": company.erp.pk}).status_code == 404
    assert rita.client.post(url, {"do": "choose", "resource": "none"}).status_code == 404
    item.refresh_from_db()
    assert Draft.load(item).chosen == {}


@pytest.mark.rule("I8")
def test_a_register_with_more_than_a_page_offers_is_searched(
    company: Company, rita: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = rita.import_item()
    key = first_open(rita, item)
    url = reverse("import_bind", args=[item.pk, key])
    assert "Search" not in rita.client.get(url).content.decode().partition("<main")[2]
    monkeypatch.setattr(builder, "MOST_OPTIONS", 1)
    last = max(Resource.objects.all(), key=lambda resource: resource.name)
    assert f'value="bind:{key}">Search the others' in rita.see(item)
    page = rita.client.get(url).content.decode()
    assert "the first 1;" in page
    assert last.name not in page
    assert last.name in rita.client.get(url, {"q": last.name}).content.decode()
    assert "Nothing that you see fits" in rita.client.get(url, {"q": "zzz no such"}).content.decode()
    rita.client.post(url, {"do": "choose", "resource": last.pk})
    item.refresh_from_db()
    assert list(Draft.load(item).chosen.values()) == [last.pk]
    assert last.name in rita.see(item)


@pytest.mark.rule("I8")
def test_only_builder_proposes_all_unknown_connections(company: Company) -> None:
    jonas = Build.by(company.people.jonas)
    item = jonas.import_item()
    assert 'value="propose"' not in jonas.see(item)
    assert jonas.post(item, {}, do="propose").status_code == 403
    assert not Resource.objects.filter(state=ResourceState.PROPOSED).exists()


@pytest.mark.rule("I8", "S8")
def test_one_press_proposes_all_unknown_connections_with_their_names(company: Company, rita: Build) -> None:
    item = rita.import_item()
    assert "Propose 2 new resources" in rita.see(item)
    answer = rita.post(item, {"purpose": "Tells buyers what runs low."}, do="propose")
    assert answer["Location"].endswith("#rows")
    made = Resource.objects.filter(state=ResourceState.PROPOSED)
    names = {(row.name, row.kind, row.environment, row.owner) for row in made}
    assert names == {
        ("ERP Postgres (production)", "data_store", "production", None),
        ("Finance Slack workspace", "saas_connector", "production", None),
    }
    page = rita.see(item)
    assert "Propose" not in page.partition("<main")[2]
    assert page.count("wait for an admin to name an owner of".capitalize()) == 2
    assert 'value="without:' not in page, "nothing would be left"
    assert page.count("ERP Postgres (production) is not active yet.") == 1, "said at the connection, once"
    assert "Tells buyers what runs low." in page
    rita.post(item, {}, do="propose")
    assert made.count() == 2, "none is proposed twice"


@pytest.mark.rule("I8", "A1")
def test_rest_is_submitted_without_the_connection_that_waits(company: Company, rita: Build) -> None:
    """The owner of one connection is not named yet; its privileges come back with a click."""
    item = rita.import_item()
    reads = next(privilege for privilege in manifest_of(item).privileges if privilege.connector == "postgres")
    connector, instance = binding_key(reads)
    omar = as_actor(company.people.omar)
    bindings.bind_connection(company.erp, actor=omar, now=company.now, connector=connector, instance=instance)
    rita.post(item, {}, do="propose")
    form = rita.typed(item, company.people.jonas)
    rita.post(item, form)
    without = re.search(
        r'value="(without:[0-9a-f,]+)">Submit 1 of 2 privileges without Finance Slack workspace<',
        rita.see(item),
    )
    assert without is not None
    answer = rita.post(item, {**form, "purpose": ""}, do=without[1])
    assert answer.status_code == 422, "what else is missing is still asked for"
    assert not Submission.objects.exists()
    answer = rita.post(item, form, do=without[1])
    made = Submission.objects.get()
    assert answer["Location"] == reverse("review", args=[made.pk])
    sentences = [approval.privilege.sentence for approval in made.approvals.filter(kind="privilege")]
    assert sentences == ["Read scm.stock in ERP Postgres (production)"]


def test_resources_of_the_likely_kind_come_first(company: Company, rita: Build) -> None:
    page = rita.see(rita.import_item())
    lists = re.findall(r'<select[^>]*name="bind-.*?</select>', page, re.DOTALL)
    first = [re.findall(r'<optgroup label="([^"]+)"', options)[0] for options in lists]
    assert first == ["Data store", "SaaS connector"]
    assert all(f'<option value="{company.erp.pk}">' in options for options in lists)


def test_new_resource_needs_a_name(rita: Build) -> None:
    item = rita.import_item()
    url = reverse("import_bind", args=[item.pk, first_open(rita, item)])
    before = Resource.objects.count()
    answer = rita.client.post(
        url, {"do": "register", "name": " ", "kind": "data_store", "environment": "production", "about": "Kept words."}
    )
    assert answer.status_code == 422
    assert "Kept words." in answer.content.decode()
    assert Resource.objects.count() == before


def test_only_builder_proposes_resource(company: Company) -> None:
    jonas = Build.by(company.people.jonas)  # of the team, without the role
    item = jonas.import_item()
    assert "Register a new one" not in jonas.see(item)
    url = reverse("import_bind", args=[item.pk, first_open(jonas, item)])
    assert "Propose it and use it here" not in jonas.client.get(url).content.decode()
    answer = jonas.client.post(url, {"do": "register", "name": "X", "kind": "data_store", "environment": "production"})
    assert answer.status_code == 403
    assert not Resource.objects.filter(name="X").exists()


@pytest.mark.rule("I8")
def test_a_choice_stands_in_the_draft_and_becomes_a_binding_only_when_it_is_confirmed(
    company: Company, rita: Build
) -> None:
    item = rita.import_item()
    key = first_open(rita, item)
    answer = rita.client.post(reverse("import_bind", args=[item.pk, key]), {"do": "choose", "resource": company.erp.pk})
    assert answer["Location"] == f"{reverse('import_preview', args=[item.pk])}#wish-{key}"
    page = rita.see(item)
    assert "You propose this connection; its owner confirms it with the first decision." in page
    assert "Read scm.stock in ERP Postgres (production)" in page
    assert not Binding.objects.exists()
    rita.post(item, {f"bind-{key}": ""})
    item.refresh_from_db()
    assert not any(Draft.load(item).chosen.values())


@pytest.mark.rule("I8", "S8")
def test_a_proposed_resource_has_a_suggested_owner_and_none(company: Company, rita: Build) -> None:
    item = rita.import_item()
    key = first_open(rita, item)
    url = reverse("import_bind", args=[item.pk, key])
    assert "What does “ERP Postgres (production)” open?" in rita.client.get(url).content.decode()
    omar = company.people.omar
    given = {"name": "Stock database", "kind": "data_store", "environment": "production", "suggested_owner": omar.pk}
    answer = rita.client.post(url, {"do": "register", **given})
    assert answer.status_code == 302
    made = Resource.objects.get(name="Stock database")
    assert (made.state, made.owner, made.suggested_owner) == (ResourceState.PROPOSED, None, omar)
    assert made.data_class == ""
    page = rita.see(item)
    assert "Wait for an admin to name an owner of Stock database" in page
    assert "Nobody yet" in page
