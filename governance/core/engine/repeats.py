"""Whether the same person has done the very same before: two presses of one button are one deed (A8). Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from governance.core.actors.actor import Actor
from governance.core.ledger import ledger_events
from governance.core.models import FreeText, LedgerEvent


def said_the_same(kept: FreeText | None, text: str) -> bool:
    """Whether a text that is kept is the one that comes now; an erased one is nobody's any more."""
    return (kept.text if kept is not None else "") == text


def acts_as(actor: Actor, whom: int | None) -> bool:
    """Whether a deed that was done for somebody may be the actor's second press: not where they act for another now (A11).

    Once it is done there may be nobody left to stand in for, so who acts for themself may be pressing again what they did for another.

    Args:
        actor: who presses.
        whom: id of the delegating person.
    """
    return actor.standing_for is None or actor.standing_for.pk == whom


def last_word(*verbs: str) -> Any:
    """A ``repeats`` of the engine for what is done with a reason and nothing else: by the last of such events about the subject.

    Args:
        verbs: what the ledger calls whatever could have been done instead; the first is the operation's own.
    """

    def repeats(subject: Model, actor: Actor, text: str, params: Mapping[str, Any]) -> Model | None:
        kind, key = ledger_events.name_of(subject)
        done = LedgerEvent.objects.filter(subject_type=kind, subject_id=key, verb__in=verbs, outcome="done")
        last = done.select_related("reason").order_by("-pk").first()
        if last is None or last.verb != verbs[0] or (last.actor_id, last.for_id) != (actor.actor_id, actor.for_id):
            return None
        return subject if said_the_same(last.reason, text) else None

    return repeats
