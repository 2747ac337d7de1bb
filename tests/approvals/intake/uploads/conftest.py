"""Rita at her browser, and an upload of a few automations."""

from __future__ import annotations

import pytest

from inventory.models import ImportBatch
from tests.approvals.intake.builder import Build
from tests.approvals.intake.uploads import batches
from tests.scenarios import Company


@pytest.fixture
def rita(company: Company) -> Build:
    """A builder of Finance Operations."""
    return Build.by(company.people.rita)


@pytest.fixture
def batch(company: Company) -> ImportBatch:
    """Four automations that were read, and a file that could not be."""
    return batches.uploaded(company, 4, ("broken.json", b'{"nodes": [\n  {"name": }'))
