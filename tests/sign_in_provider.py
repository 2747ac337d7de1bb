"""A small OpenID provider on the loopback, whose every answer a test may spoil. `tests/browser` has a real one."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client
from django.urls import reverse

from governance.settings.sign_in_providers import read_providers

CLIENT = "countersign"
SECRET = "a secret of the client"
Claims = dict[str, Any]


def key_pair(kid: str) -> tuple[ec.EllipticCurvePrivateKey, dict[str, Any]]:
    """A signing key, and its public half as a JWK."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key, {
        **jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True),
        "kid": kid,
        "use": "sig",
        "alg": "ES256",
    }


@dataclass
class Provider:
    """What the provider answers. A test changes a field before the request that meets it.

    Args:
        issuer: its address.
        claims: of the next ID token.
        sign: makes the ID token of the claims.
        documents: JSON answers by path; a callable answers with a status and bytes.
    """

    issuer: str
    claims: Claims = field(default_factory=dict)
    sign: Callable[[Claims], str] = str
    documents: dict[str, Any] = field(default_factory=dict)
    tokens: list[dict[str, list[str]]] = field(default_factory=list)
    info: Claims | None = None

    def __post_init__(self) -> None:
        self.key, self.jwk = key_pair("first")
        self.sign = lambda claims: jwt.encode(claims, self.key, "ES256", headers={"kid": self.jwk["kid"]})
        self.documents["/.well-known/openid-configuration"] = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/me",
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }
        self.documents["/jwks"] = {"keys": [self.jwk]}

    def claims_of(self, subject: str, **more: Any) -> Claims:
        """Right claims about an account."""
        now = int(time.time())
        times = {"iat": now, "exp": now + 300, "auth_time": now}
        about = {"sub": subject, "name": "Lena Fischer", "email": "lena@northwind.example", "email_verified": True}
        return {"iss": self.issuer, "aud": CLIENT, **times, **about, **more}

    def logout_token(self, **more: Any) -> str:
        """A right logout token."""
        event = {"http://schemas.openid.net/event/backchannel-logout": {}}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "1", "events": event, **more}
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def answer(self, path: str, form: dict[str, list[str]]) -> tuple[int, bytes]:
        """Status and body of an answer."""
        document = self.documents.get(path)
        if callable(document):
            status, body = document()
            return int(status), bytes(body)
        if path == "/token":
            self.tokens.append(form)
            right = {"access_token": "opaque", "token_type": "Bearer"}
            document = {**right, "id_token": self.sign(self.claims)} if document is None else document
        if path == "/me":
            document = self.info
        return (404, b"") if document is None else (200, json.dumps(document).encode())


class Handler(BaseHTTPRequestHandler):
    """Hands requests to the provider of its server."""

    def do_GET(self) -> None:
        """Answer a page."""
        self._send(*self.server.provider.answer(urlsplit(self.path).path, {}))  # type: ignore[attr-defined]

    def do_POST(self) -> None:
        """Answer a form."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._send(*self.server.provider.answer(urlsplit(self.path).path, form))  # type: ignore[attr-defined]

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def provider(settings: Any, tmp_path: Path) -> Iterator[Provider]:
    """A provider that the portal knows as ``northwind``."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Provider(f"http://127.0.0.1:{server.server_port}")
    server.provider = made  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    settings.SOCIALACCOUNT_PROVIDERS = read_providers(provider_file(tmp_path, made.issuer))
    yield made
    server.shutdown()
    server.server_close()


def provider_file(folder: Path, issuer: str, more: str = "") -> Path:
    """The operator's file, with one provider."""
    (folder / "secret").write_text(SECRET + "\n")
    file = folder / "providers.toml"
    file.write_text(
        f'[northwind]\nname = "Northwind"\nissuer = "{issuer}"\nclient_id = "{CLIENT}"\nclient_secret_file = "secret"\n{more}\n'
    )
    return file


def ask(client: Client, **query: str) -> dict[str, str]:
    """Begin a sign-in; returns the parameters that the provider gets."""
    answer = client.get(reverse("openid_connect_login", args=["northwind"]), query)
    assert answer.status_code == 302, answer.content.decode()
    return {name: values[0] for name, values in parse_qs(urlsplit(answer["Location"]).query).items()}


def come_back(client: Client, asked: dict[str, str], **query: str) -> Any:
    """Return from the provider with a code."""
    given = {"code": "a-code", "state": asked["state"], **query}
    return client.get(reverse("openid_connect_callback", args=["northwind"]), given)


def sign_in(
    client: Client, provider: Provider, subject: str, query: dict[str, str] | None = None, **claims: Any
) -> Any:
    """Sign in at the provider as an account; a claim of None is left out."""
    asked = ask(client, **(query or {}))
    made = provider.claims_of(subject, **{"nonce": asked["nonce"], **claims})
    provider.claims = {name: value for name, value in made.items() if value is not None}
    return come_back(client, asked)


def challenge_of(verifier: str) -> str:
    """The PKCE challenge of a verifier (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
