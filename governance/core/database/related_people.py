"""People that rows name in several columns, read once. A join for each column repeats all columns of a person, and the same people again."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Model

from governance.core.models import Person

#: A row and the name of its foreign key to a person.
PersonColumn = tuple[Model, str]


def load_people(columns: Iterable[PersonColumn]) -> None:
    """Read the people in some columns in one query and set them on the rows, as `prefetch_related` does for one column.

    Args:
        columns: columns with a person loaded already stay as they are.
    """
    missing = [(row, name) for row, name in columns if name not in row._state.fields_cache]
    ids = {getattr(row, f"{name}_id") for row, name in missing} - {None}
    people = Person.objects.order_by().in_bulk(ids) if ids else {}
    for row, name in missing:
        setattr(row, name, people.get(getattr(row, f"{name}_id")))
