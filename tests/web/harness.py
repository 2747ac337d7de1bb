"""Draws pages from sample contexts, without a database, and serves them with the portal's own security policy."""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import HttpRequest
from django.template import loader
from django.urls import reverse

from governance.web.pages.navigation import DESTINATIONS, Chrome, Destination

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 24, 14, 10, tzinfo=UTC)  # 15:10 in the organisation's zone
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "OPTIONS": {
            "context_processors": ["django.template.context_processors.csrf", "tests.web.harness.frame"],
            "builtins": ["template_partials.templatetags.partials", "governance.web.templatetags.countersign"],
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    [
                        (
                            "django.template.loaders.cached.Loader",
                            [
                                "django.template.loaders.filesystem.Loader",
                                "django.template.loaders.app_directories.Loader",
                            ],
                        )
                    ],
                )
            ],
            "string_if_invalid": "",
        },
    }
]


@dataclass(frozen=True)
class Frame:
    """The frame of a sample page: like `governance.web.pages.navigation.Chrome`, with nothing behind it."""

    person_name: str = "Omar Haddad"
    section: str = ""
    waiting: dict[str, int] = field(default_factory=dict)
    demo: bool = False
    organisation: str = "Northwind Foods"
    zone: str = "Europe/Berlin"

    @property
    def unread(self) -> int:
        """Number of unread notices."""
        return self.waiting.get("notifications", 0)

    @property
    def destinations(self) -> list[Destination]:
        """The entries of the sidebar, each to a sample address."""
        return [
            replace(
                destination,
                href=f"/{destination.key}",
                count=self.waiting.get(destination.key, 0),
                is_current=destination.key == self.section,
            )
            for destination in DESTINATIONS
        ]

    groups = Chrome.groups


def frame(request: HttpRequest) -> dict[str, object]:
    """Replace the context processor of the portal."""
    return {"chrome": Frame(), "now": NOW}


def draw(template: str, context: dict[str, object] | None = None) -> str:
    """Render a template as a page of the portal would be."""
    request = HttpRequest()
    request.method = "GET"
    return loader.render_to_string(template, dict(context or {}), request)


def policy() -> str:
    """Return the portal's Content-Security-Policy as a header."""
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def application(pages: dict[str, Callable[[], str]]) -> Callable[..., Iterable[bytes]]:
    """Return a WSGI application that answers ``/<name>`` with a page and ``/static/…`` with a file, which is kept.

    It finds no secret in what is typed, and a part that a page loads after itself is empty.
    """

    def answer(environ: dict[str, str], start_response: Callable[..., object]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        is_part = environ["REQUEST_METHOD"] == "GET" and "HTTP_HX_REQUEST" in environ
        if path.startswith("/static/"):
            file = finders.find(path.removeprefix("/static/"))
            if file:
                kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
                start_response("200 OK", [("Content-Type", kind), ("Cache-Control", "max-age=600")])
                return [Path(file).read_bytes()]
        elif path == reverse("check_text") or (is_part and path.strip("/") not in pages):
            start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
            return [b""]
        elif path.strip("/") in pages:
            headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", policy())]
            start_response("200 OK", headers)
            return [pages[path.strip("/")]().encode()]
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not here"]

    return answer


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(pages: dict[str, Callable[[], str]], port: int = 0) -> Iterator[str]:
    """Serve ``pages`` on a loopback port while the block runs; gives the address."""
    server = make_server("127.0.0.1", port, application(pages), handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
