"""The only extension point: what a higher app does when something happens lower down, and what it demands before.

Handlers run in the transaction of the event, after its effect, in the order of registration; an exception rolls all back. A duty
that is demanded is asked by every operation of that event, after its own: of the screen, of the matrix and of the write alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from governance.controls.duty import Duty

#: ``handler(subject, step)``; the step carries actor, now and correlation.
Handler = Callable[[Any, Any], None]

_handlers: dict[str, list[Handler]] = {}
_demanded: dict[str, list[Duty]] = {}


def register(event: str, handler: Handler) -> None:
    """Have ``handler(subject, step)`` run whenever ``event`` happens. Call it in an app's `ready()`; twice is once."""
    known = _handlers.setdefault(event, [])
    if handler not in known:
        known.append(handler)


def demand(event: str, duty: Duty) -> None:
    """Have every operation of ``event`` ask ``duty`` too: its facts stand in a higher app. Call it in `ready()`; twice is once."""
    known = _demanded.setdefault(event, [])
    if duty not in known:
        known.append(duty)


def demanded(event: str) -> tuple[Duty, ...]:
    """The duties that higher apps demand of an event's operations."""
    return tuple(_demanded.get(event, ()))


def registered() -> dict[str, list[str]]:
    """Event to the dotted names of its handlers, for the test that lists them."""
    return {event: [f"{h.__module__}.{h.__qualname__}" for h in handlers] for event, handlers in _handlers.items()}


def follow(event: str, subject: object, step: object) -> None:
    """Run the handlers of an event."""
    for handler in _handlers.get(event, ()):
        handler(subject, step)
