"""The outbox: each notice in one mail by its Message-ID, also with competing and killed jobs (R9)."""

from __future__ import annotations

import multiprocessing
import signal
import uuid
from collections import Counter
from datetime import datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from governance.core.clock import current_time
from governance.core.jobs import job_runs
from governance.core.mail import jobs as mail_jobs
from governance.core.mail import mail_text
from governance.core.models import Notice, NoticeState, Person
from governance.core.notices import delivery_attempts, outbox
from tests.core.mail import mail_sender
from tests.environment import ROOT
from tests.mail_server import Server
from tests.people import NOW, Northwind, make_person


def queue(recipient: Person, key: str, **context: Any) -> Notice:
    """One notice about a role."""
    notice = outbox.notice(
        recipient=recipient,
        event="role_ended",
        thread=f"thread:{recipient.pk}",
        key=key,
        now=NOW,
        context={"role": "Builder", "by": "Ines Moreau", "name": recipient.name, "path": "/people/7/", **context},
    )
    (made,) = outbox.queue([notice])
    return made


# --- what is refused, put off and given up --------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.rule("R9")
def test_notice_key_is_unique_and_leaver_gets_none(northwind: Northwind) -> None:
    first = queue(northwind.rita, "item:1:opened")
    again = outbox.notice(recipient=northwind.rita, event="role_ended", thread="t", key="item:1:opened", now=NOW)
    other = outbox.notice(recipient=northwind.rita, event="role_ended", thread="t", key="item:2:opened", now=NOW)
    assert outbox.queue([again]) == []
    assert outbox.queue([again, other, other]) == [other]
    assert Notice.objects.get(pk=other.pk).key == "item:2:opened"
    northwind.tom.left_at = NOW
    gone = outbox.notice(recipient=northwind.tom, event="role_ended", thread="t", key="k", now=NOW)
    assert outbox.queue([gone]) == []
    assert first.message_id == outbox.message_id("item:1:opened")


@pytest.mark.django_db
def test_failed_mail_is_retried_with_backoff_then_failed(northwind: Northwind, smtp: Server, settings: Any) -> None:
    settings.MAIL_SERVER = smtp.settings
    smtp.answer = "451 not now, rita.novak@northwind.example"
    notice = queue(northwind.rita, "k")
    at = current_time.real()
    assert mail_jobs.send_due(now=NOW, at=at)["put_off"] == 1
    for attempt, wait in enumerate(delivery_attempts.WAITS, start=1):
        assert sum(mail_jobs.send_due(now=NOW, at=at + wait - timedelta(seconds=1)).values()) == 0
        at += wait
        counts = mail_jobs.send_due(now=NOW, at=at)
        assert counts == {"sent": 0, "put_off": int(attempt < 5), "failed": int(attempt == 5)}
    notice.refresh_from_db()
    assert (notice.state, notice.attempts) == (NoticeState.FAILED, delivery_attempts.MOST_ATTEMPTS)
    assert notice.error == "SMTPDataError 451", "the server's words may hold addresses and stay out"
    assert sum(mail_jobs.send_due(now=NOW, at=at + timedelta(days=30)).values()) == 0
    assert smtp.messages == []


@pytest.mark.django_db
def test_one_notice_that_can_not_be_sent_holds_up_no_other(northwind: Northwind, settings: Any) -> None:
    settings.MAIL_SERVER = None
    for number, (event, recipient) in enumerate(
        (("no_such_event", northwind.rita), ("role_ended", northwind.tom), ("role_ended", northwind.rita))
    ):
        outbox.queue([outbox.notice(recipient=recipient, event=event, thread="t", key=str(number), now=NOW)])
    Person.objects.filter(pk=northwind.tom.pk).update(is_active=False)
    assert mail_jobs.send_due(now=NOW) == {"sent": 1, "put_off": 1, "failed": 1}
    assert [notice.error for notice in Notice.objects.order_by("key")] == [
        "TemplateDoesNotExist",
        "The person has left.",
        "",
    ]


@pytest.mark.django_db
def test_notice_that_kills_sender_is_given_up(northwind: Northwind, settings: Any) -> None:
    settings.MAIL_SERVER = None
    queue(northwind.rita, "k")
    at = current_time.real()
    for _ in range(delivery_attempts.MOST_ATTEMPTS):
        assert mail_jobs.claim(at=at) is not None  # and dies
        assert mail_jobs.claim(at=at + delivery_attempts.DEAD_AFTER) is None
        at += delivery_attempts.DEAD_AFTER + timedelta(seconds=1)
    assert mail_jobs.send_due(now=NOW, at=at)["failed"] == 1


@pytest.mark.django_db
def test_names_and_context_cannot_inject_headers(northwind: Northwind, smtp: Server, settings: Any) -> None:
    settings.MAIL_SERVER = smtp.settings
    evil = "Builder\r\nBcc: eve@evil.example\r\n\r\n<b>hello</b>\u2028X: y"
    northwind.rita.name = "Rita\r\nBcc: eve@evil.example"
    northwind.rita.save()
    queue(northwind.rita, "k", role=evil)
    assert mail_jobs.send_due(now=NOW)["sent"] == 1
    (mail,) = smtp.messages
    assert mail["Bcc"] is None
    assert "X" not in mail
    assert mail["Subject"].startswith("You are no longer trusted as Builder Bcc: eve@evil.example")
    html = mail.get_body(("html",))
    assert html is not None
    assert "<b>hello</b>" not in html.get_content()


@pytest.mark.parametrize(
    "path",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/a\r\nb", "javascript:x", "/a b", "", "/ä"],
)
def test_a_link_in_a_mail_never_leads_away_from_the_portal(path: str, settings: Any) -> None:
    assert mail_text.link({"path": path}) == f"{settings.BASE_URL}/"
    assert mail_text.link({"path": "/review/7/#row-3"}) == f"{settings.BASE_URL}/review/7/#row-3"


# --- what is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.rule("H9", "H8")
def test_mail_says_who_what_until_and_carries_link_thread_and_checkpoint(
    northwind: Northwind, smtp: Server, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from governance.core.ledger import sealing
    from governance.core.models import Seal

    seal = Seal(number=812, total=4211, root="8c1f" * 16)
    monkeypatch.setattr(sealing, "latest", lambda: seal)
    settings.MAIL_SERVER = smtp.settings
    northwind.omar.time_zone = "America/New_York"
    northwind.omar.save()
    opened = outbox.notice(
        recipient=northwind.omar,
        event="revocation_opened",
        thread="revocation:7",
        key="revocation:7:opened",
        now=NOW,
        context={
            "automation": "Invoice chaser",
            "team": "Finance Operations",
            "due": "2026-11-26T16:00:00+00:00",
            "path": "/revocations/7/",
        },
    )
    outbox.queue([opened])
    mail_jobs.send_due(now=NOW)
    (mail,) = smtp.messages
    assert mail["Subject"] == "Remove by Thu 26 Nov, 11:00: access of Invoice chaser"
    assert mail["To"] == "Omar Haddad <omar.haddad@northwind.example>"
    assert mail["Message-ID"] == outbox.message_id("revocation:7:opened")
    assert mail["References"] == outbox.message_id("thread:revocation:7")
    assert mail["Auto-Submitted"] == "auto-generated"
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    for part in (plain.get_content(), html.get_content()):
        assert "Thursday 26 November, 11:00" in part.replace("\n", " "), "in the zone of whoever must act"
        assert f"{settings.BASE_URL}/revocations/7/" in part
        assert "seal 812" in part
        assert "8c1f" * 16 in part
    assert max(len(line) for line in plain.get_content().splitlines()) <= 76 + 2


@pytest.mark.django_db
def test_mail_without_server_is_shown_on_portal(northwind: Northwind, settings: Any) -> None:
    settings.MAIL_SERVER = None
    notice = queue(northwind.rita, "k")
    mail_jobs.send_due(now=NOW)
    notice.refresh_from_db()
    assert (notice.state, notice.sent_at) == (NoticeState.SENT, NOW)
    assert notice.subject == "You are no longer trusted as Builder"
    assert "/people/7/" in notice.text
    assert "/people/7/" in notice.html


@pytest.mark.django_db
def test_real_mail_server_keeps_no_copy(northwind: Northwind, smtp: Server, settings: Any) -> None:
    settings.MAIL_SERVER, settings.DEMO = smtp.settings, False
    notice = queue(northwind.rita, "k")
    mail_jobs.send_due(now=NOW)
    notice.refresh_from_db()
    assert notice.subject
    assert (notice.text, notice.html) == ("", "")


@pytest.mark.django_db
@pytest.mark.parametrize("event", sorted(p.name for p in (ROOT / "templates" / "email").iterdir() if p.is_dir()))
def test_every_mail_is_drawn_from_three_templates_with_words_in_each(northwind: Northwind, event: str) -> None:
    notice = Notice(event=event, recipient=northwind.rita, thread="t", key="k", context={"due": NOW.isoformat()})
    letter = mail_text.write(notice, None)
    assert letter.subject
    assert "Rita," in letter.text
    assert "<p" in letter.html


# --- killed and competing ------------------------------------------------------------------------------------------------

#: Senders are forked from a process that has loaded Django, and nothing of this one: its connections stay its own.
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.core.mail.mail_sender"])


def start_sender(name: str, server: Server, at: datetime) -> ForkServerProcess:
    """A sender in a process of its own, which the server can kill."""
    started = FORKED.Process(target=mail_sender.send, args=(name, server.settings, at))
    server.victims[name] = started
    started.start()
    return started


def finished(sender: ForkServerProcess) -> int:
    """Wait for a sender; how it ended."""
    sender.join(timeout=120)
    assert sender.exitcode in (0, -signal.SIGKILL)
    return sender.exitcode


@pytest.mark.process
@pytest.mark.rule("R9")
def test_200_notices_with_competing_and_killed_senders_are_each_in_one_mail_by_message_id(
    committed: None, alone: None, smtp: Server
) -> None:
    word = uuid.uuid4().hex[:8]
    with job_runs.alone("controls.send_notices", waits=True):  # a worker that other tests have started stands back
        Notice.objects.filter(state=NoticeState.QUEUED).delete()  # what other tests left must not be counted
        people = [make_person(f"Reader {number}", word=word) for number in range(10)]
        for number in range(200):
            queue(people[number % 10], f"{word}:{number}")
        smtp.kill_at = [30, 90, 140]
        at = timezone.now()
        ended: list[int] = []
        for number in range(3):  # two compete; the server kills one of them in each round, between sending and marking
            pair = [start_sender(f"sender-{number}-{each}.test", smtp, at) for each in range(2)]
            ended += [finished(sender) for sender in pair]
            at += delivery_attempts.DEAD_AFTER + timedelta(seconds=1)
        assert finished(start_sender("last.test", smtp, at)) == 0
    assert ended.count(-signal.SIGKILL) == 3

    mine = Notice.objects.filter(key__startswith=word)
    assert mine.filter(state=NoticeState.SENT).count() == 200
    ids = Counter(mail["Message-ID"] for mail in smtp.messages)
    assert set(ids) == set(mine.values_list("message_id", flat=True)), "each notice has a mail, under one Message-ID"
    repeated = {message_id: count for message_id, count in ids.items() if count > 1}
    assert len(smtp.messages) == 200 + sum(repeated.values()) - len(repeated)
    assert len(repeated) <= 3, "only what a killed sender had not marked went out again"
    recipients = {mail["Message-ID"]: mail["To"] for mail in smtp.messages}
    assert all(recipients[notice.message_id].endswith(f"<{notice.recipient.email}>") for notice in mine)


@pytest.mark.process
@pytest.mark.rule("R9")
@pytest.mark.smoke
def test_worker_and_beat_send_queued_mail(beat: Any, mailbox: Any) -> None:
    from tests.processes import until

    person = make_person("Uma Reader", word=uuid.uuid4().hex[:8])
    notice = queue(person, f"{person.email}:hello")
    (mail,) = until(lambda: mailbox.to(person.email), "the mail", seconds=20)
    assert mail["Message-ID"] == notice.message_id
    until(lambda: Notice.objects.get(pk=notice.pk).state == NoticeState.SENT, "the mark", seconds=10)


def test_the_sender_is_where_beat_looks_for_it() -> None:
    from celery import current_app

    current_app.loader.import_default_modules()
    assert {"controls.seal", "controls.send_notices"} <= set(current_app.tasks)
    assert Path(mail_jobs.__file__).is_file()
