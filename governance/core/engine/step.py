"""One running call of a transition: its locked row, its effect, and its rows of history and ledger.

`lock` reads the row and its parents again; `bring_up_to_date` gives their columns to the caller's instance.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from governance.core.access import Actor, Refusal, refuse
from governance.core.ledger import ledger_events
from governance.core.models import FreeText, LedgerEvent, Person

M = TypeVar("M", bound=models.Model)


#: Rows of one statement: PostgreSQL takes 65,535 values in one.
AT_ONCE = 500


@dataclass
class Effect:
    """The result of a transition's body.

    Args:
        to: the new state; needed if the declaration has several targets.
        payload: facts for the ledger event.
        subject: the row of the event, if the body made a new one.
        then: called after the subject is saved in its new state, for rows that rely on it; it may return further facts
            for the event.
        verb: another name of the event, if the result differs from the request; handlers of that name run.
    """

    to: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    subject: models.Model | None = None
    then: Callable[[], Mapping[str, Any] | None] | None = None
    after: Callable[[], None] | None = None
    verb: str = ""


@dataclass
class Step(Generic[M]):
    """A running call, passed to the body: the locked row, the actor, the time and the reason."""

    subject: M
    actor: Actor
    now: datetime
    verb: str
    reason: FreeText | None = None
    text: str = ""
    context: Any = None  # data of the operation's loader, read after the lock
    broken: BaseException | None = None
    events: list[LedgerEvent] = field(default_factory=list)
    inserted: list[tuple[models.Model, str]] = field(default_factory=list)  # without history yet
    payload: Mapping[str, Any] = field(default_factory=dict)  # facts of the event, for the handlers of hooks

    @property
    def history_text(self) -> str:
        """Return this step's text in history rows: verb, call and the reason's keyed digest (H1, H6)."""
        return " ".join([self.verb, str(self.actor.correlation), *([self.reason.digest] if self.reason else [])])

    @property
    def _bulk_history(self) -> dict[str, Any]:
        """Write history rows for many rows at once."""
        author = {
            "default_user": self.actor.person,
            "default_date": self.now,
            "default_change_reason": self.history_text,
        }
        return {**author, "batch_size": AT_ONCE}

    def save(self, row: models.Model) -> None:
        """Save a governed row so that its history names the actor, this step and the reason's keyed digest (H1, H6)."""
        save_with_history(row, person=self.actor.person, at=self.now, why=self.history_text)

    def insert(self, rows: Sequence[models.Model]) -> None:
        """Insert new governed rows of one model as `save` does, in two statements for all of them."""
        for row in rows:
            prepare = getattr(row, "prepare", None)
            if prepare is not None:
                prepare()
        if rows:
            bulk_create_with_history(rows, type(rows[0]), **self._bulk_history)

    def insert_before_body_ends(self, row: models.Model, why: str) -> None:
        """Insert a governed row that the body completes: its first history row is written after the body, with the values of then.

        The body changes it with `complete` only.

        Args:
            row: unsaved.
            why: begins the text of the history row.
        """
        row.skip_history_when_saving = True  # type: ignore[attr-defined]
        try:
            row.save()
        finally:
            del row.skip_history_when_saving  # type: ignore[attr-defined]
        self.inserted.append((row, why))

    def complete(self, row: models.Model, **values: Any) -> None:
        """Set columns of a row that `insert_before_body_ends` has inserted; its first history row will hold them."""
        if not any(row is inserted for inserted, _ in self.inserted):
            raise AssertionError(f"{row!r} has its history already: save it")
        for name, value in values.items():
            setattr(row, name, value)
        type(row)._base_manager.filter(pk=row.pk).update(**values)

    def write_first_history(self) -> None:
        """Write the first history rows of the rows that the body inserted and completed."""
        for row, why in self.inserted:
            author = {**self._bulk_history, "default_change_reason": f"{why} {self.actor.correlation}"}
            type(row).history.bulk_history_create([row], **author)  # type: ignore[attr-defined]
        self.inserted.clear()

    def update(self, rows: Sequence[models.Model], *fields: str) -> None:
        """Update fields of governed rows of one model as `save` does, in two statements for all of them."""
        if rows:
            bulk_update_with_history(rows, type(rows[0]), fields, **self._bulk_history)

    def record(self, verb: str, row: models.Model, payload: Mapping[str, Any] | None = None) -> None:
        """Add an event for another row that the body changed. It is written with the step's own event."""
        self.events.append(
            ledger_events.build(
                actor=self.actor,
                verb=verb,
                subject=row,
                now=self.now,
                about_rows=about_of(row),
                payload=payload,
                reason=self.reason,
            )
        )

    def write(self) -> None:
        """Append the added events to the ledger, in order."""
        ledger_events.append_all(self.events)
        self.events.clear()


def save_with_history(row: models.Model, *, person: Person | None, at: datetime, why: str) -> None:
    """Save a row with one history row of this author, instant and reason. A job writes history without an author.

    simple-history reads these three names off the row. A later save of the instance inherits none.

    Args:
        row: the governed row.
        person: the author; None for a job.
        at: business time of the history row.
        why: the text of the history row.
    """
    signature = {"_history_user": person, "_history_date": at, "_change_reason": why}
    for name, value in signature.items():
        setattr(row, name, value)
    try:
        row.save()
    finally:
        for name in signature:
            delattr(row, name)


RUNNING: ContextVar[Step[Any] | None] = ContextVar("running", default=None)


@contextmanager
def running(step: Step[Any]) -> Iterator[None]:
    """Mark operations inside this block as parts of a step."""
    token = RUNNING.set(step)
    try:
        yield
    finally:
        RUNNING.reset(token)
    if step.broken is not None:
        raise step.broken


def about_of(row: models.Model) -> list[str]:
    """Return the names of the rows with timelines that show the events of a row."""
    ask = getattr(row, "ledger_about", None)
    return ledger_events.timeline_keys(*ask()) if ask is not None else []


def state_of(row: models.Model) -> str:
    """Return a row's state, or an empty text for a row without one."""
    return str(getattr(row, "state", ""))


def lock(subject: M, parents: Sequence[str]) -> M:
    """Read the row again FOR NO KEY UPDATE, the rows above it first and always in the same order.

    A transaction that changes the row waits. A transaction that only refers to it by a foreign key does not wait, so the two
    can't deadlock. The row comes with the locked rows above it, so guards and body read the locked ones.

    Args:
        subject: the caller's row; an unsaved one is copied, since it can't be locked.
        parents: dotted paths from it to rows that are locked before it, outermost first. A path that ends in None
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
    """Set a locked parent on the row below. If the row refers to another parent now, Django reads that one on access."""
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
    for column in fresh._meta.concrete_fields:
        setattr(subject, column.attname, getattr(fresh, column.attname))
        if isinstance(column, models.ForeignKey) and column.is_cached(fresh):
            setattr(subject, column.name, getattr(fresh, column.name))
    subject._state.adding, subject._state.db = fresh._state.adding, fresh._state.db
