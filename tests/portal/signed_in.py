"""A test client that is signed in as somebody, the way a browser is."""

from __future__ import annotations

import time

from django.test import Client

from governance.controls.models import Person
from governance.web.middleware import SIGNED_IN_AT

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


def client_of(person: Person, *, minutes_ago: float = 1, checks_csrf: bool = False) -> Client:
    """A client in a session of this person, who signed in so many real minutes ago."""
    client = Client(enforce_csrf_checks=checks_csrf)
    client.force_login(person, backend=BACKEND)
    session = client.session
    session[SIGNED_IN_AT] = int(time.time() - minutes_ago * 60)
    session.save()
    return client
