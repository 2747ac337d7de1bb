"""Sign-in limits behind a real nginx: they count each client by itself, and a client can't choose its address."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from governance.core.models import Person
from governance.devserver import child_process, process_environment
from tests.environment import Environment, free_port, required
from tests.people import make_person
from tests.processes import Site, port_answers, until

pytestmark = pytest.mark.process
PASSWORD = "correct horse battery staple"
#: As docs/operations.md has it, with a folder of its own and without TLS.
CONFIGURATION = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; {user}
events {{ }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            {lines}
        }}
    }}
}}
"""


def documented(root: Path) -> str:
    """The lines that docs/operations.md tells operators to set in nginx."""
    lines = re.findall(r"^ +(proxy_set_header .*;)$", (root / "docs" / "operations.md").read_text(), re.MULTILINE)
    assert len(lines) == 4
    return "\n".join(lines)


@pytest.fixture(scope="module")
def behind(surroundings: Environment, django_db_setup: None) -> Iterator[Site]:
    """A web server that trusts the proxy at 127.0.0.1 and nobody else."""
    port = free_port()
    served = Site(
        process_environment.web("127.0.0.1", port),
        surroundings.folder / "behind.log",
        {"TRUSTED_PROXIES": "127.0.0.1", "LOG_LEVEL": "INFO"},
        lambda _: port_answers(port),
    )
    served.url = f"127.0.0.1:{port}"
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def proxy(behind: Site, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running nginx in front of it."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        (pytest.fail if required("nginx") else pytest.skip)("no nginx here: apt-get install -y nginx-light")
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    user = "user root;" if os.getuid() == 0 else ""
    text = CONFIGURATION.format(
        folder=folder, port=port, behind=behind.url.rpartition(":")[2], user=user, lines=documented(root)
    )
    (folder / "nginx.conf").write_text(text)
    server = subprocess.Popen([program, "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"])
    try:
        assert child_process.wait_until(lambda: port_answers(port), seconds=15), (folder / "error.log").read_text()
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def sign_in(where: str, person: Person | None, *, source: str, **headers: str) -> int:
    """Send the sign-in form from an address of this machine; a person gives the right password. 302 is a sign-in."""
    connection = http.client.HTTPConnection(where, timeout=30, source_address=(source, 0))
    try:
        connection.request("GET", "/account/login/", headers={"Host": "localhost"})
        page = connection.getresponse()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
        cookie = (page.getheader("Set-Cookie") or "").partition(";")[0]
        assert token is not None
        form = {
            "csrfmiddlewaretoken": token[1],
            "login": person.email if person else "nobody@northwind.example",
            "password": PASSWORD if person else "wrong",
        }
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie, "Host": "localhost"}
        connection.request("POST", "/account/login/", urlencode(form), {**kind, **headers})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.rule("S5")
def test_ten_wrong_passwords_lock_out_their_client_and_no_other(behind: Site, proxy: str) -> None:
    person = make_person("Nadia Proxy")
    person.set_password(PASSWORD)
    person.save(update_fields=["password"])
    for attempt in range(11):
        # Each attempt claims another address.
        assert sign_in(proxy, None, source="127.0.0.2", **{"X-Forwarded-For": f"198.51.100.{attempt}"}) == 200
    assert sign_in(proxy, person, source="127.0.0.2") == 200
    assert sign_in(proxy, person, source="127.0.0.3") == 302
    assert sign_in(proxy, person, source="127.0.0.3", **{"X-Forwarded-For": "127.0.0.2"}) == 302
    failed = until(lambda: [line for line in behind.log.splitlines() if "sign_in.failed" in line], "the log's lines")
    assert all("client=127.0.0.2" in line for line in failed)


@pytest.mark.rule("S5")
def test_past_the_proxy_a_client_counts_by_its_own_address(behind: Site, proxy: str) -> None:
    person = make_person("Petra Direct")
    person.set_password(PASSWORD)
    person.save(update_fields=["password"])
    for _ in range(11):
        assert sign_in(behind.url, None, source="127.0.0.4", **{"X-Forwarded-For": "127.0.0.5"}) == 200
    assert sign_in(behind.url, person, source="127.0.0.4", **{"X-Forwarded-For": "127.0.0.6"}) == 200
    assert sign_in(proxy, person, source="127.0.0.5") == 302


@pytest.mark.rule("P3")
def test_proxy_replaces_request_id_that_client_sends(proxy: str) -> None:
    connection = http.client.HTTPConnection(proxy, timeout=30)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost", "X-Request-ID": "chosen-by-a-client"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert re.fullmatch(r"[0-9a-f]{32}", answer.getheader("X-Request-ID") or "")
    finally:
        connection.close()
