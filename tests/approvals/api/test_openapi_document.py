"""The document that describes the API, and whatever may be sent by it: nothing ends in an error of ours, and answers are as described.

Schemathesis makes requests from the document that the server itself hands out, right ones and wrong ones, and sends them through the very
WSGI application that is served.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.schemas import BaseSchema

from approvals.api import caller
from approvals.models import Submission
from governance.portal.api.urls import document
from governance.portal.lists import uploads
from governance.wsgi import application
from tests import run_lengths
from tests.approvals.api.programs import ROOT, Program
from tests.people import as_actor
from tests.scenarios import EXPORTS, Company
from tests.starting_points import Ground, starting_point

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
#: Requests to each operation, of each kind.
EACH = run_lengths.run_length(2, full=12, soak=300)
OPERATIONS = {
    (path, method): operation for path, methods in document()["paths"].items() for method, operation in methods.items()
}
#: Each by rows of no matter which number, and those that name a row by one that is there.
RIGHT = [("anything", *key) for key in OPERATIONS] + [("there", *key) for key in OPERATIONS if "{" in key[0]]
#: Those of them that take anything which a request can get wrong: a row's number, a query or a body.
WRONG = [
    (kind, path, method)
    for kind, path, method in RIGHT
    if "requestBody" in OPERATIONS[path, method]
    or any(
        parameter["in"] != "path" or kind == "anything" for parameter in OPERATIONS[path, method].get("parameters", [])
    )
]
SENT = [(GenerationMode.POSITIVE, *case) for case in RIGHT] + [(GenerationMode.NEGATIVE, *case) for case in WRONG]
ALL = sorted(path.name for path in EXPORTS.glob("*.json"))
SOME = ("invoice-chaser.json", "incident-scribe.mcp.json", "weekly-stock-report.json")
OTHERS = pytest.mark.full("brings in every sample")
UNBOUNDED = settings(
    max_examples=EACH,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@contextmanager
def _connection_kept() -> Iterator[None]:
    """Keep the test's connection open after each request, as Django's own client does."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture(autouse=True)
def _unlimited(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As many requests as it takes, all on the test's connection."""
    monkeypatch.setattr(caller, "READS", 10**9)
    monkeypatch.setattr(caller, "WRITES", 10**9)
    with _connection_kept():
        yield


def read_by_program(c: Company) -> tuple[dict[str, str], BaseSchema]:
    """Load the document once for all requests, as the server hands it out to a program of Rita's.

    Returns:
        The headers that the program sends, and the document.
    """
    sent = {"Authorization": f"Bearer {Program.of(c.people.rita).secret}"}
    with _connection_kept():
        read = schemathesis.openapi.from_wsgi(f"{ROOT}/openapi.json", application, headers=sent)
    read.config.generation.with_security_parameters = False  # a wrong token stops a request before its operation
    return sent, read


READ_BY_PROGRAM = starting_point("stock_in_force", read_by_program)


@pytest.mark.soak
@pytest.mark.django_db
@READ_BY_PROGRAM
@pytest.mark.rule("S5", "I7", "A17")
@pytest.mark.parametrize(("mode", "kind", "path", "method"), SENT)
def test_every_generated_request_gets_documented_answer(
    ground: Ground,
    company: Company,
    stock_in_force: Submission,
    mode: GenerationMode,
    kind: str,
    path: str,
    method: str,
) -> None:
    n = company.people
    sent, schema = ground.shared(READ_BY_PROGRAM.args[0])
    there = {
        "/automations/": {"pk": stock_in_force.automation_id},
        "/submissions/": {"pk": stock_in_force.pk},
        "/teams/": {"pk": n.finance_ops.pk},
        "/lists/": {"pk": uploads.preview([("a.csv", b"team\nA")], actor=as_actor(n.rita), now=n.now).pk},
        "/registers/": {"name": "automations"},
        "/gate/": {"digest": stock_in_force.version.manifest_digest},
    }
    fixed: dict[str, Any] = {}
    if kind == "there":
        fixed = next({"path_parameters": pk} for part, pk in there.items() if f"{part}{{" in path)
    requests = schema[path][method.upper()].as_strategy(generation_mode=mode, **fixed)
    seen = set()

    @UNBOUNDED
    @given(st.data())
    def send(data: st.DataObject) -> None:
        case = data.draw(requests)
        response = case.call(headers=sent)
        seen.add(response.status_code)
        case.validate_response(response, checks=CHECKS, headers=sent)

    send()
    assert 401 not in seen, "each request came to its operation"


@pytest.mark.django_db
@pytest.mark.rule("I7", "I8")
@pytest.mark.parametrize("export", [name if name in SOME else pytest.param(name, marks=OTHERS) for name in ALL])
def test_every_sample_export_is_previewed_and_brought_in(company: Company, export: str) -> None:
    n = company.people
    program, content = Program.of(n.rita), (EXPORTS / export).read_bytes()
    shown = program.post(f"/preview?name={export}", content)
    assert shown.status == 200
    made = program.post(f"/automations?name={export}&business_owner={n.jonas.pk}", content)
    assert (made.status, made.said["outcome"]) == (201, "new")
    assert made.said["version"]["manifest_digest"] == shown.said["manifest_digest"]
    again = program.post(f"/automations?name={export}&business_owner={n.jonas.pk}", content)
    assert (again.status, again.said["outcome"]) == (200, "unchanged")
    assert again.said["version"] == made.said["version"]


@pytest.mark.rule("S5")
def test_each_operation_documents_token_and_error_answers() -> None:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            assert operation["security"], f"{method} {path}"
            assert operation["description"], f"{method} {path}"
            content = operation["responses"][429]["content"]
            assert list(content) == ["application/problem+json"], f"{method} {path}"
