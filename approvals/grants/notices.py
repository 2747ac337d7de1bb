"""Who hears what will stop: whoever answers for an automation, a week before a grant of theirs ends, once (G4)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from approvals.models import Grant
from governance.core.ledger import ledger_events
from governance.core.models import Notice
from governance.core.notices import outbox

#: How long before its end whoever answers for an automation hears what will stop.
BEFORE_THE_END = timedelta(days=7)


def tell_of_ends(now: datetime) -> int:
    """Tell whoever answers for an automation what stops within a week and how it goes on, once a grant; returns how many hear.

    What a review has suspended was told when it was (`recertification_revoked`, `recertification_suspended`), and is not told again.
    """
    soon = Grant.objects.live(now).filter(ends_at__lte=now + BEFORE_THE_END)
    about = (
        "automation__business_owner",
        "automation__technical_owner",
        "automation__interim__person",
        "automation__team",
    )
    sent = 0
    for grant in soon.select_related(*about, "approval__privilege__entitlement__resource", "credential").order_by("pk"):
        with transaction.atomic():
            sent += len(_tell(grant, now))
    return sent


def _tell(grant: Grant, now: datetime) -> list[Notice]:
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
