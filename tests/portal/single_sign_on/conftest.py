"""The provider of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from governance.portal.single_sign_on import provider_client
from tests.sign_in_provider import provider

__all__ = ["provider"]


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    """No test meets the keys of another one's provider."""
    provider_client._kept.cache_clear()
    yield
    provider_client._kept.cache_clear()
