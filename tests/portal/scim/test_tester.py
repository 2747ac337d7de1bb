"""scim2-tester finds nothing wrong (P1): discovery, and each attribute of users and groups created, changed, removed."""

from __future__ import annotations

from typing import Any
from wsgiref.headers import Headers

import pytest
from django.test import Client
from scim2_client.client import BaseSyncSCIMClient
from scim2_client.engines.wsgi import InProcessResponse, _prepare_request
from scim2_tester import Status, check_server

from governance.core.directory import transitions
from tests.portal.scim.test_scim import TOKEN, source

__all__ = ["source"]

pytestmark = [pytest.mark.django_db, pytest.mark.rule("P1"), pytest.mark.full("2,000 requests")]
BASE = "http://localhost/scim/v2/northwind"


class PortalClient(BaseSyncSCIMClient):
    """The tester's requests, sent to the portal's own middleware and views."""

    base_url = BASE

    def _stays_under_base_url(self, endpoint: str) -> bool:
        return not endpoint.startswith("http") or endpoint.startswith(BASE)

    def _parse_json(self, response: Any) -> Any:
        return response.json()

    def request(self, method: str, url: str, **kwargs: Any) -> InProcessResponse:
        """Send one request."""
        request = _prepare_request(BASE, {"Authorization": f"Bearer {TOKEN}"}, method, url, **kwargs)
        headers = {name: value for name, value in request.headers if name.lower() != "content-type"}
        kind = next(
            (value for name, value in request.headers if name.lower() == "content-type"), "application/scim+json"
        )
        path = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        answer = Client().generic(request.method, path, request.body, content_type=kind, headers=headers)
        return InProcessResponse(answer.status_code, Headers(list(answer.headers.items())), answer.content)


def test_tester_finds_no_error(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "AT_LEAST", 1000)  # the tester deletes each user that it made
    settings.BASE_URL = "http://localhost"
    results = check_server(PortalClient())
    wrong = [
        f"{result.title}: {result.reason}" for result in results if result.status in (Status.ERROR, Status.CRITICAL)
    ]
    assert wrong == []
    assert sum(result.status == Status.SUCCESS for result in results) > 50
