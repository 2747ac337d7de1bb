"""Notices in the portal, read and unread, and the mail that a person may turn off (R5, H7)."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils.html import escape

from governance.core.clock import current_time
from governance.core.mail import jobs as mail_jobs
from governance.core.models import Notice, NoticeState, Person, UnwantedMail
from governance.core.notices import mail_choices, outbox
from governance.web.pages import pager
from governance.web.pages.navigation import counts_of
from tests.inventory.automations.test_register_pages import cost
from tests.people import NOW, Northwind, as_actor
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

#: One optional event of each way: in the digest, and at once; and required ones of both ways.
OPTIONAL, REQUIRED = ("commented", "put_in_force"), ("recertification_reminder", "password_changed")


@pytest.fixture(autouse=True)
def by_the_book(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is `NOW`; digests go in the morning, without a mail server."""
    settings.MAIL_DIGEST_AT, settings.MAIL_GATHERING, settings.MAIL_SERVER = time(0), timedelta(), None
    monkeypatch.setattr(current_time, "now", lambda: NOW)


def queue(person: Person, *events: str, days_ago: int = 0, **context: Any) -> list[Notice]:
    """Queue a notice of each event."""
    now = NOW - timedelta(days=days_ago)
    facts = {"automation": "Invoice chaser", "page": ["person", person.pk], **context}
    return outbox.queue(
        outbox.notice(
            recipient=person,
            event=event,
            thread=f"{event}:1",
            key=f"{event}:{person.pk}:{days_ago}:{context}",
            now=now,
            context=facts,
        )
        for event in events
    )


@pytest.mark.rule("S5")
def test_notice_of_another_person_is_neither_shown_nor_marked(northwind: Northwind) -> None:
    n = northwind
    (notice,) = queue(n.omar, "put_in_force")
    jonas = client_of(n.jonas)
    assert "Invoice chaser" not in jonas.get(reverse("notifications")).content.decode()
    assert jonas.post(reverse("notification_open", args=[notice.pk])).status_code == 404
    jonas.post(reverse("notifications_read"))
    assert Notice.objects.get(pk=notice.pk).read_at is None


def test_opened_notice_is_read_and_leads_to_its_page(northwind: Northwind) -> None:
    omar = client_of(northwind.omar)
    first, second = queue(northwind.omar, "put_in_force", "commented")
    page = omar.get(reverse("notifications")).content.decode()
    assert page.count("Unread: ") == 2
    assert "Invoice chaser" in page
    response = omar.post(reverse("notification_open", args=[first.pk]))
    assert response["Location"] == f"/people/{northwind.omar.pk}/"
    assert Notice.objects.get(pk=first.pk).read_at == NOW
    assert omar.get(reverse("notification_open", args=[second.pk])).status_code == 405
    assert omar.get(reverse("notifications")).content.decode().count("Unread: ") == 1
    omar.post(reverse("notifications_read"))
    page = omar.get(reverse("notifications")).content.decode()
    assert "Unread: " not in page
    assert "Mark all as read" not in page


@pytest.mark.rule("H7")
def test_old_notices_and_digests_are_left_out(northwind: Northwind) -> None:
    queue(northwind.omar, "put_in_force", days_ago=31)
    mail_jobs.send_due(now=NOW - timedelta(days=31))
    queue(northwind.omar, "commented", days_ago=1)
    mail_jobs.send_due(now=NOW)
    assert Notice.objects.filter(event=outbox.DIGEST).exists()
    page = client_of(northwind.omar).get(reverse("notifications")).content.decode()
    assert page.count('class="row-name"') == 1


@pytest.mark.rule("R5", "H7")
def test_reminder_is_one_line_and_is_read_with_those_before(northwind: Northwind) -> None:
    n = northwind
    for days in (3, 2, 1):
        queue(n.omar, "revocation_overdue", days_ago=days, what="Read rows")
    (other,) = queue(n.omar, "revocation_overdue", days_ago=2, what="Send mail")
    omar = client_of(n.omar)
    assert counts_of(as_actor(n.omar))["notifications"] == 2
    page = omar.get(reverse("notifications")).content.decode()
    assert page.count("Unread: ") == 2
    older = Notice.objects.filter(created_at=NOW - timedelta(days=3)).get()
    omar.post(reverse("notification_open", args=[older.pk]))  # shown before the newer ones came
    assert list(Notice.objects.filter(recipient=n.omar, read_at=None)) == [other]
    assert counts_of(as_actor(n.omar))["notifications"] == 1


@pytest.mark.rule("R5", "H7")
def test_notice_that_is_asked_again_is_the_first_line_and_unread(northwind: Northwind) -> None:
    n = northwind
    (first,) = queue(n.omar, "approval_due", days_ago=1)
    (other,) = queue(n.omar, "put_in_force", days_ago=1)
    omar = client_of(n.omar)
    omar.post(reverse("notifications_read"))
    Notice.objects.filter(pk=first.pk).update(state=NoticeState.DROPPED)
    again = outbox.notice(
        recipient=n.omar, event=first.event, thread=first.thread, key=first.key, now=NOW, context=first.context
    )
    assert outbox.queue([again])
    lines = omar.get(reverse("notifications")).context["lines"]
    assert [(line.pk, line.is_read) for line in lines] == [(first.pk, False), (other.pk, True)]


@pytest.mark.rule("R5", "H7")
def test_line_is_unread_if_one_of_those_that_say_the_same_is(northwind: Northwind) -> None:
    n = northwind
    (first,) = queue(n.omar, "approval_due", days_ago=2)
    (newest,) = queue(n.omar, "approval_due", days_ago=1)
    Notice.objects.filter(pk=newest.pk).update(read_at=NOW)
    omar = client_of(n.omar)
    (line,) = omar.get(reverse("notifications")).context["lines"]
    assert (line.pk, line.is_read) == (newest.pk, False)
    assert counts_of(as_actor(n.omar))["notifications"] == 1
    omar.post(reverse("notification_open", args=[newest.pk]))
    assert Notice.objects.get(pk=first.pk).read_at == NOW


@pytest.mark.rule("R9", "H7")
@pytest.mark.parametrize("event", ["grant_ending", "signal_flagged"])
def test_read_notice_whose_mail_is_off_stays_read_when_it_is_queued_again(northwind: Northwind, event: str) -> None:
    n = northwind
    mail_choices.choose(n.omar, [])
    queue(n.omar, event, days_ago=1)
    assert mail_choices.drop_unwanted(n.omar) == 1
    client_of(n.omar).post(reverse("notifications_read"))
    assert queue(n.omar, event, days_ago=1) == []
    assert Notice.objects.get(event=event).read_at == NOW


@pytest.mark.rule("R5")
def test_required_mail_stays_on(northwind: Northwind) -> None:
    omar = client_of(northwind.omar)
    assert omar.post(reverse("my_mail"), {"event": []}).status_code == 302
    off = set(UnwantedMail.objects.filter(person=northwind.omar).values_list("event", flat=True))
    assert off == mail_choices.OPTIONAL
    assert not off & set(REQUIRED)
    UnwantedMail.objects.bulk_create(UnwantedMail(person=northwind.omar, event=event) for event in REQUIRED)
    assert mail_choices.turned_off(northwind.omar) == off
    page = omar.get(reverse("my_mail")).content.decode()
    for event in REQUIRED:
        assert f'value="{event}"' not in page
        assert outbox.KINDS[event].words in page
    queue(northwind.omar, "password_changed")
    assert mail_jobs.send_due(now=NOW)["sent"] == 1


def test_mail_that_a_person_turned_off_is_not_sent_and_stays_in_the_portal(northwind: Northwind) -> None:
    n = northwind
    wanted = sorted(mail_choices.OPTIONAL - set(OPTIONAL))
    client_of(n.omar).post(reverse("my_mail"), {"event": wanted})
    for person in (n.omar, n.jonas):
        queue(person, *OPTIONAL, days_ago=1)
    mail_jobs.send_due(now=NOW)
    states = {
        person.name: set(Notice.objects.filter(recipient=person, event__in=OPTIONAL).values_list("state", "error"))
        for person in (n.omar, n.jonas)
    }
    assert states[n.omar.name] == {(NoticeState.DROPPED, outbox.TURNED_OFF)}
    assert NoticeState.DROPPED not in {state for state, _ in states[n.jonas.name]}
    assert client_of(n.omar).get(reverse("notifications")).content.decode().count("Unread: ") == 2
    client_of(n.omar).post(reverse("my_mail"), {"event": [*wanted, *OPTIONAL]})
    assert not UnwantedMail.objects.exists()


def test_every_kind_has_a_heading_and_words(northwind: Northwind) -> None:
    page = client_of(northwind.omar).get(reverse("my_mail")).content.decode()
    for kind in outbox.KINDS.values():
        assert (f'value="{kind.event}"' in page) == (not kind.rule), kind.event
        assert escape(kind.words) in page
        assert len(kind.words.split()) <= 20


def test_notifications_are_paged_and_cost_the_same_for_many(
    northwind: Northwind, monkeypatch: pytest.MonkeyPatch
) -> None:
    omar, path = client_of(northwind.omar), reverse("notifications")
    queue(northwind.omar, "put_in_force")
    cost(omar, path)
    few, _ = cost(omar, path)
    for number in range(60):
        queue(northwind.omar, "commented", what=f"Part {number}")
    many, size = cost(omar, path)
    assert few == many <= 8
    assert size <= 60_000
    page = omar.get(path)
    assert page.content.decode().count('class="row-name"') == pager.PAGE
    older = omar.get(page.context["pager"].older_href).content.decode()
    assert older.count('class="row-name"') == 61 - pager.PAGE


def test_notice_that_cannot_be_rendered_is_shown_by_its_event(northwind: Northwind) -> None:
    queue(northwind.omar, "no_such_event")
    assert "No such event" in client_of(northwind.omar).get(reverse("notifications")).content.decode()
