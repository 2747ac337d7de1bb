"""One digest a person and local day, of open tasks, also if a job runs twice or is killed (R5, R9, H8)."""

from __future__ import annotations

import signal
import threading
import uuid
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import Q
from django.utils import timezone

from approvals.models import Proposal
from approvals.proposals import transitions as proposal_transitions
from governance.core.clock import current_time
from governance.core.jobs import job_runs
from governance.core.mail import daily_digest
from governance.core.mail import jobs as mail_jobs
from governance.core.models import Notice, NoticeState, Person
from governance.core.notices import delivery_attempts, outbox
from governance.core.roles.roles import Role
from tests.appointments import propose_role
from tests.core.mail.test_delivery import finished, start_sender
from tests.environment import ROOT
from tests.mail_server import Server, plain
from tests.people import NOW, Northwind, as_actor, build, make_person
from tests.processes import until
from tests.starting_points import starting_point

MINUTES = timedelta(minutes=10)

#: Half past seven on the day after `NOW`, by the clocks of Berlin.
NEXT_MORNING = datetime(2026, 11, 25, 6, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def by_the_book(settings: Any) -> None:
    """Digests as an operator who sets nothing has them."""
    settings.MAIL_DIGEST_AT, settings.MAIL_GATHERING, settings.MAIL_SERVER = time(7, 30), MINUTES, None


def propose(n: Northwind, count: int, *, now: datetime = NOW) -> list[Proposal]:
    """Ines proposes a role for so many people: each waits for Karl, the other admin, to countersign it."""
    people = [make_person(f"Newcomer {number}", word=uuid.uuid4().hex[:8]) for number in range(count)]
    return [propose_role(person, Role.BUILDER, by=n.ines, now=now) for person in people]


def turn_down(proposal: Proposal, n: Northwind, *, now: datetime = NOW) -> None:
    """Karl rejects one: Ines gets a notice at once, and nobody has to accept anything."""
    proposal_transitions.reject(proposal, actor=as_actor(n.karl), now=now, reason="Not needed.")


def states(person: Person) -> dict[str, int]:
    """How many of a person's notices stand where."""
    return dict(Counter(Notice.objects.filter(recipient=person).values_list("state", flat=True)))


def mails(person: Person) -> list[str]:
    """The subjects of a person's mail."""
    sent = Notice.objects.filter(recipient=person, state=NoticeState.SENT)
    return [subject.partition(", first due")[0] for subject in sent.order_by("pk").values_list("subject", flat=True)]


# --- what is not sent --------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.rule("R5", "A10")
def test_finished_person_gets_no_digest_and_tasks_done_are_left_out(northwind: Northwind) -> None:
    n = northwind
    first, second, third = propose(n, 3)
    turn_down(first, n)
    proposal_transitions.withdraw(second, actor=as_actor(n.ines), now=NOW)
    turn_down(third, n)
    assert mail_jobs.send_due(now=NOW + MINUTES)["dropped"] == 3
    assert (mails(n.karl), states(n.karl)) == ([], {"dropped": 3})
    assert set(Notice.objects.filter(recipient=n.karl).values_list("error", flat=True)) == {daily_digest.DONE}
    left, done = propose(n, 2, now=NOW + MINUTES)
    turn_down(done, n, now=NOW + MINUTES)
    mail_jobs.send_due(now=NOW + 2 * MINUTES)
    assert mails(n.karl) == [f"Countersign a change: Builder: {left.appointed.name}, proposed by Ines Moreau"]


@pytest.mark.django_db
@pytest.mark.rule("R5")
def test_tasks_done_before_sending_are_left_out_of_digest(
    northwind: Northwind,
) -> None:
    n = northwind
    proposed = propose(n, 2)
    assert daily_digest.make_due(now=NOW, gathering=timedelta()) == {"digests": 1}
    assert states(n.karl) == {"carried": 2, "queued": 1}
    for proposal in proposed:
        turn_down(proposal, n)
    assert mail_jobs.send_due(now=NOW)["sent"] == 2, "Ines hears of both"
    assert (mails(n.karl), states(n.karl)) == ([], {"dropped": 3})


@pytest.mark.django_db
@pytest.mark.rule("R9")
def test_dropped_notice_is_repeated_and_empty_digest_uses_no_day(
    northwind: Northwind, monkeypatch: pytest.MonkeyPatch
) -> None:
    n = northwind
    propose(n, 1)
    daily_digest.make_due(now=NOW, gathering=timedelta())
    with monkeypatch.context() as done:
        done.setitem(daily_digest._readers, "proposal_made", lambda *arguments: {})
        mail_jobs.send_due(now=NOW)
    assert states(n.karl) == {"dropped": 2}
    old = Notice.objects.get(event="proposal_made")
    fields = {"recipient": old.recipient, "event": old.event, "thread": old.thread, "key": old.key}
    notice = outbox.notice(**fields, now=NOW, context=old.context)
    assert outbox.queue([notice]) == [notice]
    assert outbox.queue([notice]) == [], "once"
    mail_jobs.send_due(now=NOW + timedelta(hours=1), gathering=timedelta())
    assert (len(mails(n.karl)), states(n.karl)) == (1, {"carried": 1, "sent": 1})


@pytest.mark.django_db
@pytest.mark.rule("R5", "A10")
def test_news_waits_for_the_first_task_or_for_the_next_day(northwind: Northwind) -> None:
    n = northwind
    outbox.notify([n.karl, n.rita], "interim_agreed", thread="automation:1", key="news", now=NOW, context={})
    assert daily_digest.make_due(now=NOW + MINUTES, gathering=MINUTES) == {}
    later = NOW + timedelta(hours=1)
    propose(n, 1, now=later)
    assert daily_digest.make_due(now=later, gathering=MINUTES) == {}, "others may follow the task"
    assert daily_digest.make_due(now=later + MINUTES, gathering=MINUTES) == {"digests": 1}
    assert states(n.karl) == {"carried": 2, "queued": 1}
    assert daily_digest.make_due(now=NEXT_MORNING, gathering=MINUTES) == {"digests": 1}
    assert states(n.rita) == {"carried": 1, "queued": 1}


@pytest.mark.django_db
def test_leaver_gets_no_digest(northwind: Northwind) -> None:
    propose(northwind, 2)
    Person.objects.filter(pk=northwind.karl.pk).update(left_at=NOW)
    assert mail_jobs.send_due(now=NOW + MINUTES)["dropped"] == 2
    assert Notice.objects.filter(error=daily_digest.GONE).count() == 2


@pytest.mark.django_db
@pytest.mark.rule("R9")
def test_the_database_keeps_no_notice_in_a_digest_that_it_does_not_name(northwind: Northwind) -> None:
    propose(northwind, 1)
    for wrong in ({"state": "carried"}, {"digest": Notice.objects.get()}):
        with pytest.raises(IntegrityError, match="notice_carried_by_its_digest"), transaction.atomic():
            Notice.objects.update(**wrong)


# --- one a day ---------------------------------------------------------------------------------------------------------


def forty(n: Northwind) -> list[Proposal]:
    """As many wait for Karl at once."""
    return propose(n, 40)


@pytest.mark.django_db
@pytest.mark.rule("R5", "R9")
@starting_point("northwind", forty)
def test_forty_notices_are_one_mail_despite_repeated_job(
    northwind: Northwind, start: list[Proposal], smtp: Server, settings: Any
) -> None:
    n, proposed, settings.MAIL_SERVER = northwind, start, smtp.settings
    assert mail_jobs.send_due(now=NOW + MINUTES - timedelta(seconds=1)) == {"sent": 0, "put_off": 0, "failed": 0}
    for hours in range(4):
        mail_jobs.send_due(now=NOW + MINUTES + timedelta(hours=hours))
    (mail,) = smtp.to(n.karl.email)
    digest = Notice.objects.get(event=outbox.DIGEST)
    assert mail["Subject"].startswith("40 to confirm")
    assert mail["Message-ID"] == digest.message_id == outbox.message_id(f"digest:{n.karl.pk}:2026-11-24")
    assert mail["References"] == outbox.message_id(f"thread:digest:{n.karl.pk}")
    html = mail.get_body(("html",))
    assert html is not None
    for proposal in proposed:
        assert f"Builder: {proposal.appointed.name}" in plain(mail)
        for part in (plain(mail), html.get_content()):
            assert f"{settings.BASE_URL}{proposal.href}" in part, "each leads to its very page"
    assert digest.carried.count() == 40
    assert states(n.karl) == {"carried": 40, "sent": 1}


@pytest.mark.django_db
@pytest.mark.rule("R5", "H8")
def test_later_notices_wait_for_next_digest(northwind: Northwind) -> None:
    n = northwind
    propose(n, 2)
    mail_jobs.send_due(now=NOW + MINUTES)
    propose(n, 3, now=NOW + timedelta(hours=1))
    at = NOW + timedelta(hours=2)
    while at < NEXT_MORNING:
        assert mail_jobs.send_due(now=at)["sent"] == 0, at
        at += timedelta(hours=1)
    assert mail_jobs.send_due(now=NEXT_MORNING)["sent"] == 1
    assert mails(n.karl) == ["2 to confirm", "3 to confirm"]


@pytest.mark.django_db
@pytest.mark.rule("H8")
@pytest.mark.parametrize(
    ("zone", "morning"),
    [("Asia/Tokyo", "2026-11-24T22:30"), ("America/New_York", "2026-11-25T12:30"), ("nowhere", "2026-11-25T06:30")],
)
def test_digest_day_follows_recipients_zone(northwind: Northwind, zone: str, morning: str) -> None:
    """At three in the afternoon in Berlin it is eleven at night in Tokyo and nine in the morning in New York."""
    n, at = northwind, NOW.replace(hour=14)
    Person.objects.filter(pk=n.karl.pk).update(time_zone=zone)
    propose(n, 2, now=at)
    mail_jobs.send_due(now=at + MINUTES)
    assert mails(n.karl) == ["2 to confirm"]
    propose(n, 3, now=at + MINUTES)
    due = datetime.fromisoformat(morning).replace(tzinfo=UTC)
    mail_jobs.send_due(now=due - timedelta(seconds=1))
    assert len(mails(n.karl)) == 1
    mail_jobs.send_due(now=due)
    assert mails(n.karl) == ["2 to confirm", "3 to confirm"]


@pytest.mark.django_db
@pytest.mark.rule("H8")
def test_digest_waits_for_morning_and_urgent_mail_does_not(northwind: Northwind) -> None:
    n, night = northwind, NOW.replace(hour=23, minute=30)  # half past midnight in Berlin
    proposed = propose(n, 2, now=night)
    mail_jobs.send_due(now=night + MINUTES)
    assert mails(n.karl) == []
    turn_down(proposed[0], n, now=night)
    assert mail_jobs.send_due(now=night)["sent"] == 1
    assert len(mails(n.ines)) == 1
    mail_jobs.send_due(now=NEXT_MORNING)
    assert len(mails(n.karl)) == 1


@pytest.mark.django_db
@pytest.mark.rule("R5")
def test_a_single_thing_comes_as_its_own_mail_in_its_own_thread(
    northwind: Northwind, smtp: Server, settings: Any
) -> None:
    n, settings.MAIL_SERVER = northwind, smtp.settings
    (proposed,) = propose(n, 1)
    mail_jobs.send_due(now=NOW + MINUTES)
    (mail,) = smtp.messages
    assert mail["Subject"].startswith("Countersign a change: Builder: ")
    assert mail["References"] == outbox.message_id(f"thread:proposal:{proposed.pk}")
    assert f"{settings.BASE_URL}{proposed.href}" in plain(mail)


def test_every_event_says_whether_it_waits_for_the_digest() -> None:
    written = {folder.name for folder in (ROOT / "templates" / "email").iterdir() if folder.is_dir()}
    assert written == set(outbox.EVENTS) | {outbox.DIGEST}
    waiting = {event for event, group in outbox.EVENTS.items() if group not in (None, outbox.Group.KNOW)}
    assert waiting <= set(daily_digest._readers), "of each that waits for somebody it is asked whether it still does"
    assert set(daily_digest._readers) <= set(outbox.EVENTS)


# --- what goes wrong ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.rule("R9")
def test_undeliverable_digest_is_merged_into_next(northwind: Northwind, smtp: Server, settings: Any) -> None:
    n, settings.MAIL_SERVER = northwind, smtp.settings
    propose(n, 3)
    smtp.answer, at = "451 not now", current_time.real()
    mail_jobs.send_due(now=NOW + MINUTES, at=at)
    for wait in delivery_attempts.WAITS:
        at += wait
        mail_jobs.send_due(now=NOW + MINUTES, at=at)
    assert states(n.karl) == {"failed": 1, "waiting": 3}
    smtp.answer = "250 kept"
    assert mail_jobs.send_due(now=NOW + timedelta(hours=5))["sent"] == 0
    mail_jobs.send_due(now=NEXT_MORNING)
    assert [mail["Subject"][:12] for mail in smtp.messages] == ["3 to confirm"]


@pytest.mark.django_db
def test_broken_notice_blocks_no_other(northwind: Northwind) -> None:
    n = northwind
    propose(n, 3)
    broken = Notice.objects.filter(recipient=n.karl).order_by("pk")[0]
    broken.context["page"] = ["no_such_page", 1]
    broken.save()
    mail_jobs.send_due(now=NOW + MINUTES)
    assert mails(n.karl) == ["2 to confirm"]
    broken.refresh_from_db()
    assert (broken.state, broken.error) == (NoticeState.FAILED, "NoReverseMatch")


@pytest.mark.django_db
def test_failing_recipient_blocks_no_other(northwind: Northwind, monkeypatch: pytest.MonkeyPatch) -> None:
    n, real = northwind, daily_digest._readers["proposal_made"]

    def breaks(person: Person, *more: Any) -> Any:
        if person == n.karl:
            raise LookupError
        return real(person, *more)

    monkeypatch.setitem(daily_digest._readers, "proposal_made", breaks)
    propose(n, 2)
    other = [outbox.notice(recipient=n.rita, event="role_ended", thread="t", key="k", now=NOW)]
    to_ines = [
        outbox.notice(recipient=n.ines, event="recertification_ended", thread="t", key="i", now=NOW),
    ]
    outbox.queue(other + to_ines)
    assert mail_jobs.send_due(now=NEXT_MORNING)["sent"] == 2
    assert (states(n.karl), len(mails(n.rita)), len(mails(n.ines))) == ({"waiting": 2}, 1, 1)


# --- killed and competing ----------------------------------------------------------------------------------------------


@pytest.mark.race
@pytest.mark.rule("R9")
def test_concurrent_jobs_create_one_digest_per_person(committed: None) -> None:
    n = build(uuid.uuid4().hex[:8])
    propose(n, 12)
    gate, made = threading.Barrier(5), list[dict[str, int]]()

    def run() -> None:
        try:
            gate.wait(20)
            made.append(daily_digest.make_due(now=NOW + MINUTES, gathering=MINUTES))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 5
    digest = Notice.objects.get(recipient=n.karl, event=outbox.DIGEST)
    assert digest.carried.count() == 12
    assert states(n.karl) == {"carried": 12, "queued": 1}
    Notice.objects.exclude(digest=None).delete()
    Notice.objects.filter(event=outbox.DIGEST).delete()


@pytest.fixture
def twelve_wait(committed: None) -> Northwind:
    """A company, committed, with twelve proposals that wait for Karl."""
    n = build(uuid.uuid4().hex[:8])
    propose(n, 12)
    return n


@pytest.mark.race
@pytest.mark.rule("R9", "H8")
def test_midnight_jobs_put_no_notice_into_two_digests(twelve_wait: Northwind) -> None:
    n = twelve_wait
    word = uuid.uuid4().hex

    def make(day: str) -> None:
        with transaction.atomic():
            daily_digest._make(n.karl, f"{word}:{day}", Q(), NOW)

    def other() -> None:
        try:
            make("second")
        finally:
            connections.close_all()

    thread = threading.Thread(target=other)
    with transaction.atomic():
        make("first")
        thread.start()
        until(_somebody_waits, "the other to wait for what the first has locked", seconds=20)
    thread.join(60)
    digests = Notice.objects.filter(key__startswith=word)
    assert [(digest.key, digest.carried.count()) for digest in digests] == [(f"{word}:first", 12)]
    Notice.objects.filter(digest__in=digests).delete()
    digests.delete()


def _somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])


@pytest.mark.process
@pytest.mark.rule("R9")
def test_killed_between_sending_and_marking_a_digest_goes_out_again_under_the_same_message_id(
    committed: None, alone: None, smtp: Server
) -> None:
    n, at = build(uuid.uuid4().hex[:8], now=timezone.now()), timezone.now()
    with job_runs.alone("controls.send_notices", waits=True):  # a worker that other tests have started stands back
        Notice.objects.filter(state__in=(NoticeState.QUEUED, NoticeState.WAITING)).delete()
        propose(n, 40, now=at)
        recipient_count = Notice.objects.filter(state=NoticeState.WAITING).values("recipient").distinct().count()
        smtp.kill_at = [1]
        ended = [finished(start_sender("first.test", smtp, at))]
        at += delivery_attempts.DEAD_AFTER + timedelta(seconds=1)
        ended += [finished(start_sender(f"again-{number}.test", smtp, at)) for number in range(2)]
    assert ended == [-signal.SIGKILL, 0, 0]
    ids = Counter((mail["To"], mail["Message-ID"]) for mail in smtp.messages)
    assert len(ids) == len({to for to, _ in ids}) == recipient_count, "one a person"
    assert ids.total() == recipient_count + 1, "only what was not marked went out again"
    assert {mail["Subject"][:13] for mail in smtp.to(n.karl.email)} == {"40 to confirm"}
    assert Notice.objects.get(recipient=n.karl, event=outbox.DIGEST).state == NoticeState.SENT
