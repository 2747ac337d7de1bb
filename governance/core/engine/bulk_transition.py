"""One operation on many rows at once: locked in order, each judged by itself, and written by a few statements for all of them.

What is done so is what the operation does to one row: the same refusals, the same rows of history, the same events in the same order. A
row that the operation refuses is left out, and is for the caller to perform alone: that says why, and records it. Whatever the
database refuses takes all of it back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar, cast

from django.db import connection, models, transaction

from governance.core.actors.actor import Actor
from governance.core.database.key_filters import among
from governance.core.duties.refusals import InvalidInput
from governance.core.engine import hooks
from governance.core.engine.transition import Step, Transition, about_of, running
from governance.core.ledger import ledger_events
from governance.core.texts import free_text

M = TypeVar("M", bound=models.Model)
N = TypeVar("N", bound=models.Model)


@dataclass(frozen=True)
class Call(Generic[M]):
    """One call of the operation.

    Args:
        subject: the row, as the caller read it.
        actor: who acts.
        reason: what they say about it.
        params: the operation's own arguments.
    """

    subject: M
    actor: Actor
    reason: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


#: ``locked(keys)`` reads the rows again under their locks, with all that the operation's rules ask of them, by key.
Locked = Callable[[Collection[int]], Mapping[int, M]]
#: ``body(steps, params)`` does it; it notes each event with `record` and runs what follows with `follow`.
Body = Callable[[Sequence[Step[M]], Sequence[Mapping[str, Any]]], None]
#: ``fits(row, params)`` says whether the body can do this one.
Fits = Callable[[M, Mapping[str, Any]], bool]


def perform(
    verb: Transition[M], calls: Sequence[Call[M]], *, now: Any, locked: Locked[M], fits: Fits[M], body: Body[M]
) -> list[Call[M]]:
    """Perform an operation on many rows in one transaction.

    Args:
        verb: the operation.
        calls: on rows that differ.
        now: business time.
        locked: locks the rows and those above them, in the operation's order and each kind in the order of its keys.
        fits: asked of a row under its lock.
        body: changes every row that neither the operation refuses nor `fits` leaves out.

    Returns:
        The calls that are left, in order.

    Raises:
        DatabaseError: the database refuses some of it; nothing was done.
        RuntimeError: called inside somebody else's transaction.
    """
    left: list[Call[M]] = []
    with transaction.atomic(durable=True):
        rows = locked([call.subject.pk for call in calls])
        actors: dict[tuple[int, int | None], Actor] = {}
        chosen: list[tuple[Call[M], M, Actor]] = []
        for call in calls:
            row, actor = rows.get(call.subject.pk), _afresh(call.actor, actors)
            if row is None or not _may(verb, row, actor, now, call) or not fits(row, call.params):
                left.append(call)
            else:
                chosen.append((call, row, actor))
        reasons = free_text.keep_all([call.reason for call, _, _ in chosen])
        events: list[str] = []
        steps = [
            Step(row, actor, now, verb.event, reason, free_text.clean(call.reason), events=events)
            for (call, row, actor), reason in zip(chosen, reasons, strict=True)
        ]
        if steps:
            body(steps, [call.params for call, _, _ in chosen])
            ledger_events.append_all(events)
    return left


def _afresh(actor: Actor, actors: dict[tuple[int, int | None], Actor]) -> Actor:
    """The actor with nothing remembered from before the locks; read once for all rows on which they act alike."""
    key = (actor.person.pk if actor.person else 0, actor.standing_for.pk if actor.standing_for else None)
    if key not in actors:
        actors[key] = actor.afresh()
    return actors[key]


def _may(verb: Transition[M], row: M, actor: Actor, now: Any, call: Call[M]) -> bool:
    try:
        text = free_text.clean(call.reason)
    except InvalidInput:
        return False
    return verb.refusal(row, actor=actor, now=now) is None and bool(text or not verb.reason_needed)


def inside(step: Step[Any], row: N, event: str) -> Step[N]:
    """A part of a step: another operation that it causes on a row, which says no reason of its own."""
    return Step(row, step.actor, step.now, event, events=step.events)


def change(steps: Sequence[Step[Any]], *, to: str = "", **values: Any) -> None:
    """Give the subjects of some steps, of one model, the same values, each with its own row of history.

    Args:
        steps: of operations that reach the same state.
        to: the state that they reach, where they change it.
        values: what else they change.

    Raises:
        RuntimeError: a row is not there: it was not locked.
    """
    rows = [step.subject for step in steps]
    if not rows:
        return
    if to:
        values["state"] = to
    for row in rows:
        row.__dict__.update(values)
    model = type(rows[0])
    changed = model._base_manager.filter(among([row.pk for row in rows])).update(**values)
    if changed != len(rows):
        raise RuntimeError(f"{len(rows) - changed} rows of {model.__name__} are gone")
    _write_history(steps, "~")


def insert(steps: Sequence[Step[Any]]) -> None:
    """Insert the subjects of some steps, of one model, each with its row of history."""
    if steps:
        type(steps[0].subject)._base_manager.bulk_create(step.subject for step in steps)
        _write_history(steps, "+")


def _write_history(steps: Sequence[Step[Any]], kind: str) -> None:
    """Return a history row for each subject, copied from its present row. `Step.save` has simple-history write the same."""
    model = type(steps[0].subject)
    by_key = {step.subject.pk: step for step in steps}
    signed = [
        {
            "key": key,
            "person": step.actor.person.pk if step.actor.person is not None else None,
            "at": step.now.isoformat(),
            "why": step.why,
        }
        for key, step in by_key.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_history_of(cast("Hashable", model)), [kind, json.dumps(signed)])


@cache
def _history_of(model: Hashable) -> str:
    """One text for each model, so that it is prepared once."""
    assert isinstance(model, type)
    assert issubclass(model, models.Model)
    past = model.history.model  # type: ignore[attr-defined]
    names = [connection.ops.quote_name(field.column) for field in past.tracked_fields]
    copied = ", ".join(f"now.{name}" for name in names)
    return (
        f"INSERT INTO {past._meta.db_table} ({', '.join(names)}, history_type, history_user_id, history_date, "  # noqa: S608  names of models alone
        f"history_change_reason) SELECT {copied}, %s, signed.person, signed.at, signed.why FROM {model._meta.db_table} now "
        "JOIN jsonb_to_recordset(%s::jsonb) AS signed (key bigint, person bigint, at timestamptz, why text) "
        f"ON now.{model._meta.pk.column} = signed.key ORDER BY signed.key"
    )


def record(step: Step[Any], payload: Mapping[str, Any]) -> None:
    """Note the event of a step for its subject; it is written with all others."""
    step.events.append(
        ledger_events.build(
            actor=step.actor,
            verb=step.verb,
            subject=step.subject,
            now=step.now,
            about_rows=about_of(step.subject),
            payload=payload,
            reason=step.reason,
        )
    )


def follow(step: Step[Any]) -> None:
    """Run what follows the event of a step."""
    with running(step):
        hooks.follow(step.verb, step.subject, step)
