"""While a person's import is read, or two in one web process, a further one is refused at once and loses nothing that was typed (I7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse

from governance.core.models import Person
from inventory.models import ImportBatch
from tests.approvals.intake.builder import STOCK, Build
from tests.scenarios import EXPORTS, Company

pytestmark = pytest.mark.django_db

GOOD = (EXPORTS / STOCK).read_bytes()
YOURS = "Another import of yours is still being read."
FULL = "Two imports are being read at the moment."


@contextmanager
def reading(person: Person) -> Iterator[None]:
    """Another web process reads an upload of this person."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"import:{person.pk}"])
        yield
    finally:
        with other.cursor() as cursor:  # a session that is only closed ends a moment later
            cursor.execute("SELECT pg_advisory_unlock_all()")
        other.close()


@contextmanager
def full(company: Company) -> Iterator[None]:
    """This web process reads two uploads of other people."""
    from inventory.imports import import_process

    with ExitStack() as stack:
        for person in (company.people.jonas, company.people.piet):
            stack.enter_context(import_process.upload_slot(person))
        yield


def paste(rita: Build) -> Any:
    """Paste an export into the form."""
    return rita.client.post(reverse("import"), {"pasted": GOOD.decode()})


@pytest.mark.rule("I7")
def test_a_second_import_of_a_person_is_refused_with_the_pasted_text_kept(rita: Build) -> None:
    with reading(rita.person):
        answer = paste(rita)
    assert (answer.status_code, answer["Retry-After"]) == (429, "2")
    assert YOURS in answer.content.decode()
    assert "&quot;Weekly stock report&quot;" in answer.content.decode(), "what was pasted is still there"
    assert not ImportBatch.objects.exists()
    assert paste(rita).status_code == 302


@pytest.mark.rule("I7")
def test_a_third_import_in_a_web_process_is_refused_with_the_pasted_text_kept(rita: Build, company: Company) -> None:
    with full(company):
        answer = paste(rita)
    assert (answer.status_code, answer["Retry-After"]) == (503, "2")
    assert FULL in answer.content.decode()
    assert "&quot;Weekly stock report&quot;" in answer.content.decode()
    assert not ImportBatch.objects.exists()
    assert paste(rita).status_code == 302


@pytest.mark.rule("I7")
def test_a_part_of_a_folder_is_refused_with_when_to_try_again(rita: Build, company: Company) -> None:
    begun = rita.client.post(reverse("import_add"))
    with reading(rita.person):
        yours = rita.client.post(reverse("import_add"), {"batch": begun.json()["pk"], "large": ["x.json"]})
    with full(company):
        crowded = rita.client.post(reverse("import_add"), {"batch": begun.json()["pk"]})
    assert (begun.status_code, yours.status_code, crowded.status_code) == (200, 429, 503)
    assert (yours["Retry-After"], yours.json()["sentence"]) == ("2", YOURS)
    assert (crowded["Retry-After"], crowded.json()["sentence"]) == ("2", FULL)
    assert not ImportBatch.objects.get().items.exists()


@pytest.mark.rule("I7")
def test_more_names_of_large_files_than_a_part_has_files_are_refused(rita: Build) -> None:
    answer = rita.client.post(reverse("import_add"), {"large": ["x.json"] * 101})
    assert (answer.status_code, answer.json()["to_do"]) == (422, "Send fewer files at a time.")


@pytest.mark.rule("H7")
def test_file_over_limit_leaves_only_its_reason(rita: Build) -> None:
    hostile = b'{"mcpServers": {"a": {"command": "npx", "args": [' + b'"notforus7",' * 500_000 + b'"x"]}}}'
    answer = rita.upload(("hostile.json", hostile), (STOCK, GOOD))
    assert answer.status_code == 422
    assert "It holds more than 1,000 entries in one list." in answer.content.decode()
    assert "notforus7" not in answer.content.decode()
    refused = ImportBatch.objects.get().items.get(filename="hostile.json")
    assert (refused.manifest, refused.secrets, refused.draft) == ({}, [], {})
    assert ImportBatch.objects.get().items.get(filename=STOCK).manifest["name"] == "Weekly stock report"
