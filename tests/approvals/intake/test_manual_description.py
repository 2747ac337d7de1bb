"""The form for what has no export: a description goes the same way as a file (I7, I8)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import reverse

from approvals.intake.views import builder
from approvals.models import Submission
from inventory.models import ImportItem, Resource, Version
from tests.approvals.intake.builder import Build
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


def described(company: Company, **more: Any) -> dict[str, Any]:
    """The form filled in: a script that reads the ERP and posts to Slack."""
    return {
        "name": "Nightly totals",
        "kind": "script",
        "platform": "cron on fin-02",
        "starts": "schedule",
        "rows-TOTAL_FORMS": "2",
        "rows-INITIAL_FORMS": "2",
        "rows-0-resource": company.erp.pk,
        "rows-0-does": "read invoices",
        "rows-0-level": "read",
        "rows-0-target": "fin.invoices",
        "rows-1-resource": company.slack.pk,
        "rows-1-does": "May post messages",
        "rows-1-level": "write",
        "rows-1-target": "#totals",
        **more,
    }


def post(rita: Build, data: dict[str, Any], query: str = "") -> Any:
    """Post the form."""
    return rita.client.post(reverse("import_form") + query, {"do": "preview", **data})


def test_incomplete_description_is_refused_and_kept(company: Company, rita: Build) -> None:
    answer = post(rita, described(company, **{"rows-0-does": "", "platform": ""}))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="id_rows-0-does_error"' in page
    assert 'id="id_platform_error"' in page
    assert 'value="fin.invoices"' in page
    assert not ImportItem.objects.exists()


@pytest.mark.rule("I8")
def test_a_resource_that_one_does_not_see_can_not_be_described(company: Company, rita: Build) -> None:
    company.erp.directory = False
    company.erp.save()
    assert post(rita, described(company)).status_code == 422
    assert not ImportItem.objects.exists()


def test_description_for_foreign_team_is_refused(company: Company, rita: Build) -> None:
    company.people.supply.memberships.create(person=rita.person)
    assert post(rita, described(company, team=company.people.marketing.pk)).status_code == 422
    assert not ImportItem.objects.exists()


def test_descriptions_of_others_are_hidden(company: Company, rita: Build) -> None:
    post(rita, described(company))
    item = ImportItem.objects.get()
    jonas = Build.by(company.people.jonas).client
    assert jonas.get(f"{reverse('import_form')}?item={item.pk}").status_code == 404


def test_imported_version_is_not_edited_by_form(rita: Build) -> None:
    item = rita.import_item()
    assert rita.client.get(f"{reverse('import_form')}?item={item.pk}").status_code == 404


def test_adding_privilege_row_keeps_input(company: Company, rita: Build) -> None:
    answer = rita.client.post(reverse("import_form"), described(company) | {"do": "add", "name": "Half"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="rows-2-does"' in page
    assert 'value="Half"' in page
    assert 'value="fin.invoices"' in page
    assert re.search(rf'<option value="{company.slack.pk}" selected>', page)


@pytest.mark.rule("I7")
def test_a_description_becomes_a_preview_in_plain_words(company: Company, rita: Build) -> None:
    answer = post(rita, described(company, **{"rows-2-level": "read", "rows-TOTAL_FORMS": "3"}))
    item = ImportItem.objects.get()
    assert answer["Location"] == reverse("import_preview", args=[item.pk])
    page = rita.see(item)
    assert "Described by hand" in page
    assert "Read invoices from fin.invoices in ERP Postgres (production)" in page
    assert "Post messages to #totals in Finance Slack workspace" in page
    assert 'name="bind-' not in page
    assert f"{reverse('import_form')}?item={item.pk}" in page


@pytest.mark.rule("I7")
def test_editing_description_keeps_input(company: Company, rita: Build) -> None:
    post(rita, described(company))
    item = ImportItem.objects.get()
    rita.post(item, {"purpose": "Sums up the day."})
    query = f"?item={item.pk}"
    assert 'value="Nightly totals"' in rita.client.get(reverse("import_form") + query).content.decode()
    before = item.manifest["source"]["external_id"]
    post(rita, described(company, **{"rows-1-target": "#sums"}), query)
    item.refresh_from_db()
    assert item.manifest["source"]["external_id"] == before
    page = rita.see(item)
    assert "Sums up the day." in page
    assert "Post messages to #sums" in page
    assert "Read invoices from fin.invoices" in page, "a row that stayed as it was is still there"
    assert ImportItem.objects.count() == 1


@pytest.mark.rule("A1", "A2")
def test_a_description_is_submitted_like_any_other(company: Company, rita: Build) -> None:
    post(rita, described(company))
    item = ImportItem.objects.get()
    rita.post(item, rita.typed(item, company.people.jonas), do="submit")
    made = Submission.objects.get()
    assert made.approvals.filter(stage=2).count() == 2
    assert Version.objects.get().privileges.count() == 2
    assert made.automation.external_id.startswith("manual:")


@pytest.mark.rule("I8")
def test_search_finds_no_hidden_resource(company: Company, rita: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "MOST_OPTIONS", 1)
    company.erp.directory = False
    company.erp.save()
    page = rita.client.post(reverse("import_form"), described(company, do="search", q="erp")).content.decode()
    assert "Nothing that you see fits these words." in page
    assert company.erp.name not in page


@pytest.mark.rule("I8")
def test_large_register_is_searched_and_input_is_kept(
    company: Company, rita: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = reverse("import_form")
    assert "Search the register" not in rita.client.get(url).content.decode()
    monkeypatch.setattr(builder, "MOST_OPTIONS", 1)
    first = min(Resource.objects.all(), key=lambda resource: resource.name)
    last = max(Resource.objects.exclude(pk=company.erp.pk), key=lambda resource: resource.name)
    page = rita.client.get(url).content.decode()
    assert "The rows below offer the first 1;" in page
    assert (first.name in page, last.name in page) == (True, False)
    typed = described(company, **{"rows-1-resource": "", "rows-1-does": "post messages"})
    page = rita.client.post(url, {**typed, "do": "search", "q": last.name}).content.decode()
    assert f'<option value="{company.erp.pk}" selected>' in page
    assert f'<option value="{last.pk}">' in page
    assert 'value="post messages"' in page
    assert 'value="Nightly totals"' in page
    assert post(rita, {**typed, "rows-1-resource": last.pk}).status_code == 302, "chosen, though it is not offered now"
    item = ImportItem.objects.get()
    again = rita.client.get(f"{url}?item={item.pk}").content.decode()
    assert f'<option value="{last.pk}" selected>' in again
