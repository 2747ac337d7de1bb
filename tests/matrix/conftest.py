"""The company that the tables of addresses and of programs are asked in, founded once for both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings

from governance.core.clock import current_time
from governance.web.pages import navigation
from tests.matrix.address_subjects import Portal, build
from tests.people import NOW
from tests.savepoints import undone
from tests.starting_points import GROUND, STARTS


@contextmanager
def _at_one_instant() -> Iterator[None]:
    """Time does not pass. Sessions stand in their cookies, which `send` puts back: a request that ends one costs the next nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(current_time, "now", lambda: NOW)
        patch.setattr(navigation, "counts_of", lambda actor: {})  # a count in the sidebar is no verdict
        patch.setattr(settings, "SESSION_ENGINE", "django.contrib.sessions.backends.signed_cookies")
        yield


def _founded(_: object) -> Portal:
    with _at_one_instant():
        return build()


STARTS["portal"] = ("", _founded)


@pytest.fixture
def portal(django_db_setup: None, django_db_blocker: Any) -> Iterator[Portal]:
    """The company, for one test."""
    with django_db_blocker.unblock(), _at_one_instant():
        GROUND.at("portal")
        with undone():
            portal: Portal = GROUND.shared("portal")
            yield portal
