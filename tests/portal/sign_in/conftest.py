"""Attempts to sign in are counted by address: no test meets those of another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def no_attempts() -> Iterator[None]:
    """Forget the attempts of earlier tests."""
    cache.clear()
    yield
    cache.clear()
