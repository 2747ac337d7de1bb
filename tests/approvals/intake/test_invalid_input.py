"""Input that nobody types by hand: endless numbers, the last possible day, impossible characters. Each is refused in words."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIRequest
from django.test import RequestFactory
from django.urls import reverse

from governance import wsgi
from governance.core.models import Delegation
from governance.web.requests.request import midnight, number
from tests.approvals.intake.builder import Build
from tests.scenarios import Company, app_of, brought_in, decision_form, submitted
from tests.signed_in_client import client_of

ENDLESS = "9" * 5000
NUL = "a\0b"


@pytest.mark.rule("A7")
def test_an_endless_term_is_a_wider_one_and_refused(company: Company) -> None:
    record = app_of(submitted(company, brought_in(company)))
    decide = reverse("decide", args=[record.submission_id])
    fields = decision_form(record, reason="Wanted.", term_days=ENDLESS)
    assert client_of(company.people.theo).post(decide, fields).status_code in (409, 422)
    record.refresh_from_db()
    assert record.state == "open"


@pytest.mark.rule("I7")
def test_a_form_with_a_character_that_no_text_has_is_refused_and_not_written_to_the_log(
    company: Company, rita: Build, caplog: pytest.LogCaptureFixture
) -> None:
    item = rita.import_item()
    for name in ("import_preview", "import_panel"):
        for field in ("purpose", "escalation_contact", f"why-{NUL}"):
            answer = rita.client.post(reverse(name, args=[item.pk]), {field: f"Only between us {NUL}"})
            assert answer.status_code == 400
            assert "can’t be read" in answer.content.decode()
    assert "between us" not in caplog.text
    file = SimpleUploadedFile("flow.json", b"\0\1 no JSON", content_type="application/json")
    assert rita.client.post(reverse("import"), {"files": file}).status_code == 422


@pytest.mark.parametrize("charset", ["rot13", "undefined", "idna", "utf-16", "latin-1", "no-such-thing"])
def test_a_request_in_another_encoding_than_pages_is_refused_and_breaks_none(
    company: Company, charset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(company.people.yuki)
    form = f"multipart/form-data; boundary=seven; charset={charset}"
    body = b'--seven\r\nContent-Disposition: form-data; name="q"\r\n\r\na\r\n--seven--\r\n'
    assert client.generic("POST", reverse("import"), body, form).status_code == 400
    # In a query some break the request before Django's own handlers of errors: the server's side of it takes them out.
    monkeypatch.setattr(wsgi, "_django", lambda environ, _: [WSGIRequest(environ)])
    environ = RequestFactory().get("/search/?q=a").environ
    for kind, status in ((f"text/plain; charset={charset}", 400), ('text/plain; charset="UTF-8"', 200)):
        (request,) = wsgi.application({**environ, "CONTENT_TYPE": kind}, None)
        assert request.GET["q"] == "a"  # type: ignore[attr-defined]
        assert client.get("/search/?q=a", CONTENT_TYPE=request.META["CONTENT_TYPE"]).status_code == status  # type: ignore[attr-defined]


@pytest.mark.rule("I7")
def test_an_endless_number_and_a_key_of_another_form_are_things_that_are_not_there(rita: Build) -> None:
    item = rita.import_item()
    bind = next(name for name in rita.fields(item) if name.startswith("bind-"))
    assert rita.post(item, {bind: ENDLESS}).status_code == 404
    assert rita.post(item, {}, do="bind:../../x").status_code == 404
    assert rita.client.post(reverse("import"), {"team": ENDLESS, "pasted": "{}"}).status_code == 404


@pytest.mark.rule("A11")
def test_delegation_to_last_possible_day_is_refused_beside_field(company: Company) -> None:
    people = company.people
    days = {"from_on": "2026-12-01", "until_on": "9999-12-31"}
    answer = client_of(people.theo).post(reverse("delegation_set"), {"taker": people.bram.pk, **days})
    assert answer.status_code == 422
    assert not Delegation.objects.exists()


@pytest.mark.parametrize(
    "address",
    [
        "/ledger/?until=9999-12-31&since=9999-12-31",
        "/ledger/?since=0001-01-01",
        f"/ledger/?before={ENDLESS}",
        f"/ledger/?after={ENDLESS}",
        f"/ledger/?q={ENDLESS}",
        f"/demo/mail/?before={ENDLESS}",
        f"/submissions/?q=a&before={ENDLESS}",
        f"/automations/?team={ENDLESS}",
        f"/automations/?after={ENDLESS}-a",
    ],
)
def test_a_page_that_is_asked_for_something_absurd_is_a_page(company: Company, address: str) -> None:
    assert client_of(company.people.yuki).get(address).status_code == 200


def test_a_number_and_a_day_are_read_within_bounds() -> None:
    assert [number(text) for text in (None, "", "x", "-1", "1e3", "٣", "²", " 7")] == [None] * 8
    assert number("007") == 7
    assert number(ENDLESS) == number("9" * 18) == 10**18 - 1
    for text in (None, "", "9999-12-31", "0001-01-01", "2026-02-30", "tomorrow"):
        assert midnight(text) is None
    assert midnight("2026-12-01") is not None
