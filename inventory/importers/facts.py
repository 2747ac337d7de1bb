"""Facts in data files: word lists and tables, each read once. The importers hold the logic."""

import csv
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "data"


@cache
def facts(name: str) -> dict[str, Any]:
    """Content of a TOML file of the data folder."""
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def word_lists(name: str) -> dict[str, frozenset[str]]:
    """Texts at the top of a TOML file, each as a set of its words."""
    return {key: frozenset(value.split()) for key, value in facts(name).items() if isinstance(value, str)}


def read_rows(name: str) -> list[list[str]]:
    """Rows of a CSV file of the data folder, without the line of names."""
    with (_FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))[1:]
