"""Append events to the ledger, in the transaction of the change that they record (H1). `sealing` seals them."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models

from governance.core.actors.actor import Actor
from governance.core.ledger.verifier import canonical_json, is_written_alike, written
from governance.core.models import FreeText, LedgerEvent

#: One statement for any number of events, so that PostgreSQL prepares it once.
_INSERT = """
INSERT INTO controls_ledgerevent (event_id, at, actor_kind, actor_id, for_id, verb, subject_type, subject_id, about, correlation,
    outcome, code, payload, reason_id, digest)
SELECT event_id, at, actor_kind, actor_id, for_id, verb, subject_type, subject_id, about, correlation,
    outcome, code, payload, reason_id, digest
FROM ROWS FROM (jsonb_to_recordset(%s::jsonb) AS (event_id uuid, at timestamptz, actor_kind text, actor_id text, for_id text,
    verb text, subject_type text, subject_id text, about text[], correlation uuid, outcome text, code text, payload jsonb,
    reason_id bigint, digest text)) WITH ORDINALITY
ORDER BY ordinality
"""

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
    return {
        "event_id": str(event.event_id),
        "at": instant(event.at),
        "actor_kind": event.actor_kind,
        "actor_id": event.actor_id,
        "for_id": event.for_id,
        "verb": event.verb,
        "subject_type": event.subject_type,
        "subject_id": event.subject_id,
        "about": event.about,
        "correlation": str(event.correlation),
        "outcome": event.outcome,
        "code": event.code,
        "payload": event.payload,
    }


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON (RFC 8785) as hex."""
    return hashlib.sha256(canonical_json(content)).hexdigest()


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
) -> str:
    """One event, complete but not yet written: many are inserted at once. No model is made of it: that takes as long as all else here.

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

    Returns:
        The row as JSON: the very text that its digest is of, and beside that what it does not cover.

    Raises:
        ValueError: the payload holds what JSON would not keep: NaN, a number of 2**53 or more.
    """
    subject_type, subject_id = known_as or name_of(subject)
    content = dict(payload or {})
    if reason is not None:
        content["reason"] = reason.digest
    if actor.token is not None:
        content["token"] = str(actor.token.pk)
    event = {
        "event_id": str(uuid.uuid4()),
        "at": instant(now),
        "actor_kind": actor.kind,
        "actor_id": actor.actor_id,
        "for_id": actor.for_id,
        "verb": verb,
        "subject_type": subject_type,
        "subject_id": subject_id,
        "about": list(dict.fromkeys([f"{subject_type}:{subject_id}", *about_rows])),
        "correlation": str(actor.correlation),
        "outcome": "refused" if refused else "done",
        "code": refused,
        "payload": content,
    }
    is_alike = is_written_alike(content)  # all else is text
    text = written(event) if is_alike else canonical_json(event)
    if not is_alike and _holds_large_float(content):
        raise ValueError(
            "The database would give a number of the payload back as a whole one that has no canonical form."
        )
    stored = {"digest": hashlib.sha256(text).hexdigest(), "reason_id": reason.pk if reason is not None else None}
    return f"{text[:-1].decode()},{json.dumps(stored)[1:]}"


def _holds_large_float(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_large_float, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_holds_large_float, value))
    return isinstance(value, float) and abs(value) >= 2**53


def append(**facts: Any) -> None:
    """Write one event; takes the arguments of `build`."""
    append_all([build(**facts)])


def append_all(events: Sequence[str]) -> None:
    """Write events that `build` made, in order and in one statement."""
    if not events:
        return
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [f"[{','.join(events)}]"])
