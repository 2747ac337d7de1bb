"""The company that the table of addresses is asked in, founded once for a file's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from governance.core.clock import business_time
from governance.web.pages import navigation
from tests.matrix.address_subjects import Portal, build
from tests.people import NOW
from tests.savepoints import undone
from tests.starting_points import GROUND


@pytest.fixture(scope="module")
def founded(django_db_setup: None, django_db_blocker: Any) -> Iterator[Portal]:
    """The company, in a transaction that lasts as long as the table does, at an instant that does not pass.

    Sessions stand in their cookies, which `send` puts back: a request that ends one costs the next nothing.
    """
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(business_time, "now", lambda: NOW)
        patch.setattr(navigation, "counts", lambda request: {})  # what waits beside the main links is no verdict
        patch.setattr(settings, "SESSION_ENGINE", "django.contrib.sessions.backends.signed_cookies")
        GROUND.at("")
        with undone():
            yield build()
        connection.close()


@pytest.fixture
def portal(founded: Portal, django_db_blocker: Any) -> Iterator[Portal]:
    """The company, for one test."""
    with django_db_blocker.unblock(), undone():
        yield founded
