"""Jobs of waivers: expire them at their end, and remind people before it (S7)."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction

from approvals.models import Waiver, WaiverState
from approvals.waivers import transitions as waiver_transitions
from governance.core.access import Actor

#: How long before its end people are reminded of a waiver.
REMINDER_TIMES = (waiver_transitions.FOLLOW_UP_TIME, timedelta(days=3))


def sweep(now: datetime, actor: Actor) -> Mapping[str, int]:
    """Expire the waivers that are over, and send reminders before the end of others.

    Args:
        now: the instant of the run.
        actor: the job that runs.

    Returns:
        The number of expired waivers and of reminded people.
    """
    over = Waiver.objects.filter(state=WaiverState.GRANTED, ends_at__lte=now)
    expired = waiver_transitions.expire_waiver.sweep(over, actor=actor, now=now)
    return {"expired": expired, "reminded": remind(now)}


def remind(now: datetime) -> int:
    """Remind the requester and the owners two weeks and three days before a waiver ends, unless another follows it.

    Returns the number of new reminders.
    """
    ending = Waiver.objects.live(now).filter(ends_at__lte=now + max(REMINDER_TIMES))
    soon = ending.not_followed().select_related("automation__team", "asked_by")
    sent = 0
    for waiver in soon.order_by("pk"):
        assert waiver.ends_at is not None  # a live waiver has an end
        word = min(lead_time.days for lead_time in REMINDER_TIMES if waiver.ends_at - now <= lead_time)
        with transaction.atomic():
            people = waiver_transitions.requester_and_owners(waiver, now)
            sent += waiver_transitions.queue_notices(waiver, people, "waiver_ending", f"before:{word}", now)
    return sent
