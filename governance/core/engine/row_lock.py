"""Lock the row of a transition with its parents, and bring the caller's instance up to date."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import models

from governance.core.duties.refusals import Refusal, refuse

M = TypeVar("M", bound=models.Model)


def state_of(row: models.Model) -> str:
    """A row's state, or nothing for a row without one."""
    return str(getattr(row, "state", ""))


def lock(subject: M, parents: Sequence[str]) -> M:
    """Read the row again FOR NO KEY UPDATE, the rows above it first and always in the same order.

    Whoever wants to change it waits; whoever only refers to it by a foreign key does not, so that the two can't deadlock. The row
    comes with the locked rows above it, so that guards and body read those and not others.

    Args:
        subject: the row as the caller knows it; a copy of an unsaved one comes back, since nothing can be locked.
        parents: dotted paths from it to rows that are locked before it, outermost first; a path that ends in nothing
            locks nothing.

    Raises:
        OutOfTurn: a row is gone.
    """
    locked: dict[str, models.Model] = {}
    for path in parents:
        above: Any = subject
        for name in path.split("."):
            above = getattr(above, name) if above is not None else None
        if above is not None:
            locked[path] = _read_locked(above)
    fresh = copy.copy(subject) if subject._state.adding else _read_locked(subject)
    for path, row in locked.items():
        way, _, name = path.rpartition(".")
        _hang(row, name, locked.get(way) if way else fresh)
    return fresh


def _hang(row: models.Model, name: str, below: models.Model | None) -> None:
    """Give the row below what it names by a foreign key. If it names another row by now, or by no key, that one is read when it is used."""
    fields = below._meta.concrete_fields if below is not None else ()
    keys = {field.name: field.attname for field in fields if field.is_relation}
    if name in keys and getattr(below, keys[name]) == row.pk:
        setattr(below, name, row)


def _read_locked(row: M) -> M:
    manager = type(row)._base_manager
    try:
        return manager.select_for_update(of=("self",), no_key=True).get(pk=row.pk)  # in no order: it would join for one
    except ObjectDoesNotExist:
        raise refuse(Refusal("GONE", "state", f"This {row._meta.verbose_name} is no longer there.")) from None


def bring_up_to_date(subject: M, fresh: M) -> None:
    """Give the caller's instance the columns and locked parents of the locked one."""
    if subject is fresh:
        return
    for field in fresh._meta.concrete_fields:
        setattr(subject, field.attname, getattr(fresh, field.attname))
        if isinstance(field, models.ForeignKey) and field.is_cached(fresh):
            setattr(subject, field.name, getattr(fresh, field.name))
    subject._state.adding, subject._state.db = fresh._state.adding, fresh._state.db
