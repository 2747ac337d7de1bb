"""Many grants that come up for review while what works on them is killed, and the proof that nothing was done twice or lost (R9)."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import Any

from celery import current_app
from django.db import DatabaseError, connection
from django.db.models import QuerySet
from django.test import override_settings

from approvals.models import Grant
from governance.core.clock import current_time
from governance.core.jobs import job_runs
from governance.core.mail import jobs as mail_jobs
from governance.core.models import LedgerEvent, Notice, NoticeState, Person
from governance.core.notices import delivery_attempts, outbox
from governance.recertification.items import context as item_context
from governance.recertification.models import Item, Question
from tests.processes import WORKER, Mailbox, until
from tests.recertification.grant_rows import low_grants
from tests.recertification.isolated_company import held_apart
from tests.recertification.review_steps import Held

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
    thread: str = field(default_factory=lambda: f"at once:{uuid.uuid4().hex}")

    @cached_property
    def made(self) -> set[int]:
        """Their keys."""
        return {grant.pk for grant in self.grants}

    @cached_property
    def asked(self) -> int:
        """The number of questions: a drawn item has two (S4)."""
        return len(self.grants) + sum(item_context.is_drawn(grant) for grant in self.grants)

    def items(self) -> QuerySet[Item]:
        """The items opened so far."""
        return Item.objects.filter(grant__in=self.made)

    def notices(self) -> QuerySet[Notice]:
        """What people have been told about them so far. A digest of one notice is in that notice's thread, and not meant."""
        threads = [f"item:{pk}" for pk in self.items().values_list("pk", flat=True)]
        return Notice.objects.filter(thread__in=threads).exclude(event=outbox.DIGEST)

    @property
    def owners(self) -> tuple[Person, Person]:
        """Who is asked."""
        return self.held.people.jonas, self.held.people.omar

    def at_once(self) -> QuerySet[Notice]:
        """What goes at once to the same people, one for each grant."""
        return Notice.objects.filter(thread=self.thread)

    def digests(self) -> QuerySet[Notice]:
        """The digests made so far for the reviewers."""
        return Notice.objects.filter(event=outbox.DIGEST, recipient__in=self.owners)

    def sent(self) -> int:
        """How many of the mails have gone out that go at once."""
        return self.at_once().filter(state=NoticeState.SENT).count()

    def is_told(self) -> bool:
        """Whether all of them ended, and each reviewer has a notice and a digest of today."""
        queued, done = self.notices(), self.digests().filter(state=NoticeState.SENT)
        return (
            self.sent() == len(self.grants)
            and queued.count() == self.asked
            and set(queued.values_list("recipient", flat=True)) == set(done.values_list("recipient", flat=True))
        )

    def prove(self, mailbox: Mailbox, kills: int) -> None:
        """One item and one notice each, each notice in one digest, one digest a person and day, and each mail once: one that went out
        just before a kill may come twice, and its Message-ID says so.
        """
        count = len(self.grants)
        opened_for = self.items().values_list("pk", flat=True)
        notices = self.notices()
        _same("items by grant", Counter(self.items().values_list("grant", flat=True)), Counter(self.made))
        _same("questions", Question.objects.filter(item__in=opened_for).count(), self.asked)
        opened = LedgerEvent.objects.filter(verb="item.opened", subject_id__in=[str(pk) for pk in opened_for])
        _same("items opened in the ledger", opened.filter(outcome="done").count(), count)
        refused = LedgerEvent.objects.filter(verb="item.opened", outcome="refused", at__gte=self.began)
        subjects = [f"approvals.grant:{pk}" for pk in self.made]
        _same("openings refused", refused.filter(about__overlap=subjects).count(), 0)
        _same("notices by event", Counter(notices.values_list("event", flat=True)), {OPENED: self.asked})
        _same("keys of notices", notices.values("key").distinct().count(), self.asked)
        _same("grants in force", Grant.objects.filter(pk__in=self.made, state="active").count(), count)

        _same("digests on one day", _most(self.digests()), 1)
        self._tomorrow(mailbox)
        _same("where notices stand", set(notices.values_list("state", "digest__state")), {("carried", "sent")})
        assert _most(self.digests()) <= 2, "what opened after the day's digest is in the next day's"
        for digest in self.digests():
            assert digest.carried.count() == 1 or "to review" in digest.subject.lower(), digest.subject

        mails = [*self.digests(), *self.at_once()]
        wanted = {mail.message_id for mail in mails}
        received = [str(mail["Message-ID"]) for owner in self.owners for mail in mailbox.to(owner.email)]
        about_these = Counter(message for message in received if message in wanted)
        _same("notices that no mail brought", sorted(wanted - set(about_these)), [])
        _same("message ids", len(wanted), len(mails))
        twice = about_these.total() - len(mails)
        assert twice <= kills, f"{twice} mails came twice, by {kills} kills"

    def _tomorrow(self, mailbox: Mailbox) -> None:
        """The job as it runs a day on, whatever hour it is; the worker, for which it is today still, stands back."""
        as_the_worker = override_settings(MAIL_SERVER=mailbox.settings, MAIL_DIGEST_AT=time(0))
        with job_runs.alone("controls.send_notices", waits=True), as_the_worker:
            mail_jobs.send_due(now=current_time.now() + timedelta(days=1), gathering=timedelta())


def _most(digests: QuerySet[Notice]) -> int:
    """How many of them the person has who has most."""
    return max(Counter(digests.values_list("recipient", flat=True)).values())


def _same(what: str, actual: object, wanted: object) -> None:
    """Pytest puts words to the asserts of test modules only."""
    assert actual == wanted, f"{what}: {str(actual)[:200]} instead of {str(wanted)[:200]}"


def due(count: int) -> Due:
    """So many grants due. No worker may run yet: each step on the way nudges one, which would find these old questions out of time."""
    began = current_time.now() - timedelta(days=169)
    held = held_apart(began)
    made = Due(held, low_grants(held.submission, count, begins_at=began), began)
    Notice.objects.filter(state=NoticeState.WAITING).delete()  # of the way there; a digest of it would be today's
    outbox.queue(
        outbox.notice(
            recipient=held.people.jonas,
            event="role_ended",
            thread=made.thread,
            key=f"{made.thread}:{pk}",
            now=began,
        )
        for pk in made.made
    )
    return made


#: What works on reviews that come up by themselves.
JOBS = ("recertification.sweep", "controls.send_notices")


def nudge(jobs: Iterable[str] = JOBS) -> None:
    """Nudge as beat does: a nudge may die with the worker or the broker, or find the job at work already."""
    for job in jobs:
        try:
            current_app.send_task(job, ignore_result=True, retry=False)
        except current_app.connection_for_write().connection_errors:
            return


def nudged_until(condition: Callable[[], Any], what: str, *, seconds: float = 90, jobs: Iterable[str] = JOBS) -> None:
    """Wait as `until`, and nudge in between."""
    calls = itertools.count()

    def nudged() -> Any:
        if next(calls) % 10 == 0:
            nudge(jobs)
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
    """Whether the database answers; after a crash it recovers first, and its clients connect again."""
    connection.close()
    try:
        connection.ensure_connection()
    except DatabaseError:
        return False
    return True


def take_up_again(notices: QuerySet[Notice]) -> None:
    """What a dead worker had in its hands is taken up when it can't be alive any more: real minutes later, which pass here."""
    for notice in notices.filter(state=NoticeState.SENDING):
        notice.claimed_at -= delivery_attempts.DEAD_AFTER + timedelta(seconds=1)
        notice.save()
