"""A security reviewer's labels for the secrets in the real exports: each reported place, and the suspicious places not reported.

`labels.csv` names file, place and kind, and holds no value. `reported` is the finding of importer 1.3.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Score:
    """Reported `embedded_secret` against the label `secret`."""

    reported: int
    right: int
    labelled: int

    @property
    def precision(self) -> float:
        """The share of reported secrets that are secrets."""
        return self.right / self.reported

    @property
    def recall(self) -> float:
        """The share of labelled secrets that are reported."""
        return self.right / self.labelled

    def __str__(self) -> str:
        return f"precision {self.right}/{self.reported} = {self.precision:.2f}, recall {self.right}/{self.labelled} = {self.recall:.2f}"


def rows() -> list[dict[str, str]]:
    """The table, in its order."""
    with (HERE / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def labelled(label: str) -> set[Place]:
    """The places with a label."""
    return {(row["file"], row["place"]) for row in rows() if row["label"] == label}


def reported_before() -> set[Place]:
    """The places that importer 1.3 reported as secrets."""
    return {(row["file"], row["place"]) for row in rows() if row["reported"] == "embedded_secret"}


def score(reported: set[Place]) -> Score:
    """Precision and recall of the reported places."""
    secrets = labelled("secret")
    return Score(len(reported), len(reported & secrets), len(secrets))
