"""Tables in CSV files next to the module that reads them."""

import csv
from pathlib import Path


def read_rows(module: str, name: str) -> list[dict[str, str]]:
    """Read the rows of a table, by column.

    Args:
        module: ``__file__`` of a module in the folder of the table.
        name: of the file.
    """
    with Path(module).with_name(name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
