"""The pages of a credential: what is known of it, who is offered to say it, and what a form does with what it can't use (I6, A2)."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.core.models import Person
from inventory.credentials import transitions as credential_transitions
from inventory.credentials.transitions import SECRET
from inventory.models import Credential, Resource
from tests import scenarios
from tests.approvals import stock_report
from tests.approvals.intake.builder import of_its_own
from tests.inventory.credentials.test_credential_facts import TOKEN, opening, vault
from tests.people import as_actor
from tests.scenarios import Company
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db


def see(person: Person, name: str, row: Credential | Resource) -> str:
    """A page as somebody has it."""
    return client_of(person).get(reverse(name, args=[row.pk])).content.decode()


@pytest.mark.rule("I6")
@pytest.mark.parametrize("field", ["expires_at", "lifetime", "owner"])
def test_a_secret_typed_into_a_field_is_not_shown_again_and_the_rest_is_not_lost(company: Company, field: str) -> None:
    stock_report.version(company)
    credential = opening(company.erp)
    typed = {"lifetime": "long", "rotation_due_on": "2027-03-01", field: TOKEN}
    answer = client_of(company.people.rita).post(reverse("credential_describe", args=[credential.pk]), typed)
    html = answer.content.decode()
    assert answer.status_code == 422
    assert SECRET in html
    assert TOKEN not in html
    assert "2027-03-01" in html
    assert opening(company.erp).rotation_due_on is None


@pytest.mark.rule("I6")
def test_unusable_values_are_shown_beside_fields_and_input_is_kept(company: Company) -> None:
    stock_report.version(company)
    credential, omar = opening(company.erp), client_of(company.people.omar)
    describe, reach = (reverse(name, args=[credential.pk]) for name in ("credential_describe", "credential_reach"))
    answer = omar.post(describe, {"lifetime": "long", "issued_at": "2026-06-01", "expires_at": "2026-05-01"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert html.index('name="expires_at"') < html.index("That is before it was issued.") < html.index('name="owner"')
    assert "2026-06-01" in html
    code = company.erp.entitlements.get().code
    for typed, sentence in (
        ({"known": "no", "codes": [code]}, "say one or the other"),
        ({"known": "yes", "codes": []}, "Choose what it opens"),
        ({"known": "yes", "codes": [TOKEN]}, "looks like a secret"),
    ):
        answer = omar.post(reach, typed)
        assert (answer.status_code, sentence in answer.content.decode()) == (422, True)
        assert TOKEN not in answer.content.decode()
    assert opening(company.erp).reach_kind == "unknown"


@pytest.mark.rule("H3", "I6")
def test_timeline_starts_with_importer(company: Company) -> None:
    stock_report.version(company)
    html = see(company.people.rita, "credential", opening(company.erp))
    assert "registered a credential" in html
    assert "No activity yet." not in html


@pytest.mark.rule("I6")
def test_page_shows_statements_and_age(company: Company) -> None:
    stock_report.version(company)
    n, credential = company.people, opening(company.erp)
    describe = reverse("credential_describe", args=[credential.pk])
    typed = {"lifetime": "long", "issued_at": "2026-01-05", "expires_at": "2026-11-01", "owner": n.piet.pk}
    assert client_of(n.rita).post(describe, typed).status_code == 302
    credential_transitions.describe_credential(
        credential, actor=as_actor(n.omar), now=company.now, fields={"rotation_due_on": date(2026, 10, 1)}
    )
    assert opening(company.erp).issued_at == datetime(2026, 1, 5, tzinfo=UTC)
    html = see(n.omar, "credential", credential)
    for text in (
        "Expired on",
        "Rotation overdue since",
        "Long-lived",
        "5 Jan 2026",
        n.piet.name,
        "Weekly stock report",
    ):
        assert text in html, text
    panel = see(n.omar, "resource", company.erp).partition('id="credentials"')[2]
    for text in (credential.href, "Opens it", "Expired on", "Rotation overdue since", n.piet.name):
        assert text in panel, text


@pytest.mark.rule("A2")
def test_the_stores_side_is_asked_on_the_page_and_answers_there(company: Company) -> None:
    stock_report.version(company)
    n, credential, store = company.people, opening(company.erp), vault(company)
    say, yes = (
        reverse("credential_kept_in", args=[credential.pk]),
        reverse("credential_kept_here", args=[credential.pk]),
    )
    assert client_of(n.rita).post(say, {"store": company.slack.pk}).status_code == 422
    assert client_of(n.rita).post(say, {"store": store.pk}).status_code == 302
    assert yes not in see(n.rita, "credential", credential)
    assert "Said to be kept here, not confirmed" in see(n.lena, "resource", store)
    assert yes in see(n.lena, "credential", credential)
    assert client_of(n.lena).post(yes, {"store": company.slack.pk}).status_code == 409
    assert client_of(n.lena).post(yes, {"store": store.pk}).status_code == 302
    assert "Kept here" in see(n.lena, "resource", store)
    assert opening(company.erp).kept_in == store


@pytest.mark.rule("A2", "I6")
def test_refused_store_sees_credential_no_more(company: Company) -> None:
    stock_report.version(company)
    n, credential, store = company.people, opening(company.erp), vault(company)
    credential_transitions.claim_store(credential, actor=as_actor(n.rita), now=company.now, store=store)
    answer = client_of(n.lena).post(reverse("credential_not_kept_here", args=[credential.pk]), {"store": store.pk})
    assert (answer.status_code, answer["Location"]) == (302, reverse("resource_list"))
    assert client_of(n.lena).get(credential.href).status_code == 404


@pytest.mark.rule("I6")
def test_name_only_reader_sees_no_credentials(company: Company) -> None:
    stock_report.version(company)
    html = see(company.people.nadia, "resource", company.erp)
    assert company.erp.name in html
    assert 'id="credentials"' not in html
    assert "No credentials yet" in see(company.people.mei, "resource", company.mail)


@pytest.mark.rule("I6")
def test_reach_is_listed_with_its_basis(company: Company) -> None:
    version = stock_report.version(company)
    n, credential = company.people, opening(company.erp)
    entitlement = version.privileges.get(credential=credential).entitlement
    typed = {"known": "yes", "codes": [entitlement.code]}
    assert client_of(n.omar).post(reverse("credential_reach", args=[credential.pk]), typed).status_code == 302
    html = see(n.omar, "credential", credential)
    assert entitlement.sentence in html
    assert "1 entitlement, declared" in html
    assert "set the reach of a credential" in html


def test_a_resources_page_asks_the_database_as_often_for_many_credentials_as_for_one(company: Company) -> None:
    n = company.people
    counts = []
    for word in ("one", "two", "three"):
        content = of_its_own(stock_report.EXPORT, word)
        scenarios.brought_in(company, stock_report.EXPORT, content=content)
        credential = Credential.objects.filter(opens=company.erp).latest("pk")
        credential_transitions.describe_credential(
            credential, actor=as_actor(n.omar), now=company.now, fields={"owner": n.piet}
        )
        credential_transitions.declare_reach(
            credential, actor=as_actor(n.omar), now=company.now, codes=[company.erp.entitlements.get().code]
        )
        client = client_of(n.omar)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert client.get(company.erp.href).content.decode().count("declared") == len(counts) + 1
        counts.append(len(seen))
    assert counts[0] == counts[1] == counts[2]
