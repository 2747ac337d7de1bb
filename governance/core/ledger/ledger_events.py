"""Append events to the ledger, in the transaction of the change that they record (H1). `sealing` seals them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import models

from governance.core.actors.actor import Actor
from governance.core.ledger.verifier import EVENT_FIELDS, event_digest
from governance.core.models import FreeText, LedgerEvent
from governance.core.models.ledger import Outcome

JSON = str | int | bool | None | Sequence[Any] | Mapping[str, Any]


def name_of(row: models.Model) -> tuple[str, str]:
    """How the ledger names a row: its model's label and its key, which is ``new`` for a row that was never saved."""
    return row._meta.label_lower, "new" if row.pk is None else str(row.pk)


def about(*rows: models.Model | None) -> list[str]:
    """The names of the rows whose timelines show an event, each ``label:key``, once, in order."""
    return list(dict.fromkeys(":".join(name_of(row)) for row in rows if row is not None))


def instant(at: datetime) -> str:
    """RFC 3339 in UTC with microseconds: one text for one instant, whatever zone it came in."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def canonical(event: LedgerEvent) -> dict[str, Any]:
    """Everything that an event's digest covers, JSON-able."""
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
    """One event, complete but not yet written: many are inserted at once.

    Args:
        actor: who did it; the ledger keeps the opaque ids, and by which token where a program did it.
        verb: what happened, ``noun.past_verb``.
        subject: the row it happened to.
        now: business time.
        about_rows: names of further rows whose timelines show it (see `about`).
        payload: facts, JSON-able, without personal data and free text (H6).
        reason: the text that the actor gave; its keyed digest goes into the payload.
        refused: the refusal's code when it was tried and refused.
        known_as: the row's name where it is not the present one: a creation that was rolled back had a key for a while.

    Raises:
        ValueError: the payload holds what JSON would not keep: NaN, a number of 2**53 or more.
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
    """Write events that `build` made, in order and in one statement."""
    LedgerEvent.objects.bulk_create(events)
