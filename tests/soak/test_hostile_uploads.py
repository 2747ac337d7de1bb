"""Eight people upload files at once that take as long to read as files can; another person's page is as quick as before (I7)."""

from __future__ import annotations

import json
import statistics
import threading
import time
import uuid
from collections import Counter
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.utils import timezone

from governance.core.models import Person
from tests import people, run_lengths, scenarios
from tests.inventory.importers.samples import node, workflow
from tests.people import joins, make_person
from tests.processes import Site
from tests.signed_in_client import client_of

pytestmark = [pytest.mark.process, pytest.mark.soak(only=True)]

#: Bytes of a file: a request takes 6 MB.
SIZE = 6_000_000
#: How often the page is asked while nobody uploads; half before and half after.
QUIET = 60
#: A page may take so much of its quiet time.
MOST = 1.5
#: Seconds after which an upload that is still refused is given up, and an answer is missed.
PATIENCE = 300
TOKEN = "a" * 32


def _code(text: str) -> bytes:
    """A workflow with one Code node."""
    return json.dumps(workflow(node("code", "Code", 2, jsCode=text * (SIZE // len(text))))).encode()


def _servers(**config: Any) -> bytes:
    return json.dumps({"mcpServers": {"a": {"command": "npx", **config}}}).encode()


HOSTILE = {
    "key": _code("key "),
    "passpass_": _code("passpass_"),
    "token:'": _code("token:'"),
    "addresses": _code("https://a/b"),
    "500,000 arguments": _servers(args=["--token"] * 500_000),
    "a comment of 4 MB": b'{"mcpServers": {"a": {"command": "npx"}}} ' + b"/*" * 2_000_000,
    "490,000 objects": json.dumps(workflow()).encode()[:-1] + b', "x": [' + b'{"a":1},' * 490_000 + b"1]}",
    "1,900 automations": json.dumps([workflow(node("slack", f"Post {i}", 2.3)) for i in range(1900)]).encode(),
}


class Browser:
    """One person's sign-in, and requests with it."""

    def __init__(self, site: Site, person: Person) -> None:
        self._where = urlsplit(site.url)
        cookies = {settings.SESSION_COOKIE_NAME: client_of(person).cookies["sessionid"].value}
        cookies[settings.CSRF_COOKIE_NAME] = TOKEN
        self._headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
            "Host": self._where.netloc,
        }

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> HTTPResponse:
        """Send a request and read the whole answer."""
        line = HTTPConnection(str(self._where.hostname), self._where.port, timeout=PATIENCE)
        try:
            line.request(method, path, body or None, {**self._headers, **({"Content-Type": kind} if kind else {})})
            answer = line.getresponse()
            answer.read()
        finally:
            line.close()
        return answer

    def took(self, path: str) -> float:
        """Seconds that a page takes."""
        began = time.perf_counter()
        assert self.ask("GET", path).status == 200
        return time.perf_counter() - began


#: Never set: to wait as long as the portal says, and between two pages.
NEVER = threading.Event()


def upload(browser: Browser, data: bytes, statuses: Counter[int]) -> None:
    """Upload a file, again and again while the portal says that it reads others."""
    form = f'--seven\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{TOKEN}\r\n'
    file = '--seven\r\nContent-Disposition: form-data; name="files"; filename="x.json"\r\n\r\n'
    body = (form + file).encode() + data + b"\r\n--seven--\r\n"
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        answer = browser.ask("POST", "/import/", body, "multipart/form-data; boundary=seven")
        statuses[answer.status] += 1
        if answer.status != 503:
            return
        NEVER.wait(int(answer.headers["Retry-After"]))


def test_page_stays_fast_beside_eight_hostile_uploads(
    site: Site, committed: None, request: pytest.FixtureRequest
) -> None:
    company = scenarios.company(people.build(uuid.uuid4().hex[:8], now=timezone.now()))
    team = company.people.finance_ops
    builders = [joins(make_person(f"Builder {name}"), team) for name in HOSTILE]
    reader, path = Browser(site, company.people.omar), "/approvals/"
    for _ in range(5):
        reader.took(path)
    quiet = [reader.took(path) for _ in range(QUIET // 2)]
    statuses: Counter[int] = Counter()
    threads = [
        threading.Thread(target=upload, args=(Browser(site, builder), data, statuses))
        for builder, data in zip(builders, HOSTILE.values(), strict=True)
    ]
    for thread in threads:
        thread.start()
    busy = []
    while any(thread.is_alive() for thread in threads):
        busy.append(reader.took(path))
        run_lengths.going(request, f"{len(busy)} pages beside {dict(statuses)}")
        NEVER.wait(0.05)
    quiet += [reader.took(path) for _ in range(QUIET // 2)]
    ratio = statistics.median(busy) / statistics.median(quiet)
    answers = ", ".join(f"{count} of {status}" for status, count in sorted(statuses.items()))
    figures = f"{words(quiet)} while nobody uploads, {words(busy)} beside uploads: ratio {ratio:.2f}"
    run_lengths.did(request, f"{figures}; answers to uploads: {answers}")
    assert set(statuses) <= {302, 422, 503}
    assert statuses[302] + statuses[422] == len(HOSTILE), "each was read, or refused with its reason"
    assert len(busy) >= QUIET, "so many that their middle says something"
    assert ratio <= MOST


def words(times: list[float]) -> str:
    """Middle and worst of how long pages took."""
    worst = sorted(times)[int(len(times) * 0.95)]
    return f"{len(times)} pages in {statistics.median(times) * 1000:.0f} ms, 95 % within {worst * 1000:.0f} ms"
