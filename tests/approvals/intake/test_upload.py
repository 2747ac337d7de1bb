"""What is dropped or pasted: refused in words with the others going on, kept as previews, and forgotten as files (I6, I7, I8, H7)."""

from __future__ import annotations

import json
import secrets
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.test import Client
from django.urls import reverse
from django.utils.module_loading import import_string

from inventory.models import ImportItem, ImportState
from tests.approvals.intake.builder import ONBOARDING, STOCK, Build, everything_stored
from tests.scenarios import EXPORTS, Company

pytestmark = pytest.mark.django_db


def test_import_needs_sign_in(company: Company) -> None:
    answer = Client().post(reverse("import"), {"pasted": "{}"})
    assert answer.status_code == 302
    assert reverse("account_login") in answer["Location"]
    assert not ImportItem.objects.exists()


def test_person_without_team_is_informed(company: Company) -> None:
    company.people.finance_ops.memberships.filter(person=company.people.rita).delete()
    answer = Build.by(company.people.rita).upload((STOCK, (EXPORTS / STOCK).read_bytes()))
    assert answer.status_code == 403
    assert "You belong to no team" in answer.content.decode()
    assert not ImportItem.objects.exists()


def test_import_for_foreign_team_is_refused(company: Company, rita: Build) -> None:
    answer = rita.upload((STOCK, (EXPORTS / STOCK).read_bytes()), team=str(company.people.marketing.pk))
    assert answer.status_code == 404
    assert not ImportItem.objects.exists()


@pytest.mark.rule("I8")
def test_unreadable_file_is_named_with_place_and_remedy(rita: Build) -> None:
    good = (EXPORTS / STOCK).read_bytes()
    answer = rita.upload(("broken.json", b'{"nodes": [\n  {"name": }'), (STOCK, good), ("notes.json", b'{"a": 1}'))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "broken.json" in page
    assert "line 2" in page
    assert "a value was expected" in page
    assert "Export it again" in page
    assert "notes.json" in page
    assert "1 automation of the others" in page
    item = ImportItem.objects.get(progress=ImportState.PREVIEW)
    assert reverse("import_preview", args=[item.pk]) in page


@pytest.mark.rule("I8")
def test_unreadable_pasted_text_is_kept(rita: Build) -> None:
    answer = rita.client.post(reverse("import"), {"pasted": '{"nodes": [ "half'})
    assert answer.status_code == 422
    assert "{&quot;nodes&quot;: [ &quot;half" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert not any('"half' in row for row in everything_stored())


def test_empty_upload_is_reported(rita: Build) -> None:
    answer = rita.client.post(reverse("import"), {})
    assert answer.status_code == 422
    assert "Nothing was chosen and nothing was pasted." in answer.content.decode()


@pytest.mark.rule("I7")
def test_more_than_is_taken_at_once_is_refused_in_words_and_never_parsed(rita: Build, settings: Any) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = rita.upload((STOCK, b" " * 2000 + (EXPORTS / STOCK).read_bytes()))
    assert answer.status_code == 422
    assert "which is the most that is taken at once" in answer.content.decode()
    assert not ImportItem.objects.exists()


@pytest.mark.rule("I6", "H7")
def test_a_secret_in_an_export_is_on_no_page_in_no_row_and_in_no_session(rita: Build, settings: Any) -> None:
    canary = f"nwf-{secrets.token_hex(14)}"
    export = json.loads((EXPORTS / ONBOARDING).read_text())
    call = next(node for node in export["nodes"] if node["name"] == "Check credit")
    header = call["parameters"]["headerParameters"]["parameters"][0]
    assert header["name"] == "X-Api-Key"
    header["value"] = canary
    content = json.dumps(export).encode()
    item = rita.import_item(ONBOARDING, content)
    page = rita.see(item)
    assert "1 secret in the file" in page
    assert "X-Api-Key" in page
    assert item.secrets[0]["fingerprint"]
    refused = rita.upload(("half.json", content[:-40])).content.decode()
    again = rita.post(item, rita.typed(item, rita.person), do="submit").content.decode()
    for text in (page, refused, again, rita.client.get(reverse("import")).content.decode()):
        assert canary not in text
    assert not any(canary in row for row in everything_stored())
    assert not any(canary in json.dumps(session.get_decoded()) for session in Session.objects.all())
    handlers = [import_string(path) for path in settings.FILE_UPLOAD_HANDLERS]
    assert [issubclass(handler, MemoryFileUploadHandler) for handler in handlers] == [True], "no disk"


@pytest.mark.rule("I7")
def test_one_export_leads_to_its_preview_and_several_become_drafts(rita: Build) -> None:
    assert rita.import_item().progress == ImportState.PREVIEW
    answer = rita.upload(*((name, (EXPORTS / name).read_bytes()) for name in (STOCK, ONBOARDING)))
    assert answer["Location"] == reverse("import")
    page = rita.client.get(answer["Location"]).content.decode()
    assert "2 automations were read." in page
    assert "Weekly stock report" in page
    assert "Supplier onboarding" in page


def test_a_pasted_export_leads_to_its_preview(rita: Build) -> None:
    answer = rita.client.post(reverse("import"), {"pasted": (EXPORTS / STOCK).read_text()})
    assert answer.status_code == 302
    assert "Weekly stock report" in rita.client.get(answer["Location"]).content.decode()


def test_the_team_is_asked_for_only_where_there_is_a_choice(company: Company, rita: Build) -> None:
    assert 'name="team"' not in rita.client.get(reverse("import")).content.decode()
    company.people.marketing.memberships.create(person=company.people.rita)
    assert 'name="team"' in rita.client.get(reverse("import")).content.decode()
