"""Read the people of several columns of rows once. A join for each column would repeat all columns of a person."""

from collections.abc import Iterable

from django.db.models import ForeignKey, Model

from governance.core.models import Person

#: A row and the name of its foreign key to a person.
PersonColumn = tuple[Model, str]


def load_people(columns: Iterable[PersonColumn]) -> None:
    """Read the people in some columns in one query and set them on the rows, as `prefetch_related` does for one column.

    Args:
        columns: columns with a person loaded already stay as they are.
    """
    missing = [(row, name) for row, name in columns if not _is_loaded(row, name)]
    ids = {getattr(row, f"{name}_id") for row, name in missing} - {None}
    people = Person.objects.order_by().in_bulk(ids) if ids else {}
    for row, name in missing:
        setattr(row, name, people.get(getattr(row, f"{name}_id")))


def _is_loaded(row: Model, name: str) -> bool:
    field = row._meta.get_field(name)
    return isinstance(field, ForeignKey) and field.is_cached(row)
