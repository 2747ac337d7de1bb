"""A source with its nodes in another order is the same source (I2, I9)."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.models.duplicate import Because
from tests.approvals import stock_report
from tests.approvals.duplicates.test_duplicates import likeness_of
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


def reordered(export: dict[str, Any]) -> None:
    """An edit: the nodes come the other way round."""
    export["nodes"].reverse()


@pytest.mark.rule("I9")
def test_a_reordered_and_renamed_copy_may_be_the_same(company: Company) -> None:
    stock_report.submitted(company)

    def copied(export: dict[str, Any]) -> None:
        name = stock_report.node(export, ".slack")["name"]
        export["connections"] = {
            key: {kind: [[{**link, "node": link["node"].replace(name, "Say it")} for link in port] for port in ports]}
            for key, kinds in reversed(export["connections"].items())
            for kind, ports in kinds.items()
        }
        stock_report.node(export, ".slack").update(name="Say it", position=[9, 9], id="other")
        reordered(export)
        export["id"] = "again"

    assert likeness_of(stock_report.submitted(company, copied)).because == Because.SOURCE


@pytest.mark.rule("I2")
def test_a_reordered_file_of_a_known_automation_is_its_version(company: Company) -> None:
    version = stock_report.version(company)
    assert stock_report.version(company, reordered) == version
