"""Notices before the term of an interim owner ends (I3)."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat

from governance.core.models import Notice
from inventory.models import OWNED, InterimOwner, InterimState
from inventory.ownership import notices
from inventory.ownership.notices import ENDING

#: Time before the end of a term at which notices go out.
NOTICE_TIME = timedelta(days=7)


def remind_interims(now: datetime) -> int:
    """Notify interim owners, team leads and confirmers before a term ends; returns how many.

    One notice for each term and person: after the end, the item is ownerless again (I3, R9).
    """
    sent = Notice.objects.filter(event=ENDING, thread=Concat(Value("interim:"), Cast(OuterRef("pk"), CharField())))
    ending = InterimOwner.objects.filter(state=InterimState.CONFIRMED, until__gt=now, until__lte=now + NOTICE_TIME)
    rows = ending.filter(~Exists(sent)).select_related("person", "named_by", "confirmed_by", *OWNED).order_by("pk")
    count = 0
    for interim in rows:
        subject = interim.subject
        if subject.interim_owner(now) != interim.person or getattr(subject, "state", "") == "retired":
            continue  # an owner counts again, the interim owner has left, or the item needs no owner any more
        people = [interim.person, interim.named_by, *notices.leads_of(subject)]
        people += [interim.confirmed_by] if interim.confirmed_by is not None else []
        with transaction.atomic():
            count += notices.queue_interim(interim, people, ENDING, now)
    return count
