"""The next digest carries the lines of one that was given up; lines of a sent one stay apart (R5, R9, H8)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from governance.core.clock import current_time
from governance.core.mail import daily_digest
from governance.core.mail import jobs as mail_jobs
from governance.core.mail.daily_digest import Line
from governance.core.models import Erasure, Notice, NoticeState, Person
from governance.core.notices import delivery_attempts, outbox
from governance.core.roles.roles import Role
from tests.appointments import end_role
from tests.core.mail.test_daily_digest import MINUTES, NEXT_MORNING, by_the_book, mails, propose, states
from tests.people import NOW, Northwind, give_role, make_person

__all__ = ["by_the_book"]

pytestmark = pytest.mark.django_db


def in_a_digest(n: Northwind, count: int) -> Notice:
    """Karl's digest of the day, made and not sent, of so many things."""
    propose(n, count)
    daily_digest.make_due(now=NOW + MINUTES, gathering=MINUTES)
    return Notice.objects.get(recipient=n.karl, event=outbox.DIGEST)


@pytest.mark.rule("R9")
def test_notice_waits_for_missing_address(northwind: Northwind, settings: Any) -> None:
    n, address = northwind, northwind.karl.email
    propose(n, 2)
    settings.MAIL_SERVER = {"host": "127.0.0.1", "port": 1}
    Person.objects.filter(pk=n.karl.pk).update(email="")
    assert mail_jobs.send_due(now=NOW + MINUTES)["failed"] == 1
    assert states(n.karl) == {"failed": 1, "waiting": 2}
    settings.MAIL_SERVER = None
    Person.objects.filter(pk=n.karl.pk).update(email=address)
    mail_jobs.send_due(now=NEXT_MORNING)
    assert mails(n.karl) == ["2 to confirm"]


@pytest.mark.rule("R9")
def test_unfinished_digest_is_merged_into_next(northwind: Northwind) -> None:
    n = northwind
    digest = in_a_digest(n, 2)
    long_ago = current_time.real() - delivery_attempts.DEAD_AFTER - timedelta(hours=1)
    tried = {"state": NoticeState.SENDING, "claimed_at": long_ago, "attempts": delivery_attempts.MOST_ATTEMPTS}
    Notice.objects.filter(pk=digest.pk).update(**tried)
    assert mail_jobs.send_due(now=NOW + 2 * MINUTES)["failed"] == 1
    assert states(n.karl) == {"failed": 1, "waiting": 2}
    mail_jobs.send_due(now=NEXT_MORNING)
    assert mails(n.karl) == ["2 to confirm"]


@pytest.mark.rule("R9")
def test_digest_of_leaver_is_dropped(northwind: Northwind) -> None:
    n = northwind
    in_a_digest(n, 2)
    Person.objects.filter(pk=n.karl.pk).update(left_at=NOW, is_active=False)
    assert mail_jobs.send_due(now=NOW + MINUTES)["failed"] == 1
    assert states(n.karl) == {"dropped": 2, "failed": 1}
    assert Notice.objects.filter(state="dropped", error=daily_digest.GONE).count() == 2


@pytest.mark.rule("R5", "H8")
@pytest.mark.parametrize(
    ("before", "after", "again"),
    [
        (
            "Pacific/Auckland",
            "Pacific/Honolulu",
            "2026-11-25T17:30",
        ),  # half past seven on the day that it was there already
        ("Asia/Tokyo", "America/Los_Angeles", "2026-11-25T15:30"),
        ("Pacific/Honolulu", "Pacific/Auckland", "2026-11-25T18:30"),
    ],
)
def test_changed_zone_gives_no_second_digest_of_a_day(
    northwind: Northwind, before: str, after: str, again: str
) -> None:
    n = northwind
    Person.objects.filter(pk=n.karl.pk).update(time_zone=before)
    at = NOW.replace(hour=18, minute=30)  # morning in Auckland and Honolulu, night in Tokyo
    if before == "Asia/Tokyo":
        at = NOW.replace(hour=22, minute=30)
    propose(n, 2, now=at - MINUTES)
    mail_jobs.send_due(now=at)
    assert mails(n.karl) == ["2 to confirm"]
    Person.objects.filter(pk=n.karl.pk).update(time_zone=after)
    propose(n, 3, now=at)
    due = datetime.fromisoformat(again).replace(tzinfo=UTC)
    while at < due - timedelta(seconds=1):
        at = min(at + timedelta(hours=1), due - timedelta(seconds=1))
        mail_jobs.send_due(now=at)
        assert len(mails(n.karl)) == 1, at
    mail_jobs.send_due(now=due)
    assert mails(n.karl) == ["2 to confirm", "3 to confirm"]
    mail_jobs.send_due(now=due + MINUTES)
    assert Notice.objects.filter(recipient=n.karl, event=outbox.DIGEST).count() == 2


@pytest.mark.rule("R5")
def test_each_news_of_one_thing_is_a_line_and_two_requests_that_wait_for_different_acts_are_two(
    northwind: Northwind, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = {"thread": "submission:1", "recipient": northwind.rita, "now": NOW}
    due = NOW + timedelta(days=2)
    says = {"changes_asked": Line(due, "A question"), "tier_raised": Line(None, "Submit it again")}
    for event, line in says.items():
        monkeypatch.setitem(
            daily_digest._readers, event, lambda _, threads, __, line=line: dict.fromkeys(threads, line)
        )
    monkeypatch.delitem(daily_digest._readers, "question_retracted")
    outbox.queue(outbox.notice(event=event, key=event, **fields) for event in says)
    outbox.queue([outbox.notice(event="changes_asked", key="asked again", **fields)])
    for what in ("Read orders", "Write orders"):
        context = {"by": "Omar", "automation": "Stock report", "what": what, "path": "/"}
        outbox.queue([outbox.notice(event="question_retracted", key=what, context=context, **fields)])
    mail_jobs.send_due(now=NOW + MINUTES)
    digest = Notice.objects.get(event=outbox.DIGEST)
    assert digest.subject.startswith("2 to answer and 2 to know")
    for line in ("A question", "Submit it again", "Read orders", "Write orders"):
        assert digest.text.count(line) == 1, line


@pytest.mark.rule("R5", "S8")
def test_former_admin_is_not_asked_to_confirm(northwind: Northwind) -> None:
    n = northwind
    give_role(n.omar, Role.ADMIN, admins=(n.ines, n.karl))
    Notice.objects.all().delete()
    propose(n, 2)
    erasure = {"event": "erasure_asked", "recipient": n.karl, "thread": "erasure:1", "key": "e", "now": NOW}
    left = make_person("Somebody", word="left")
    Person.objects.filter(pk=left.pk).update(left_at=NOW)
    Erasure.objects.create(pk=1, person=left, asked_by=n.ines, asked_at=NOW)
    outbox.queue([outbox.notice(**erasure)])
    end_role(n.karl, Role.ADMIN, now=NOW)
    mail_jobs.send_due(now=NOW + MINUTES)
    assert (mails(n.karl), states(n.karl)) == (
        ["You are no longer trusted as Governance admin"],
        {"dropped": 3, "sent": 1},
    )
