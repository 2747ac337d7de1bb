"""The only extension point: a higher app handles an event of a lower app, demands a duty of it, or bars people from being named.

Handlers run in the transaction of the event, after its effect, in the order of registration; an exception rolls all back. A duty
that is demanded is asked by every operation of that event, after its own: of the screen, of the matrix and of the write alike.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from governance.core.access import Duty, Refusal

T = TypeVar("T")

#: ``handler(subject, step)``; the step carries actor, now and correlation.
Handler = Callable[[Any, Any], None]
#: ``who(subject, now)`` answers why somebody can't be named, by the person's id; it only reads.
Barring = Callable[[Any, datetime], Mapping[int, Refusal]]

_handlers: dict[str, list[Handler]] = {}
_demanded: dict[str, list[Duty]] = {}
_barring: dict[str, list[Barring]] = {}


def _add(registry: dict[str, list[T]], event: str, entry: T) -> None:
    entries = registry.setdefault(event, [])
    if entry not in entries:
        entries.append(entry)


def register(event: str, handler: Handler) -> None:
    """Have ``handler(subject, step)`` run whenever ``event`` happens. Call it in an app's `ready()`; twice is once."""
    _add(_handlers, event, handler)


def demand(event: str, duty: Duty) -> None:
    """Have every operation of ``event`` ask ``duty`` too: its facts stand in a higher app. Call it in `ready()`; twice is once."""
    _add(_demanded, event, duty)


def demanded(event: str) -> tuple[Duty, ...]:
    """The duties that higher apps demand of an event's operations."""
    return tuple(_demanded.get(event, ()))


def bar(event: str, who: Barring) -> None:
    """Have ``who(subject, now)`` say who can't be named where that makes ``event``. Call it in `ready()`; twice is once."""
    _add(_barring, event, who)


def barred(event: str, subject: object, now: datetime) -> dict[int, Refusal]:
    """Return the people that higher apps bar from being named, by id, with the reason. Form choices and the write both ask this."""
    return {pk: refusal for who in _barring.get(event, ()) for pk, refusal in who(subject, now).items()}


def registered() -> dict[str, list[str]]:
    """Event to the dotted names of its handlers, for the test that lists them."""
    return {event: [f"{h.__module__}.{h.__qualname__}" for h in handlers] for event, handlers in _handlers.items()}


def follow(event: str, subject: object, step: object) -> None:
    """Run the handlers of an event."""
    for handler in _handlers.get(event, ()):
        handler(subject, step)
