"""The demo's resources, from the table ``resources.csv``: every kind, every data class, three environments."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple


class ResourceRow(NamedTuple):
    """One resource: people and team by key; its connections, each as ``connector|instance``.

    Its deputy confirms the connections (``confirmed_by``) if the owner builds on them.
    """

    key: str
    name: str
    kind: str
    data_class: str
    owner: str
    deputy: str
    team: str
    environment: str
    in_use: bool
    confirmed_by: str
    connections: tuple[str, ...]
    about: str


def _read(path: Path) -> tuple[ResourceRow, ...]:
    with path.open(encoding="utf-8", newline="") as file:
        return tuple(
            ResourceRow(
                **row
                | {
                    "in_use": row["in_use"] == "yes",
                    "confirmed_by": row["confirmed_by"] or row["owner"],
                    "connections": tuple(filter(None, row["connections"].split(";"))),
                }
            )
            for row in csv.DictReader(file)
        )


RESOURCES = _read(Path(__file__).with_name("resources.csv"))
