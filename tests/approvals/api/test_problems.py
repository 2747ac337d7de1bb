"""The API refuses with a problem document: code, sentence and next step, and no other facts (RFC 9457, S5)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import InterfaceError, OperationalError, close_old_connections
from django.test import Client, RequestFactory

from approvals.api import caller
from approvals.grants import deploy_gate
from governance.core.models import ApiToken
from governance.core.tokens import transitions as token_transitions
from governance.wsgi import application
from tests.approvals import stock_report
from tests.approvals.api.programs import ROOT, Answer, Program
from tests.core.tokens.test_tokens import made_for
from tests.people import as_actor
from tests.scenarios import Company

MEMBERS = {"type", "title", "status", "detail", "code", "to_do", "fields"}
GATE = f"/gate/{'0' * 64}"


@pytest.fixture
def _whole() -> Iterator[None]:
    """The web server's own application closes connections after each request; not the test's."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def is_problem(answer: Answer, status: int, code: str) -> None:
    """Whether an answer is a problem document of this kind, kept by nobody."""
    assert (answer.status, answer.said["code"]) == (status, code)
    assert answer.said.keys() >= MEMBERS
    assert answer.said["status"] == status
    assert answer.said["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.rule("S5")
@pytest.mark.parametrize("how", ["none", "no secret", "unknown", "revoked", "left", "basic", "two words", "not ascii"])
def test_request_without_valid_token_gets_no_information(company: Company, how: str) -> None:
    n = company.people
    token, secret = made_for(n.rita)
    sent = f"Bearer {secret}"
    if how == "revoked":
        token_transitions.revoke_token(token, actor=as_actor(n.rita), now=company.now)
    elif how == "left":
        type(n.rita).objects.filter(pk=n.rita.pk).update(is_active=False)
    else:
        unknown = token_transitions.new_secret()
        others = {"none": "", "no secret": "Bearer x", "unknown": f"Bearer {unknown}", "basic": f"Basic {secret}"}
        sent = {**others, "two words": f"Bearer {secret} {secret}", "not ascii": "Bearer csgn_ü"}[how]
    answer = Program("").ask("GET", "/me", **({"Authorization": sent} if sent else {}))
    is_problem(answer, 401, "NO_TOKEN")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert secret not in str(answer.said)
    assert Program("").get("/openapi.json").status == 401, "nor what there is"


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_every_sort_of_no_is_a_problem_document(company: Company) -> None:
    n = company.people
    program = Program.of(n.rita, n.finance_ops)
    big = b" " * (settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    is_problem(program.ask("POST", "/automations/1/submissions", b"{"), 400, "UNREADABLE")
    is_problem(program.ask("POST", "/automations/1/submissions", b'{"purpose": "\\u0000"}'), 400, "UNREADABLE")
    is_problem(program.ask("POST", "/automations/1/submissions", b'{"purpose": "\\ud83d"}'), 400, "UNREADABLE")
    is_problem(program.ask("GET", "/me?x=%00"), 400, "UNREADABLE")
    is_problem(program.ask("POST", "/preview", b"x", kind="application/json; charset=utf-16"), 415, "MEDIA_TYPE")
    is_problem(program.get("/automations/999999"), 404, "NOT_FOUND")
    is_problem(program.get("/nothing"), 404, "NOT_FOUND")
    is_problem(program.get("/"), 404, "NOT_FOUND")
    is_problem(program.ask("DELETE", "/me"), 405, "METHOD")
    is_problem(program.post("/preview", big), 413, "TOO_MUCH")
    is_problem(program.ask("POST", "/preview", stock_report.source(), kind="text/plain"), 415, "MEDIA_TYPE")
    is_problem(program.ask("POST", "/automations/1/submissions", b"{}", kind=""), 415, "MEDIA_TYPE")
    is_problem(program.get("/gate/x"), 422, "INPUT")
    is_problem(program.get(f"{GATE}?environment=moon"), 422, "INPUT")
    is_problem(program.get(f"/automations/{10**18}"), 422, "INPUT")
    is_problem(Program.of(n.nadia).post("/preview?team=1", stock_report.source()), 422, "INPUT")
    assert program.ask("DELETE", "/me").headers["Allow"] == "GET, HEAD"
    is_problem(program.get(""), 404, "NOT_FOUND")
    is_problem(program.post(""), 404, "NOT_FOUND")


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_head_is_allowed_for_reads_only(company: Company) -> None:
    n, stranger = company.people, Program("")
    program = Program.of(n.rita, n.finance_ops)
    assert stranger.ask("HEAD", "/me").status == 401
    assert program.ask("HEAD", "/preview").headers["Allow"] == "POST"
    assert program.ask("HEAD", "/preview").status == 405
    for path in ("/me", f"/teams/{n.finance_ops.pk}/owners", GATE, "/openapi.json", "/automations/999999"):
        head, got = program.ask("HEAD", path), program.get(path)
        assert (head.status, head.headers["Content-Type"]) == (got.status, got.headers["Content-Type"])


@pytest.mark.django_db
@pytest.mark.rule("S5")
@pytest.mark.usefixtures("_whole")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "parameter",
    [
        *(
            f"charset={name}"
            for name in ("hex", "rot13", "base64", "punycode", "undefined", "idna", "utf-7", "nope", "")
        ),
        "charset=hex; x=utf-8",
        "charset=utf-8; charset=hex",
        "x*=nope''a",
        "x*=undefined''a",
    ],
)
def test_another_encoding_is_refused_though_it_would_break_the_request_before_any_of_our_code(
    company: Company, method: str, parameter: str
) -> None:
    """Of the web server's application, which Django's own client goes around."""
    program = Program.of(company.people.rita)
    environ = RequestFactory().generic(method, f"{ROOT}/me?x=%5Cud800%ff", b"{}").environ
    environ |= {"CONTENT_TYPE": f"application/json; {parameter}", "HTTP_AUTHORIZATION": f"Bearer {program.secret}"}
    received: dict[str, Any] = {}
    body = b"".join(application(environ, lambda status, headers: received.update(status=status, headers=dict(headers))))
    is_problem(Answer(int(received["status"][:3]), json.loads(body), received["headers"]), 415, "MEDIA_TYPE")


@pytest.mark.django_db
@pytest.mark.rule("S5")
@pytest.mark.parametrize(
    ("method", "path", "limit", "send"),
    [
        ("GET", "/me", "READS", lambda program: program.get("/me")),
        ("POST", "/preview", "WRITES", lambda program: program.post("/preview", b"{}")),
    ],
)
def test_rate_limited_token_gets_retry_time(
    company: Company,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    limit: str,
    send: Callable[[Program], Answer],
) -> None:
    monkeypatch.setattr(caller, limit, 3)
    monkeypatch.setattr(caller, "MINUTE", 10**6)  # no minute ends while this runs
    program, other = Program.of(company.people.rita), Program.of(company.people.rita)
    for _ in range(3):
        assert send(program).status != 429
    refused = send(program)
    is_problem(refused, 429, "TOO_OFTEN")
    assert 0 < int(refused.headers["Retry-After"]) <= 10**6
    assert send(other).status != 429, "each token by itself"


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_a_person_asks_no_oftener_by_having_more_tokens(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "READS", 2)
    monkeypatch.setattr(caller, "MINUTE", 10**6)
    many = [Program.of(company.people.rita) for _ in range(caller.OF_PERSON + 1)]
    for program in many[:-1]:
        assert [program.get("/me").status for _ in range(2)] == [200, 200]
    is_problem(many[-1].get("/me"), 429, "TOO_OFTEN")
    assert Program.of(company.people.jonas).get("/me").status == 200


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_requests_without_token_are_not_counted(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "READS", 1)
    monkeypatch.setattr(caller, "MINUTE", 10**6)
    for _ in range(3):
        assert Program(token_transitions.new_secret()).get("/me").status == 401
    assert Program.of(company.people.rita).get("/me").status == 200


@pytest.mark.django_db
@pytest.mark.rule("S5")
@pytest.mark.parametrize("error", [InterfaceError("away"), OperationalError("away")])
def test_requests_are_refused_if_rate_counter_is_unavailable(
    company: Company, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(caller, "count_request", fails)
    answer = Program.of(company.people.rita).get(GATE)
    is_problem(answer, 503, "AWAY")
    assert answer.headers["Retry-After"]


@pytest.mark.django_db
@pytest.mark.rule("S5", "I6")
def test_unexpected_error_answers_without_details(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("the database of secrets at 10.0.0.7")

    monkeypatch.setattr(deploy_gate, "answer_for_digest", fails)
    answer = Program.of(company.people.rita).get(GATE)
    is_problem(answer, 500, "FAILED")
    assert "10.0.0.7" not in str(answer.said)


@pytest.mark.django_db
@pytest.mark.rule("S5")
def test_asking_notes_when_a_token_was_last_used_and_not_at_each_request(company: Company) -> None:
    program = Program.of(company.people.rita)
    assert ApiToken.objects.get().last_used_at is None
    program.get("/me")
    first = ApiToken.objects.get().last_used_at
    assert first is not None
    program.get("/me")
    assert ApiToken.objects.get().last_used_at == first
    assert ApiToken.objects.get().history.count() == 1


@pytest.mark.django_db
def test_cross_site_form_has_no_effect(company: Company) -> None:
    """No cookie counts, so there is no token against forgery; and no form of a page can send what is asked for."""
    answer = Client(enforce_csrf_checks=True).post(f"{ROOT}/preview", {"x": "y"})
    assert answer.status_code == 401
