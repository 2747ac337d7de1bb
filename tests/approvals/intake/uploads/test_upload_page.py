"""An upload's page: whose it is, sent in parts, ordered, followed, stopped, reported, discarded (H7, I1, I7)."""

from __future__ import annotations

import csv
import io
import json
import secrets
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from approvals.intake import bulk_import
from inventory.imports.transitions import previews
from inventory.models import Automation, BatchState, ImportBatch, ImportItem, ImportState
from tests.approvals.intake.builder import ONBOARDING, Build, everything_stored
from tests.approvals.intake.uploads import batches
from tests.scenarios import EXPORTS, Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def add(who: Build, *files: tuple[str, bytes], **more: Any) -> Any:
    """Post one part, as the script does: paths beside the files."""
    sent = [SimpleUploadedFile(path.rpartition("/")[2], data, "application/json") for path, data in files]
    return who.client.post(
        reverse("import_add"), {"files": sent, "paths": [path for path, _ in files], **more}, format="multipart"
    )


def see(who: Build, batch: ImportBatch, query: str = "", **headers: str) -> Any:
    """The upload's page."""
    return who.client.get(reverse("import_batch", args=[batch.pk]) + query, headers=headers)


def order(who: Build, batch: ImportBatch, **fields: Any) -> Any:
    """Press the button."""
    return who.client.post(
        reverse("import_batch", args=[batch.pk]), {"do": "order", "environment": "production", **fields}
    )


def lines(who: Build, batch: ImportBatch) -> list[list[str]]:
    """The report, read as a spreadsheet reads it."""
    answer = who.client.get(reverse("import_report", args=[batch.pk]))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(answer.content.decode())))


# --- refused --------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I7", "H7")
def test_uploads_of_others_are_hidden(company: Company, batch: ImportBatch) -> None:
    theo = Build.by(company.people.theo)  # who leads the team for which it was read
    for name in ("import_batch", "import_report", "import_batch_discard"):
        assert theo.client.get(reverse(name, args=[batch.pk])).status_code == 404
    for name in ("import_batch", "import_batch_discard"):
        assert theo.client.post(reverse(name, args=[batch.pk]), {"do": "order"}).status_code == 404
    assert add(theo, batches.export(9), batch=str(batch.pk)).status_code == 404
    assert batch.items.count() == 5
    batch.refresh_from_db()
    assert batch.progress == BatchState.PREVIEW


@pytest.mark.rule("I1")
def test_person_without_team_adds_nothing(company: Company, rita: Build) -> None:
    company.people.finance_ops.memberships.filter(person=company.people.rita).delete()
    answer = add(rita, batches.export(0))
    assert answer.status_code == 403
    assert "You belong to no team" in answer.json()["sentence"]
    assert add(rita, batches.export(0), team=str(company.people.marketing.pk)).status_code == 403
    assert not ImportBatch.objects.exists()


def test_upload_needs_sign_in(company: Company) -> None:
    assert Client().post(reverse("import_add"), {}).status_code == 302
    assert not ImportBatch.objects.exists()


@pytest.mark.rule("I7")
def test_a_part_that_is_more_than_is_taken_at_once_is_refused_in_words(rita: Build, settings: Any) -> None:
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = add(rita, batches.export(0))
    assert answer.status_code == 422
    assert "which is the most that is taken at once" in answer.json()["sentence"]
    assert not ImportBatch.objects.exists()


def test_an_upload_that_is_named_badly_is_not_there(rita: Build) -> None:
    for name in ("0", "999999999999999999999", "one", "-1"):
        assert add(rita, batches.export(0), batch=name).status_code == 404


@pytest.mark.rule("I7")
def test_running_import_accepts_no_changes(company: Company, batch: ImportBatch, rita: Build) -> None:
    batches.ordered(company, batch)
    answer = add(rita, batches.export(9), batch=str(batch.pk))
    assert answer.status_code == 409
    assert "being imported" in answer.json()["sentence"]
    assert rita.client.post(reverse("import_batch_discard", args=[batch.pk])).status_code == 409
    assert batch.items.filter(progress=ImportState.PREVIEW).count() == 4


@pytest.mark.rule("I1", "S1")
@pytest.mark.parametrize(
    ("owner", "message"), [("", "Name who is accountable for them."), ("sana", "belongs neither to Finance Operations")]
)
def test_order_needs_eligible_owner(
    company: Company, batch: ImportBatch, rita: Build, owner: str, message: str
) -> None:
    who = getattr(company.people, owner).pk if owner else ""
    answer = order(rita, batch, business_owner=who)
    assert answer.status_code == 422
    assert message in answer.content.decode()
    batch.refresh_from_db()
    assert batch.progress == BatchState.PREVIEW


@pytest.mark.rule("I1")
def test_order_for_foreign_team_is_refused(company: Company, batch: ImportBatch, rita: Build) -> None:
    company.people.supply.memberships.create(person=company.people.rita)
    answer = order(rita, batch, business_owner=company.people.jonas.pk, team=company.people.marketing.pk)
    assert answer.status_code == 404
    batch.refresh_from_db()
    assert batch.progress == BatchState.PREVIEW


def test_upload_page_offers_no_other_action(batch: ImportBatch, rita: Build) -> None:
    assert rita.client.post(reverse("import_batch", args=[batch.pk]), {"do": "more"}).status_code == 404


# --- in parts -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I7")
def test_repeated_part_changes_nothing_and_folder_continues(rita: Build) -> None:
    begun = add(rita).json()
    assert (begun["read"], begun["refused"], begun["again"]) == (0, 0, 0)
    part = (batches.export(0), batches.export(1), ("exports/broken.json", b"{"))
    first = add(rita, *part, batch=begun["pk"]).json()
    assert (first["read"], first["refused"], first["again"]) == (2, 1, 0)
    assert first["batch"] == begun["batch"] == reverse("import_batch", args=[begun["pk"]])
    again = add(rita, *part, batches.export(2), batch=begun["pk"]).json()
    assert (again["read"], again["refused"], again["again"]) == (1, 0, 3)
    assert ImportBatch.objects.get().size == 3
    assert ImportItem.objects.count() == 4


@pytest.mark.rule("I7")
def test_changed_file_counts_as_another(rita: Build) -> None:
    begun = add(rita, batches.export(0)).json()
    answer = add(rita, batches.changed(0), batch=begun["pk"]).json()
    assert (answer["read"], answer["again"]) == (1, 0)


@pytest.mark.rule("I8")
def test_the_path_in_the_folder_names_a_file_and_one_too_large_to_send_is_on_the_report(rita: Build) -> None:
    config = json.dumps({"mcpServers": {"github": {"command": "npx", "args": ["-y", "server-github"]}}}).encode()
    answer = add(rita, ("laptops/anna/mcp.json", config), large=["laptops/big.json"])
    batch = ImportBatch.objects.get(pk=answer.json()["pk"])
    read, refused = batch.items.order_by("pk")
    assert (read.filename, read.manifest["name"]) == ("laptops/anna/mcp.json", "anna")
    assert refused.filename == "laptops/big.json"
    page = see(rita, batch).content.decode()
    assert "this is more than 6 MB" in page


# --- the page -------------------------------------------------------------------------------------------------------


@pytest.mark.rule("I7")
def test_upload_can_be_ordered_left_and_resumed(company: Company, batch: ImportBatch, rita: Build) -> None:
    page = see(rita, batch).content.decode()
    assert "Import 4 automations" in page
    assert "every 2s" not in page
    answer = order(rita, batch, business_owner=company.people.jonas.pk)
    assert answer["Location"] == reverse("import_batch", args=[batch.pk])
    assert order(rita, batch, business_owner=company.people.theo.pk).status_code == 302, "a second press"
    page = see(rita, batch).content.decode()
    assert 'max="4" value="0"' in page
    assert "every 2s" in page
    assert "Importing" in rita.client.get(reverse("import")).content.decode()
    headers = {"HX-Request": "true", "HX-Target": "progress"}
    bulk_import.import_slice(ImportBatch.objects.get(), company.now, 3)
    part = see(rita, batch, **headers)
    assert "<b>3 of 4</b>" in part.content.decode()
    assert "3 new" in part.content.decode()
    assert "<html" not in part.content.decode()
    assert "HX-Refresh" not in part
    batches.swept(company)
    part = see(rita, batch, **headers)
    assert part["HX-Refresh"] == "true"
    assert "every 2s" not in part.content.decode(), "it asks no more"
    page = see(rita, batch).content.decode()
    assert "All that was read is in the register." in page
    assert Automation.objects.order_by("pk")[0].href in page


@pytest.mark.rule("I7")
def test_import_is_stopped_by_button(company: Company, batch: ImportBatch, rita: Build) -> None:
    batches.ordered(company, batch)
    bulk_import.import_slice(batch, company.now, 1)
    rita.client.post(reverse("import_batch", args=[batch.pk]), {"do": "stop"})
    assert batches.swept(company) == {}
    page = see(rita, batch).content.decode()
    assert "Stopped." in page
    assert "Import 3 automations" in page
    assert "Jonas Weil</option>" in page


def test_filters_stand_in_the_address_with_their_counts(company: Company, batch: ImportBatch, rita: Build) -> None:
    item = batch.items.filter(progress=ImportState.PREVIEW).order_by("pk")[0]
    previews.refuse_item(item, "It is another team's. Ask that team.")
    page = see(rita, batch, "?show=refused").content.decode()
    assert page.count("data-row-open") == 1
    assert reverse("import_preview", args=[item.pk]) in page
    assert "It is another team&#x27;s. Ask that team." in page
    assert "Not read<b>1</b>" in page
    assert "Not imported<b>3</b>" in page
    assert see(rita, batch, "?show=unread").content.decode().count("data-row ") == 1
    assert "Nothing of this upload stands so." in see(rita, batch, "?show=new").content.decode()
    assert see(rita, batch, "?show=nothing&after=x&before=-4").status_code == 200


def test_thousands_are_shown_a_page_at_a_time_and_no_manifest_is_loaded(
    company: Company, batch: ImportBatch, rita: Build
) -> None:
    see(rita, batch)
    with CaptureQueriesContext(connection) as few:
        see(rita, batch)
    item = batch.items.filter(progress=ImportState.PREVIEW).order_by("pk")[0]
    copies = [
        ImportItem(
            batch=batch, team=item.team, filename=f"{number}.json", manifest=item.manifest, created_at=company.now
        )
        for number in range(120)
    ]
    ImportItem.objects.bulk_create(copies)
    with CaptureQueriesContext(connection) as many:
        page = see(rita, batch).content.decode()
    assert len(many) <= len(few)
    assert not any('"inventory_importitem"."manifest",' in query["sql"] for query in many)
    keys, rest = [item.pk for item in batch.items.order_by("pk")], page
    assert rest.count("data-row ") == 50
    assert "before=" not in rest
    second = see(rita, batch, f"?after={keys[49]}").content.decode()
    assert second.count("data-row ") == 50
    assert f"before={keys[50]}" in second
    back = see(rita, batch, f"?before={keys[50]}").content.decode()
    assert f"after={keys[49]}" in back
    assert "before=" not in back
    assert see(rita, batch, f"?after={keys[99]}").content.decode().count("data-row ") == 25


def test_a_large_upload_is_one_line_among_the_drafts(company: Company, rita: Build) -> None:
    batches.uploaded(company, 2)
    large = batches.uploaded(company, 6)
    page = rita.client.get(reverse("import")).content.decode()
    assert page.count("Weekly stock report") == 2, "the small one's drafts"
    assert reverse("import_batch", args=[large.pk]) in page
    answer = rita.upload(*(batches.export(number) for number in range(6)))
    assert answer["Location"] == reverse("import_batch", args=[ImportBatch.objects.latest("pk").pk])


# --- the report, and the end ----------------------------------------------------------------------------------------


@pytest.mark.rule("I7")
def test_report_contains_no_formula(company: Company, rita: Build) -> None:
    batch = batches.uploaded(company, 6)
    evil = [f'{begins}HYPERLINK("https://elsewhere.example")' for begins in "=+-@\t\r"]
    for item, formula in zip(batch.items.order_by("pk"), evil, strict=True):
        item.manifest["name"] = item.filename = item.reason = formula
        item.outcome = "refused"
        item.save()
    head, *rows = lines(rita, batch)
    assert head[0] == "Automation"
    assert [[row[0], row[1], row[3]] for row in rows] == [[f"'{formula}"] * 3 for formula in evil]


@pytest.mark.rule("I7")
def test_report_lists_every_automation_and_file(company: Company, batch: ImportBatch, rita: Build) -> None:
    batches.brought_in(company, batch)
    rows = lines(rita, batch)[1:]
    assert [row[2] for row in rows] == ["New"] * 4 + ["Not read"]
    assert all("/automations/" in row[5] for row in rows[:4])
    assert "line 2" in rows[4][3]


@pytest.mark.rule("I7")
def test_unimported_rest_can_be_discarded(company: Company, batch: ImportBatch, rita: Build) -> None:
    batches.ordered(company, batch)
    bulk_import.import_slice(batch, company.now, 1)
    previews.stop_import(batch)
    question = rita.client.get(reverse("import_batch_discard", args=[batch.pk])).content.decode()
    assert "What was read of 3 automations" in question
    assert "One of it stays in the register." in question
    assert rita.client.post(reverse("import_batch_discard", args=[batch.pk]))["Location"] == reverse("import")
    left = batch.items.exclude(progress=ImportState.DISCARDED).get()
    assert left.outcome == "new"
    assert not batch.items.filter(progress=ImportState.DISCARDED).exclude(manifest={}, draft={}, reason="").exists()
    assert Automation.objects.count() == 1
    assert add(rita, batches.export(1), batch=str(batch.pk)).json()["read"] == 1, "what was discarded can come again"


@pytest.mark.rule("I6", "H7")
def test_a_secret_in_a_folder_is_on_no_page_and_in_no_row(company: Company, rita: Build) -> None:
    canary = f"nwf-{secrets.token_hex(14)}"
    export = json.loads((EXPORTS / ONBOARDING).read_text())
    call = next(node for node in export["nodes"] if node["name"] == "Check credit")
    call["parameters"]["headerParameters"]["parameters"][0]["value"] = canary
    content = json.dumps(export).encode()
    answer = add(rita, ("a/full.json", content), ("a/half.json", content[:-40]))
    batch = ImportBatch.objects.get(pk=answer.json()["pk"])
    batches.brought_in(company, batch)
    texts = [answer.content.decode(), see(rita, batch).content.decode(), str(lines(rita, batch))]
    assert not any(canary in text for text in (*texts, *everything_stored()))
    assert batch.items.get(outcome="new").secrets[0]["fingerprint"]


def test_a_delegate_sees_their_own_uploads_alone(company: Company, batch: ImportBatch) -> None:
    assert client_of(company.people.jonas).get(reverse("import_batch", args=[batch.pk])).status_code == 404
