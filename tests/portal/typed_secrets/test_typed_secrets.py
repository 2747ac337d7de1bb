"""Secrets that people type into free text: a published pattern is refused, what looks like one is warned of (I6)."""

from __future__ import annotations

import pytest
from django.urls import reverse

from approvals.models import Submission
from governance.core.models import FreeText, LedgerEvent
from inventory.importers.secrets.slots import published_secret
from inventory.models import ImportItem
from tests import scenarios
from tests.approvals.api.programs import Program
from tests.people import Northwind
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db
#: Of published form, and made up.
TOKEN = "ghp_" + "a1B2c3D4" * 5
#: Of no published form, and still like a secret.
UNKNOWN = "Zx81" + "q7Wm2Kd9" * 3
EXPORT = '{"nodes": [{"name": "Ask", "type": "n8n-nodes-base.httpRequest", "parameters": {"url": "https://a.example"}}], "connections": {}}'


@pytest.mark.rule("I6")
def test_a_reason_with_a_published_secret_is_refused_and_kept_nowhere(
    company: Company, stock_submitted: Submission
) -> None:
    app = stock_submitted.approvals.get(stage=1)
    events = LedgerEvent.objects.count()
    for who in (company.people.theo, company.people.nadia):  # one may decide, the other may not even see it
        answer = client_of(who).post(
            reverse("decide", args=[stock_submitted.pk]),
            scenarios.decision_form(app, "reject", reason=f"Uses {TOKEN}."),
        )
        assert answer.status_code == 422
        page = answer.content.decode()
        assert "This text holds a secret (github)" in page
        assert TOKEN not in page
    assert LedgerEvent.objects.count() == events
    assert not FreeText.objects.filter(text__contains=TOKEN).exists()


@pytest.mark.rule("I6")
def test_a_draft_does_not_keep_a_published_secret(northwind: Northwind) -> None:
    rita = client_of(northwind.rita)
    rita.post(reverse("import"), {"pasted": EXPORT.replace("https://a.example", f"https://a.example/?x={TOKEN}")})
    item = ImportItem.objects.get()
    answer = rita.post(
        reverse("import_panel", args=[item.pk]), {"purpose": f"Uses {TOKEN}."}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 422
    item.refresh_from_db()
    assert TOKEN not in repr([item.draft, item.manifest])


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "hidden", ["ghp_a1B2\u200bc3D4" + "a1B2c3D4" * 4, "AKIA\u200bABCDEFGH2JKLMNOP", "AKIA\u00adABCDEFGH2JKLMNOP"]
)
def test_an_invisible_character_hides_no_secret(northwind: Northwind, hidden: str) -> None:
    answer = client_of(northwind.rita).post(reverse("delegation_set"), {"reason": hidden})
    assert answer.status_code == 422
    assert "This text holds a secret" in answer.content.decode()


@pytest.mark.rule("I6")
def test_a_field_called_code_is_free_text_outside_of_signing_in(northwind: Northwind) -> None:
    answer = client_of(northwind.ines).get(reverse("campaign_new"), {})
    assert answer.status_code == 200
    answer = client_of(northwind.ines).post(reverse("campaign_new"), {"code": TOKEN})
    assert answer.status_code == 422
    assert "This text holds a secret (github)" in answer.content.decode()


@pytest.mark.rule("I6")
def test_a_document_of_the_api_holds_no_published_secret(company: Company) -> None:
    rita = Program.of(company.people.rita)
    answer = rita.ask("POST", "/automations/1/submissions", {"purpose": f"Uses {TOKEN}."})
    assert (answer.status, answer.said["code"]) == (422, "I6")
    assert "github" in answer.said["detail"]
    assert TOKEN not in str(answer.said)


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    "text",
    [
        "Calls https://n8n.acme.example/webhook/5d1f0a0e-0000-4000-8000-000000000101 of the finance team",
        "Runs sk-learn-classification-pipeline-v2 at night",
        "Shows pk_live_" + "a1B2c3D4" * 3 + " to browsers",
        "For instance AKIAIOSFODNN7EXAMPLE",
        "Put ghp_" + "x" * 36 + " here",
        "Put sk-your-openai-api-key-goes-here here",
        "Put xoxb-your-token-here here",
        "See https://hooks.slack.com/services/documentation",
    ],
)
def test_words_and_placeholders_are_no_secret(text: str) -> None:
    assert published_secret(text) == ""


@pytest.mark.rule("I6")
def test_passwords_and_exports_are_no_free_text(northwind: Northwind) -> None:
    rita = client_of(northwind.rita)
    pasted = rita.post(reverse("import"), {"pasted": EXPORT.replace("a.example", f"a.example/?x={TOKEN}")})
    assert pasted.status_code == 302
    sent = {"oldpassword": TOKEN, "password1": TOKEN, "password2": TOKEN}
    assert rita.post(reverse("account_change_password"), sent).status_code == 302


@pytest.mark.rule("I6")
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"Ask with {TOKEN}", "This text holds a secret (github). It can’t be saved."),
        (f"Ask with {UNKNOWN}", "This looks like a secret. If it is one, remove it."),
        ("Posts a line for each invoice that is late", ""),
    ],
)
def test_the_form_warns_while_the_text_is_typed(northwind: Northwind, text: str, sentence: str) -> None:
    answer = client_of(northwind.rita).post(reverse("check_text"), {"text": text})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert (sentence in page) if sentence else page.strip() == ""
    assert text not in page


def test_secret_check_needs_sign_in() -> None:
    from django.test import Client

    answer = Client().post(reverse("check_text"), {"text": TOKEN})
    assert answer["Location"].startswith(reverse("account_login"))
