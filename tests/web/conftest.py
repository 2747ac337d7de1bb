"""Pages are drawn with the sample frame instead of the portal's own, in the organisation's zone; no database is touched."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tests.web import harness


@pytest.fixture(autouse=True)
def _sample_frame(settings: object) -> Iterator[None]:
    settings.TEMPLATES = harness.TEMPLATES
    with timezone.override(ZoneInfo("Europe/Berlin")):
        yield
