"""A test client that is signed in as somebody, the way a browser is."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.test import Client
from django.test.client import ClientHandler

from governance.core.models import Person
from governance.web.requests.middleware import SIGNED_IN_AT

BACKEND = "governance.portal.sign_in.adapters.ByAddress"
#: Attributes of a handler with its middleware, by the settings that it depends on.
_chains: dict[tuple[str, ...], dict[str, Any]] = {}


class SharedHandler(ClientHandler):
    """Builds the middleware once a run: each client builds its own otherwise, and WhiteNoise reads every static file for it.

    A chain keeps nothing of a request.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """Take over the chain of the first handler with these settings, or build it."""
        key = (*settings.MIDDLEWARE, settings.SESSION_ENGINE, str(is_async))
        if key not in _chains:
            before = set(vars(self))
            super().load_middleware(is_async)
            _chains[key] = {name: value for name, value in vars(self).items() if name not in before}
        vars(self).update(_chains[key])


class SharedClient(Client):
    """A test client that shares its middleware with the other clients of the run."""

    def __init__(self, enforce_csrf_checks: bool = False, **options: Any) -> None:
        super().__init__(enforce_csrf_checks=enforce_csrf_checks, **options)
        self.handler = SharedHandler(enforce_csrf_checks)


def client_of(person: Person, *, minutes_ago: float = 1, checks_csrf: bool = False) -> Client:
    """A client in a session of this person, who signed in so many real minutes ago.

    The session is written as signing in leaves it, without signing in: that takes nineteen queries, a thousand times a run.
    """
    client = SharedClient(enforce_csrf_checks=checks_csrf)
    session = import_module(settings.SESSION_ENGINE).SessionStore()  # a test may choose another engine
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session[SIGNED_IN_AT] = int(time.time() - minutes_ago * 60)
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = str(session.session_key)
    return client
