"""Jobs of waivers: expire those whose end has come and remind people before it (S7)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from approvals.models import Waiver, WaiverState
from approvals.waivers import transitions as waiver_transitions
from governance.core.actors.actor import Actor
from governance.core.jobs import sweeps
from governance.core.notices import outbox

#: How long before its end whoever needs a waiver hears of it.
BEFORE = (waiver_transitions.SOON, timedelta(days=3))


def sweep(now: datetime, actor: Actor) -> Mapping[str, int]:
    """Expire the waivers whose end has come, and remind people of those that end soon.

    Args:
        now: the instant of the run.
        actor: the job that runs.

    Returns:
        How many waivers expired, and how many people were reminded.
    """
    over = Waiver.objects.filter(state=WaiverState.GRANTED, ends_at__lte=now)
    expired = sweeps.sweep(
        over,
        lambda waiver: waiver_transitions.expire_waiver.when_due(waiver, actor=actor, now=now),
        job=actor.job,
    )
    return {"expired": expired, "reminded": remind(now)}


def remind(now: datetime) -> int:
    """Tell whoever asked for a waiver, and whoever answers, that it ends: two weeks and three days before, where none follows; returns how many hear."""
    ending = Waiver.objects.live(now).filter(ends_at__lte=now + max(BEFORE))
    soon = ending.not_followed().select_related("automation__team", "asked_by")
    sent = 0
    for waiver in soon.order_by("pk"):
        assert waiver.ends_at is not None  # a live one ends
        word = min(one.days for one in BEFORE if waiver.ends_at - now <= one)
        with transaction.atomic():
            people = [waiver.asked_by, *waiver.automation.answering(now)]
            sent += len(
                outbox.queue(waiver_transitions.notices(waiver, people, "waiver_ending", f"before:{word}", now))
            )
    return sent
