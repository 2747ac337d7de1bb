"""What the ledger holds of something that a test did (H1)."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

from governance.core.actors.actor import Actor
from governance.core.models import LedgerEvent, Person


def recorded(verb: str, subject: Model, by: Person | Actor) -> dict[str, Any]:
    """The payload of the only event of this name about a row.

    Args:
        verb: the event's name.
        subject: the row.
        by: the person or job that the event has to name as its actor.
    """
    keys = {"subject_type": subject._meta.label_lower, "subject_id": str(subject.pk)}
    event = LedgerEvent.objects.get(verb=verb, outcome="done", **keys)
    assert event.actor_id == (str(by.opaque_id) if isinstance(by, Person) else by.actor_id)
    return dict(event.payload)
