"""The storage keeps the contract of scim2-server (P1): the library's own tests, on PostgreSQL."""

from __future__ import annotations

import pytest
from scim2_models import ScimProvider
from scim2_server.testing import ScimStorageContract

from governance.portal.scim.storage import DirectoryStorage
from tests.people import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.rule("P1")]


class TestDirectoryStorage(ScimStorageContract):
    """Entries of one source."""

    @pytest.fixture
    def storage(self, provider: ScimProvider) -> DirectoryStorage:
        """An empty storage."""
        return DirectoryStorage(provider, "northwind", "Northwind", NOW)
