"""The notice that a grant ends within a week, to the owners of the automation, once per grant (G4)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from approvals.models import Grant
from governance.core.ledger import ledger_events
from governance.core.models import Notice
from governance.core.notices import outbox

#: The notice before a grant ends.
BEFORE_THE_END = timedelta(days=7)


def notify_ends(now: datetime) -> int:
    """Notify the owners of automations of grants that end within a week, once per grant; return the number of notices.

    Grants suspended by a review are left out: `recertification_revoked` and `recertification_suspended` announced
    their end.
    """
    soon = Grant.objects.live(now).filter(ends_at__lte=now + BEFORE_THE_END)
    relations = (
        "automation__business_owner",
        "automation__technical_owner",
        "automation__interim__person",
        "automation__team",
    )
    sent = 0
    for grant in soon.select_related(*relations).order_by("pk"):
        with transaction.atomic():
            sent += len(_queue_notice(grant, now))
    return sent


def _queue_notice(grant: Grant, now: datetime) -> list[Notice]:
    ends_at = ledger_events.instant(grant.ends_at)
    context = {
        "automation": grant.automation.name,
        "team": grant.automation.team.name,
        "what": grant.sentence,
        "ends_at": ends_at,
        "renew": grant.renew,
        "page": ["automation_grants", grant.automation_id],
    }
    people, thread, key = grant.automation.answering(now), f"grant:{grant.pk}", f"ending:{ends_at}"
    return outbox.queue(outbox.each(people, "grant_ending", thread=thread, key=key, now=now, context=context))
