"""A version that an importer before 1.4 stored is found again by the same file, and by its copies once that came in again (I2, I7, I9)."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.grants import deploy_gate
from approvals.intake.preview import queries as preview_queries
from approvals.models import Submission
from approvals.models.duplicate import Because
from inventory import importers
from inventory.importers import manifest as manifests
from inventory.importers.n8n import workflow
from inventory.importers.source_digest import n8n_content
from inventory.imports.transitions import write_version
from inventory.models import Automation, Version
from tests.approvals import stock_report
from tests.approvals.intake.uploads import batches
from tests.approvals.prior_decisions.test_duplicates import likeness_of
from tests.people import as_actor
from tests.scenarios import Company

pytestmark = pytest.mark.django_db


@pytest.fixture
def stored(company: Company, monkeypatch: pytest.MonkeyPatch) -> Submission:
    """In force, with the digests of an importer that took nodes in the order of the file."""

    def digest(read: manifests.Manifest) -> str:
        return manifests._digest(read, read.source.content, in_order=True)

    with monkeypatch.context() as old:
        old.setattr(workflow, "n8n_content", lambda source, tools, **_: n8n_content(source, tools, in_order=True))
        old.setattr(write_version, "manifest_digest", digest)
        old.setattr(importers, "VERSION", "1.3")
        return stock_report.in_force(company)


def reordered(export: dict[str, Any]) -> None:
    """An edit: the nodes come the other way round."""
    export["nodes"].reverse()


@pytest.mark.rule("I2", "I7")
def test_the_same_file_is_the_version_that_an_earlier_importer_stored(company: Company, stored: Submission) -> None:
    version = stored.version
    assert stock_report.version(company) == version
    assert Version.objects.count() == 1
    (read,) = importers.read(stock_report.EXPORT, stock_report.source())
    assert read.manifest.source.content != version.source_digest
    judged = version.assessments.latest("pk")
    assert (judged.source_digest, judged.manifest_digest) == (read.manifest.source.content, read.digest)
    assert stock_report.version(company) == version
    assert version.assessments.latest("pk") == judged, "the third time nothing is judged"


@pytest.mark.rule("I7")
def test_the_preview_of_the_same_file_says_that_nothing_changed(company: Company, stored: Submission) -> None:
    batch = batches.read_in(company, (stock_report.EXPORT, stock_report.source()))
    n = company.people
    found = preview_queries.read(batch.items.get(), actor=as_actor(n.rita), now=company.now, team=n.finance_ops)
    assert found.version == stored.version
    assert not found.changes.app
    assert not found.changes.asked


@pytest.mark.rule("A17", "I2")
def test_the_gate_knows_it_by_the_digest_of_the_newer_importer_once_it_came_in_again(
    company: Company, stored: Submission
) -> None:
    (read,) = importers.read(stock_report.EXPORT, stock_report.source())
    seen = Automation.objects.all()
    asked = {"environment": "production", "now": company.now}
    for digest in (read.digest, read.manifest.source.content):
        assert deploy_gate.answer_for_digest(seen, digest, **asked).code == "UNKNOWN_VERSION"
    stock_report.version(company)
    for digest in (read.digest, read.manifest.source.content, stored.version.manifest_digest):
        assert deploy_gate.answer_for_digest(seen, digest, **asked).version == stored.version


@pytest.mark.rule("I9")
def test_a_reordered_copy_of_it_may_be_the_same_once_it_came_in_again(company: Company, stored: Submission) -> None:
    stock_report.version(company)
    made = stock_report.submitted(company, lambda export: (reordered(export), export.update(id="again"))[0])
    assert likeness_of(made).because == Because.SOURCE


@pytest.mark.rule("I9")
def test_a_reordered_and_renamed_copy_may_be_the_same(company: Company) -> None:
    stock_report.submitted(company)

    def copied(export: dict[str, Any]) -> None:
        name = stock_report.node(export, ".slack")["name"]
        export["connections"] = {
            key: {kind: [[{**one, "node": one["node"].replace(name, "Say it")} for one in port] for port in ports]}
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
