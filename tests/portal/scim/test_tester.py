"""scim2-tester finds nothing wrong with the web server (P1): discovery, and each attribute of users and groups."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any
from wsgiref.headers import Headers

import pytest
from scim2_client.client import BaseSyncSCIMClient
from scim2_client.engines.wsgi import InProcessResponse, _prepare_request
from scim2_tester import Status, check_server

from governance.devserver import process_environment
from tests.environment import Environment, free_port
from tests.processes import Site, port_answers
from tests.sign_in_provider import provider_file

pytestmark = [pytest.mark.process, pytest.mark.rule("P1")]
TOKEN = "a-long-token-of-this-source"


@pytest.fixture
def portal(
    surroundings: Environment, django_db_setup: None, committed: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A web server that a directory provisions."""
    port, folder = free_port(), tmp_path_factory.mktemp("providers")
    (folder / "token").write_text(TOKEN)
    file = provider_file(folder, "https://login.northwind.example", 'provisioning_token_file = "token"')
    served = Site(
        process_environment.web("127.0.0.1", port),
        surroundings.folder / "scim.log",
        {"SIGN_IN_PROVIDERS": str(file), "BASE_URL": f"http://localhost:{port}"},
        lambda _: port_answers(port),
    )
    served.url = f"http://localhost:{port}"
    served.start()
    yield served
    served.stop()


class PortalClient(BaseSyncSCIMClient):
    """The tester's requests over HTTP."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.base_url = f"{url}/scim/v2/northwind"
        self.connection = http.client.HTTPConnection(url.partition("//")[2], timeout=30)

    def _stays_under_base_url(self, endpoint: str) -> bool:
        return not endpoint.startswith("http") or endpoint.startswith(self.base_url)

    def _parse_json(self, response: Any) -> Any:
        return response.json()

    def request(self, method: str, url: str, **kwargs: Any) -> InProcessResponse:
        """Send one request."""
        request = _prepare_request(self.base_url, {"Authorization": f"Bearer {TOKEN}"}, method, url, **kwargs)
        path = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        self.connection.request(request.method, path, request.body, dict(request.headers))
        answer = self.connection.getresponse()
        return InProcessResponse(answer.status, Headers(answer.getheaders()), answer.read())


def test_tester_finds_no_error(portal: Site) -> None:
    client = PortalClient(portal.url)
    results = check_server(client)
    client.connection.close()
    wrong = [
        f"{result.title}: {result.reason}" for result in results if result.status in (Status.ERROR, Status.CRITICAL)
    ]
    assert wrong == [], portal.log[-2000:]
    assert sum(result.status == Status.SUCCESS for result in results) > 50
