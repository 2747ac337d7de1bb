"""A real HTTP server of this machine that webhooks are sent to, and a verifier of Standard Webhooks that knows the specification alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Listener:
    """What came, and what is answered; while `may_answer` is not set each answer is held back."""

    port: int = 0
    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://localhost:{self.port}/hook?token=s3cret"


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A listener for one test."""
    made = Listener()
    made.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            made.received.append(Received(self.path, headers, body))
            made.may_answer.wait(30)
            self.send_response(made.status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join(10)


def verified(secret: str, message: Received, *, at: float, tolerance: float = 300) -> bool:
    """Whether a message is signed with the secret and not old (standardwebhooks.com, "Verifying"; written from the text).

    Args:
        secret: as the receiver was given it.
        message: the message.
        at: seconds since 1970 now.
        tolerance: how many seconds it may be old, or ahead.
    """
    if not secret.startswith("whsec_") or abs(at - int(message.headers["webhook-timestamp"])) > tolerance:
        return False
    content = f"{message.headers['webhook-id']}.{message.headers['webhook-timestamp']}.".encode() + message.body
    wanted = hmac.new(base64.b64decode(secret[len("whsec_") :]), content, hashlib.sha256).digest()
    for part in message.headers["webhook-signature"].split(" "):
        version, _, mac = part.partition(",")
        if version == "v1" and hmac.compare_digest(base64.b64decode(mac), wanted):
            return True
    return False
