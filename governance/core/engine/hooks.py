"""The only extension point: a higher app handles an event of a lower app, adds a duty to it, or bars people from being named.

Handlers run in the transaction of the event, after its effect, in the order of registration. An exception rolls everything back. A body may
also call `follow` itself, with a name that is no event of the ledger (`person.erasing`, `entitlements.imported`).
Every operation of the event checks an added duty after its own, for pages, the matrix and the write.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from governance.core.duties.refusals import Duty, Refusal

T = TypeVar("T")

#: ``handler(subject, step)``; the step carries actor, now and correlation.
Handler = Callable[[Any, Any], None]
#: ``who(subject, now)`` returns the refusals of people who can't be named, by person id. It only reads.
Barring = Callable[[Any, datetime], Mapping[int, Refusal]]

_handlers: dict[str, list[Handler]] = {}
_demanded: dict[str, list[Duty]] = {}
_barring: dict[str, list[Barring]] = {}


def _add(registry: dict[str, list[T]], entry: T, *events: str) -> None:
    for event in events:
        entries = registry.setdefault(event, [])
        if entry not in entries:
            entries.append(entry)


def register(handler: Handler, *events: str) -> None:
    """Run ``handler(subject, step)`` after each of some events. Call it in an app's `ready()`; a second call changes nothing."""
    _add(_handlers, handler, *events)


def demand(duty: Duty, *events: str) -> None:
    """Add a duty of a higher app to every operation of some events. Call it in `ready()`; a second call changes nothing."""
    _add(_demanded, duty, *events)


def demanded(event: str) -> tuple[Duty, ...]:
    """Return the duties that higher apps add to an event's operations."""
    return tuple(_demanded.get(event, ()))


def bar(event: str, who: Barring) -> None:
    """Register ``who(subject, now)`` for people who can't be named by ``event``. Call it in `ready()`; a second call changes nothing."""
    _add(_barring, who, event)


def barred(event: str, subject: object, now: datetime) -> dict[int, Refusal]:
    """Return the people that higher apps bar from being named, by id, with the reason. Form choices and the write both call it."""
    return {pk: refusal for who in _barring.get(event, ()) for pk, refusal in who(subject, now).items()}


def registered() -> dict[str, list[str]]:
    """Return the dotted names of handlers by event, for the test that lists them."""
    return {event: [f"{h.__module__}.{h.__qualname__}" for h in handlers] for event, handlers in _handlers.items()}


def follow(event: str, subject: object, step: object) -> None:
    """Run the handlers of an event."""
    for handler in _handlers.get(event, ()):
        handler(subject, step)
