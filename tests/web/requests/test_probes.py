"""Probes answer whoever asks, by any host name and without a sign-in, and nothing but GET and HEAD (P3)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.rule("P3")]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probe_needs_no_host_scheme_or_sign_in(path: str, settings: Any) -> None:
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["countersign.example"], True
    client = Client(headers={"host": "10.1.2.3:8000"})
    assert client.get("/").status_code == 400
    answer = client.get(path)
    assert (answer.status_code, answer.content, answer["Cache-Control"]) == (200, b"ok\n", "no-store, private")
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405
    assert client.get(f"{path}/").status_code == 400, "nothing below a probe is open"
