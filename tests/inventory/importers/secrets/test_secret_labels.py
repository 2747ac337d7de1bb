"""What the scan reports in the real exports, against a reviewer's labels (I6)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory.importers.problem import ImportProblem
from inventory.importers.reader import read_export
from inventory.importers.secrets.slots import looks_secret
from tests.inventory.importers.secrets import secret_labels
from tests.inventory.importers.secrets.secret_labels import Place

SOURCES = (
    "n8n_enescingoz",
    "n8n_ottomator",
    "n8n_starter_kit",
    "n8n_zie619_head",
    "mcp_client_davila7",
    "mcp_client_kwp",
    "mcp_ottomator",
    "mcp_vscode",
    "mcp_server_json_github",
)
Reported = dict[str, set[Place]]


def _findings(folder: Path) -> Iterator[tuple[str, Place]]:
    for path in sorted(each for source in SOURCES for each in (folder / source).rglob("*.json")):
        try:
            results = read_export(path.name, path.read_bytes())
        except ImportProblem:
            continue  # not an automation: test_real_files counts these
        for finding in (each for result in results for each in result.manifest.findings):
            yield finding.code, (str(path.relative_to(folder)), finding.at)


@pytest.fixture(scope="module")
def reported(real_exports: Path) -> Reported:
    """The places of secrets and placeholders, by finding."""
    places: Reported = {"embedded_secret": set(), "placeholder_secret": set()}
    for code, place in _findings(real_exports / "imports"):
        if code in places:
            places[code].add(place)
    return places


@pytest.mark.rule("I6")
def test_nine_of_ten_reported_secrets_are_secrets_and_none_is_lost(reported: Reported) -> None:
    before = secret_labels.score(secret_labels.reported_before())
    now = secret_labels.score(reported["embedded_secret"])
    sys.stdout.write(f"before: {before}\nnow: {now}\n")
    assert now.precision >= 0.9
    assert now.recall >= before.recall


@pytest.mark.rule("I6")
def test_placeholders_are_reported_as_placeholders(reported: Reported) -> None:
    placeholders = secret_labels.labelled("placeholder")
    assert not placeholders & reported["embedded_secret"]
    assert reported["placeholder_secret"] <= placeholders
    assert len(placeholders & reported["placeholder_secret"]) >= len(placeholders) - 1


@pytest.mark.rule("I6")
def test_each_reported_place_has_a_label(reported: Reported) -> None:
    places = {(row["file"], row["place"]) for row in secret_labels.rows()}
    assert reported["embedded_secret"] | reported["placeholder_secret"] <= places


@pytest.mark.rule("I6")
def test_the_labels_hold_no_secret() -> None:
    rows = secret_labels.rows()
    assert len(rows) > 60
    assert {row["label"] for row in rows} == {"secret", "placeholder", "none"}
    assert not [row["place"] for row in rows for part in row["place"].split("/") if looks_secret(part)]
