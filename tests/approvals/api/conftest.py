"""What every test of the API begins with."""

from __future__ import annotations

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _asked_nothing_yet() -> None:
    """No test counts against how often the people of another may ask in the same minute."""
    cache.clear()
