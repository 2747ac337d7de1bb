"""Many grants that come up for review while what works on them is killed, and the proof that nothing was done twice or lost (R9)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from celery import current_app
from django.db import DatabaseError, connection
from django.db.models import QuerySet

from approvals.models import Grant
from governance.controls import clock, sending
from governance.controls.models import LedgerEvent, Notice, NoticeState
from governance.recertification import sampling
from governance.recertification.models import Item, Question
from tests.processes import WORKER, Mailbox, until
from tests.recertification.apart import held_apart
from tests.recertification.reviews import Held
from tests.recertification.rows import low_grants

OPENED = "recertification_opened"


@dataclass
class Due:
    """So many grants of low risk, whose items of 180 days opened three days ago.

    Args:
        held: the company and its automation.
        grants: what is due.
        began: when all of it began.
    """

    held: Held
    grants: list[Grant]
    began: datetime

    @cached_property
    def made(self) -> set[int]:
        """Their keys."""
        return {grant.pk for grant in self.grants}

    @cached_property
    def asked(self) -> int:
        """How many are asked: of what is drawn two people are (S4)."""
        return len(self.grants) + sum(sampling.is_drawn(grant) for grant in self.grants)

    def items(self) -> QuerySet[Item]:
        """The items opened so far."""
        return Item.objects.filter(grant__in=self.made)

    def notices(self) -> QuerySet[Notice]:
        """What people have been told about them so far."""
        return Notice.objects.filter(thread__in=[f"item:{pk}" for pk in self.items().values_list("pk", flat=True)])

    def sent(self) -> int:
        """How many of these have gone out."""
        return self.notices().filter(state=NoticeState.SENT).count()

    def prove(self, mailbox: Mailbox, kills: int) -> None:
        """One item and one notice each, and each notice in one mail: one that went out just before a kill may come twice, and its
        Message-ID says so.
        """
        count = len(self.grants)
        opened_for = self.items().values_list("pk", flat=True)
        notices = self.notices()
        _same("items by grant", Counter(self.items().values_list("grant", flat=True)), Counter(self.made))
        _same("questions", Question.objects.filter(item__in=opened_for).count(), self.asked)
        opened = LedgerEvent.objects.filter(verb="item.opened", subject_id__in=[str(pk) for pk in opened_for])
        _same("items opened in the ledger", opened.filter(outcome="done").count(), count)
        refused = LedgerEvent.objects.filter(verb="item.opened", outcome="refused", at__gte=self.began)
        about = [f"approvals.grant:{pk}" for pk in self.made]
        _same("openings refused", refused.filter(about__overlap=about).count(), 0)
        _same("notices by event", Counter(notices.values_list("event", flat=True)), {OPENED: self.asked})
        _same("keys of notices", notices.values("key").distinct().count(), self.asked)
        _same("grants in force", Grant.objects.filter(pk__in=self.made, state="active").count(), count)

        wanted = set(notices.values_list("message_id", flat=True))
        owners = (self.held.people.jonas, self.held.people.omar)
        received = [str(mail["Message-ID"]) for owner in owners for mail in mailbox.to(owner.email)]
        about_these = Counter(one for one in received if one in wanted)
        _same("notices that no mail brought", sorted(wanted - set(about_these)), [])
        _same("message ids", len(wanted), self.asked)
        twice = about_these.total() - self.asked
        assert twice <= kills, f"{twice} mails came twice, by {kills} kills"


def _same(what: str, found: object, wanted: object) -> None:
    """Pytest puts words to the asserts of test modules only."""
    assert found == wanted, f"{what}: {str(found)[:200]} instead of {str(wanted)[:200]}"


def due(count: int) -> Due:
    """So many grants due. No worker may run yet: each step of the way there nudges one, for whom what is asked that long ago has run out
    of time.
    """
    began = clock.now() - timedelta(days=169)
    held = held_apart(began)
    return Due(held, low_grants(held.submission, count, begins_at=began), began)


def nudge() -> None:
    """Nudge as beat does: a nudge may die with the worker or the broker, or find the job at work already."""
    for job in ("recertification.sweep", "controls.send_notices"):
        try:
            current_app.send_task(job, ignore_result=True, retry=False)
        except current_app.connection_for_write().connection_errors:
            return


def nudged_until(condition: Callable[[], Any], what: str, *, seconds: float = 90) -> None:
    """Wait as `until`, nudging meanwhile."""
    asked = itertools.count()

    def nudged() -> Any:
        if next(asked) % 10 == 0:
            nudge()
        return condition()

    try:
        until(nudged, what, seconds=seconds)
    except AssertionError as error:
        stand = Counter(Notice.objects.values_list("state", "attempts", "error"))
        raise AssertionError(f"{error}; notices by state, attempts, error: {dict(stand)}") from error


def is_gone() -> bool:
    """Whether the database has noticed that the worker is dead: until then it still commits and holds what the worker sent last."""
    return not connected()


def connected() -> list[int]:
    """The worker's connections, as the processes of the database that serve them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s ORDER BY pid", [WORKER])
        return [pid for (pid,) in cursor.fetchall()]


def answers() -> bool:
    """Whether the database does; after a crash it recovers first, and whoever was connected begins anew."""
    connection.close()
    try:
        connection.ensure_connection()
    except DatabaseError:
        return False
    return True


def take_up_again(notices: QuerySet[Notice]) -> None:
    """What a dead worker had in its hands is taken up when it can't be alive any more: real minutes later, which pass here."""
    for notice in notices.filter(state=NoticeState.SENDING):
        notice.claimed_at -= sending.DEAD_AFTER + timedelta(seconds=1)
        notice.save()
