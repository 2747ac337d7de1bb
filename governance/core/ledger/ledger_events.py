"""Append events to the ledger, in the transaction of the change that they record (H1). `sealing` seals them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models
from psycopg.types.json import Jsonb

from governance.core.actors.actor import Actor
from governance.core.ledger.verifier import EVENT_FIELDS, event_digest
from governance.core.models import FreeText, LedgerEvent
from governance.core.models.ledger import Outcome

#: The database gives an event its number and its transaction.
_COLUMNS = [field.attname for field in LedgerEvent._meta.concrete_fields if field.attname not in ("id", "xid")]
_INSERT = f"INSERT INTO {LedgerEvent._meta.db_table} ({', '.join(_COLUMNS)}) VALUES "  # noqa: S608  names of columns
_ROW = f"({', '.join(['%s'] * len(_COLUMNS))})"

#: Events of one statement.
_AT_ONCE = 100

JSON = str | int | bool | None | Sequence[Any] | Mapping[str, Any]


def name_of(row: models.Model) -> tuple[str, str]:
    """Return a row's name in the ledger: its model's label and its key; the key is ``new`` for an unsaved row."""
    return row._meta.label_lower, "new" if row.pk is None else str(row.pk)


def timeline_keys(*rows: models.Model | None) -> list[str]:
    """Return the names of rows with timelines that show an event: ``label:key``, each once, in order."""
    return list(dict.fromkeys(":".join(name_of(row)) for row in rows if row is not None))


def instant(at: datetime) -> str:
    """Return an instant as RFC 3339 in UTC with microseconds: the same text for the same instant in every zone."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def canonical(event: LedgerEvent) -> dict[str, Any]:
    """Return the part of an event that its digest covers, JSON-able."""
    values = {name: getattr(event, name) for name in EVENT_FIELDS}
    texts = {name: str(values[name]) for name in ("event_id", "actor_kind", "correlation", "outcome")}
    return values | texts | {"at": instant(event.at)}


def build(
    *,
    actor: Actor,
    verb: str,
    subject: models.Model,
    now: datetime,
    about_rows: Sequence[str] = (),
    payload: Mapping[str, JSON] | None = None,
    reason: FreeText | None = None,
    refused: str = "",
    known_as: tuple[str, str] | None = None,
) -> LedgerEvent:
    """Return a complete event, not yet written: `append_all` inserts many at once.

    Args:
        actor: the actor; the ledger keeps the opaque ids, and a program's token.
        verb: the event, ``noun.past_verb``.
        subject: its row.
        now: business time.
        about_rows: names of further rows with timelines that show it (see `timeline_keys`).
        payload: facts, JSON-able, without personal data and free text (H6).
        reason: the actor's text; its keyed digest goes into the payload.
        refused: the refusal's code of a refused attempt.
        known_as: the row's name, if not the present one: a creation that was rolled back had a key before.

    Raises:
        ValueError: the payload has a value that JSON can't keep: NaN, or a number of 2**53 or more.
    """
    subject_type, subject_id = known_as or name_of(subject)
    content = dict(payload or {})
    if reason is not None:
        content["reason"] = reason.digest
    if actor.token is not None:
        content["token"] = str(actor.token.pk)
    if _holds_large_float(content):
        raise ValueError(
            "The database would give a number of the payload back as a whole one that has no canonical form."
        )
    event = LedgerEvent(
        at=now,
        actor_kind=actor.kind,
        actor_id=actor.actor_id,
        for_id=actor.for_id,
        verb=verb,
        subject_type=subject_type,
        subject_id=subject_id,
        about=list(dict.fromkeys([f"{subject_type}:{subject_id}", *about_rows])),
        correlation=actor.correlation,
        outcome=Outcome.REFUSED if refused else Outcome.DONE,
        code=refused,
        payload=content,
        reason=reason,
    )
    event.digest = event_digest(canonical(event))
    return event


def _holds_large_float(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_large_float, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_large_float, value))
    return isinstance(value, float) and abs(value) >= 2**53


def append(**facts: Any) -> None:
    """Write one event; takes the arguments of `build`."""
    append_all([build(**facts)])


def append_all(events: Sequence[LedgerEvent]) -> None:
    """Write events that `build` made, in order, inside the caller's transaction (docs/decisions/0043).

    The text of the statement depends on the number of events alone, so that frequent ones stay prepared.
    """
    with connection.cursor() as cursor:
        for start in range(0, len(events), _AT_ONCE):
            batch = events[start : start + _AT_ONCE]
            values = [getattr(event, name) for event in batch for name in _COLUMNS]
            adapted: list[Any] = [Jsonb(value) if isinstance(value, dict) else value for value in values]
            cursor.execute(_INSERT + ", ".join([_ROW] * len(batch)), adapted)
