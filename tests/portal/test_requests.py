"""What holds for every request: where `next` may lead, methods, spreadsheets, and documents with a key twice (S5, I7)."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.urls import reverse

from governance.core.texts import free_text
from governance.web.requests.request import local_path
from tests.approvals.api.programs import Program
from tests.people import Northwind
from tests.scenarios import Company
from tests.signed_in_client import client_of

ELSEWHERE = ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x", "/\t/evil.example", "me"]


@pytest.mark.rule("S5")
@pytest.mark.parametrize("path", ELSEWHERE)
def test_redirects_stay_on_the_portal(path: str) -> None:
    assert local_path(path) == ""


@pytest.mark.rule("S5")
def test_a_path_of_the_portal_is_kept() -> None:
    assert local_path("/me/?tab=1#a") == "/me/?tab=1#a"


@pytest.mark.django_db
@pytest.mark.rule("S5")
@pytest.mark.parametrize("path", ELSEWHERE)
def test_foreign_address_is_not_echoed(northwind: Northwind, path: str) -> None:
    page = Client().get(reverse("account_login"), {"next": path}).content.decode()
    assert f'value="{path}"' not in page
    assert "evil.example" not in page
    again = client_of(northwind.rita).get(reverse("account_reauthenticate"), {"next": path}).content.decode()
    assert "evil.example" not in again


@pytest.mark.rule("H4")
@pytest.mark.parametrize(
    "begin", ["=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", " =", "﹢", "﹣", "﹦", "﹫"]
)
def test_exports_contain_no_formula(begin: str) -> None:
    assert free_text.cell(f"{begin}1+1") == f"'{begin}1+1"
    assert free_text.cell("Invoice chaser") == "Invoice chaser"
    assert free_text.cell(None) == ""


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_a_document_with_a_key_twice_is_refused(company: Company) -> None:
    rita = Program.of(company.people.rita)
    body = b'{"purpose": "Chases invoices.", "purpose": "Pays invoices."}'
    answer = rita.ask("POST", "/automations/1/submissions", body)
    assert answer.status == 400
    assert "purpose" in json.dumps(answer.said)
    assert "twice" in json.dumps(answer.said)


@pytest.mark.django_db
def test_head_is_answered_as_get_without_a_body(northwind: Northwind) -> None:
    client = client_of(northwind.rita)
    for name in ("home", "import", "me"):
        asked_for, head = client.get(reverse(name)), client.head(reverse(name))
        assert (head.status_code, head["Content-Type"]) == (200, asked_for["Content-Type"])
        assert head.content == b""


@pytest.mark.django_db
def test_a_method_that_a_page_does_not_take_is_answered_by_a_page(northwind: Northwind) -> None:
    answer = client_of(northwind.rita).get(reverse("delegation_set"))
    assert answer.status_code == 405
    assert answer["Allow"] == "POST"
    page = answer.content.decode()
    assert "This page can’t be opened by its address" in page
    assert reverse("home") in page
