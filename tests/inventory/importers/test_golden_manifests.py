"""The shipped exports against what a person read from them, written down before there was an importer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inventory.importers.manifest import Manifest
from inventory.importers.reader import read_export
from tests.inventory.importers.samples import EXPORTS, GOLDEN

GOLDENS = sorted(GOLDEN.glob("*.json"))


def _comparable(document: dict[str, Any]) -> dict[str, Any]:
    """Without what a person cannot write by hand (the source digests) and without the importer's own wording."""
    source = {key: value for key, value in document["source"].items() if key not in ("content", "earlier")}
    findings = [{key: each[key] for key in ("code", "at", "severity")} for each in document["findings"]]
    return {**document, "source": source, "findings": sorted(findings, key=lambda f: (f["code"], f["at"]))}


def test_every_shipped_export_has_a_golden_manifest() -> None:
    assert len(GOLDENS) >= 8
    assert [path.name for path in GOLDENS] == sorted(path.name for path in EXPORTS.iterdir())


@pytest.mark.rule("I7", "I8")
@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.stem)
def test_a_shipped_export_reads_as_a_person_reads_it(golden: Path) -> None:
    expected = json.loads(golden.read_text(encoding="utf-8"))
    (result,) = read_export(golden.name, (EXPORTS / golden.name).read_bytes())
    assert _comparable(result.manifest.to_dict()) == _comparable(expected)


@pytest.mark.parametrize("export", sorted(EXPORTS.iterdir()), ids=lambda path: path.stem)
def test_a_manifest_survives_being_stored_as_json(export: Path) -> None:
    (result,) = read_export(export.name, export.read_bytes())
    stored = json.loads(json.dumps(result.manifest.to_dict()))
    assert Manifest.from_dict(stored) == result.manifest


@pytest.mark.rule("I7")
@pytest.mark.parametrize("export", sorted(EXPORTS.iterdir()), ids=lambda path: path.stem)
def test_the_same_file_again_is_the_same_version(export: Path) -> None:
    data = export.read_bytes()
    (first,), (second,) = read_export(export.name, data), read_export(export.name, data)
    assert first == second
    assert first.digest == second.digest


def test_a_manifest_of_another_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="not a manifest"):
        Manifest.from_dict({"schema": "something/2"})
