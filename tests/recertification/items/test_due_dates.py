"""The calendar file in the mail that asks, at a real mail server: whose deadlines, which, and what a later mail makes of them (R5, R2)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from governance.core.clock import current_time
from governance.core.mail import jobs as mail_jobs
from governance.core.models import Delegation, Notice, NoticeState, Person
from governance.recertification.campaigns.scope import Scope
from governance.recertification.items import jobs as item_jobs
from governance.recertification.items.cards import key_of as card_key
from governance.recertification.items.cards import load_cards
from governance.recertification.models import AnswerKind, Asks, Campaign, Item, ItemState
from tests.calendar_reader import read
from tests.mail_server import Server
from tests.people import as_actor
from tests.recertification.campaign_steps import filled, ordered
from tests.recertification.review_steps import JOB, Held, opened, opens_at, question, submit_answer, sweep_at
from tests.signed_in_client import client_of

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def by_the_book(held: Held, settings: Any, smtp: Server) -> None:
    """Mail goes to a real server at once; notices of earlier steps are dropped."""
    Notice.objects.update(state=NoticeState.DROPPED)
    settings.MAIL_DIGEST_AT, settings.MAIL_GATHERING, settings.MAIL_SERVER = time(0), timedelta(), smtp.settings


def attached(mail: EmailMessage) -> list[dict[str, str]]:
    """The events that a mail brings: nothing where nothing is attached, and never more than one file."""
    parts = list(mail.iter_attachments())
    if not parts:
        return []
    (part,) = parts
    assert part.get_content_type() == "text/calendar"
    assert (part.get_param("method"), part.get_content_charset()) == ("PUBLISH", "utf-8")
    assert part.get_filename() == "deadlines.ics"
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    calendar = read(content)
    assert calendar.about["METHOD"] == "PUBLISH"
    return calendar.events


def last_to(person: Person, smtp: Server, now: datetime) -> EmailMessage:
    """What a person is sent at an instant."""
    mail_jobs.send_due(now=now)
    return smtp.to(person.email)[-1]


def instant(at: datetime) -> str:
    """As a calendar file writes it."""
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


@pytest.mark.rule("R5")
def test_notice_without_question_has_no_calendar_file(held: Held, smtp: Server) -> None:
    n, item = held.people, opened(held.grant(), opens_at(held.grant()))
    mail_jobs.send_due(now=item.opened_at)
    smtp.messages.clear()
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.REVOKE, now=item.opened_at + HOUR, reason="Not needed.")
    mail_jobs.send_due(now=item.opened_at + HOUR)
    assert [mail["Subject"] for mail in smtp.to(n.jonas.email)] == [
        f"Revoked in its review: {held.automation.name} of {held.automation.team.name}"
    ]
    assert not [event for mail in smtp.messages for event in attached(mail)]


@pytest.mark.rule("R5")
def test_the_mail_that_asks_has_each_deadline_of_its_reader_and_leads_to_the_item(held: Held, smtp: Server) -> None:
    n, now = held.people, opens_at(held.grant())
    sweep_at(now)
    events = {event["UID"]: event for event in attached(last_to(n.omar, smtp, now))}
    mine = Item.objects.filter(questions__reviewer=n.omar, state=ItemState.OPEN)
    assert len(mine) > 2
    cards: dict[str, Item] = {}
    for item in mine.order_by("pk"):
        key = card_key(question(item, Asks.ACCEPTABLE))
        uid = f"recertify-card-{key.automation}-{key.resource}-acceptable-{n.omar.opaque_id}@countersign.invalid"
        cards.setdefault(uid, item)
    assert set(events) == set(cards)
    for uid, item in cards.items():
        event = events[uid]
        assert event["DTSTART"] == instant(item.deadline)
        assert event["URL"].endswith(f"/recertify/{item.pk}/")
        assert item.of_automation.name in event["SUMMARY"]
        assert event["VALARM.TRIGGER"] == "-P1D"


@pytest.mark.rule("R5", "R2")
def test_calendar_event_follows_changed_deadline(held: Held, smtp: Server) -> None:
    n, item = held.people, opened(held.grant(), opens_at(held.grant()))
    (first,) = attached(last_to(n.omar, smtp, item.opened_at))
    half = question(item, Asks.ACCEPTABLE).remind_at
    assert half is not None
    item_jobs.remind_due(half, JOB)
    (second,) = attached(last_to(n.omar, smtp, half + 12 * HOUR))
    assert second["UID"] == first["UID"]
    assert (second["DTSTART"], int(second["SEQUENCE"]) > int(first["SEQUENCE"])) == (first["DTSTART"], True)
    later = half + timedelta(days=1, hours=12)
    ordered(Scope(), by=n.sana, now=later, days=5)
    campaign = filled(Campaign.objects.get(name="Spring clean"), later)
    item.refresh_from_db()
    assert item.deadline == min(campaign.deadline, item.deadline) < half + timedelta(days=14)
    mail = last_to(n.omar, smtp, later)
    (third,) = [event for event in attached(mail) if event["UID"] == first["UID"]]
    assert third["DTSTART"] == instant(item.deadline)
    assert int(third["SEQUENCE"]) > int(second["SEQUENCE"])
    submit_answer(question(item, Asks.ACCEPTABLE), AnswerKind.KEEP, now=later + HOUR)
    smtp.messages.clear()
    for days in range(1, 4):
        item_jobs.remind_due(later + timedelta(days=days), JOB)
        mail_jobs.send_due(now=later + timedelta(days=days))
    assert first["UID"] not in [event["UID"] for mail in smtp.to(n.omar.email) for event in attached(mail)]


@pytest.mark.rule("R5")
def test_a_campaign_is_one_event_and_its_reminders_speak_of_the_same(held: Held, smtp: Server) -> None:
    n, now = held.people, held.company.now + timedelta(days=1)
    campaign = filled(ordered(Scope(), by=n.sana, now=now), now)
    (event,) = attached(last_to(n.jonas, smtp, now))
    items = campaign.items.filter(questions__reviewer=n.jonas)
    assert event["UID"] == f"recertify-campaign-{campaign.pk}-{n.jonas.opaque_id}@countersign.invalid"
    assert event["SUMMARY"] == f"Spring clean: {load_cards(as_actor(n.jonas), now).count} cards wait for you"
    assert event["DTSTART"] == instant(min(item.deadline for item in items))
    assert event["URL"].endswith("/recertify/")
    submit_answer(question(items[0], Asks.NEEDED), AnswerKind.KEEP, now=now + HOUR)
    due = question(items[1], Asks.NEEDED).remind_at
    assert due is not None
    item_jobs.remind_due(due, JOB)  # one mail an item, from half-way on
    assert [event["UID"] for event in attached(last_to(n.jonas, smtp, due + 12 * HOUR))] == [event["UID"]]


@pytest.mark.rule("R5", "A11")
def test_fetched_calendar_matches_mails_of_reader(held: Held, smtp: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    n, now = held.people, opens_at(held.grant())
    Delegation.objects.create(giver=n.omar, taker=n.bram, from_at=now - HOUR, until_at=now + 48 * HOUR, reason=None)
    filled(ordered(Scope(resource=held.company.slack.pk), by=n.sana, now=now, days=8), now)
    sweep_at(now)
    monkeypatch.setattr(current_time, "now", lambda: now)
    for person in (n.jonas, n.omar, n.bram):
        answer = client_of(person).get("/recertify/calendar.ics")
        assert answer["Content-Type"] == "text/calendar; charset=utf-8"
        fetched = {event["UID"]: event for event in read(answer.content).events}
        mailed = {event["UID"]: event for event in attached(last_to(person, smtp, now))}
        assert fetched == mailed != {}
    assert read(client_of(n.nadia).get("/recertify/calendar.ics").content).events == []


@pytest.mark.rule("R5")
def test_the_demos_mail_page_names_the_file_and_gives_it_out(
    held: Held, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAIL_SERVER, settings.DEMO = None, True
    now = opens_at(held.grant())
    sweep_at(now)
    mail_jobs.send_due(now=now)
    monkeypatch.setattr(current_time, "now", lambda: now)
    mail = Notice.objects.filter(recipient=held.people.omar, state=NoticeState.SENT).latest("pk")
    client = client_of(held.people.omar)
    page = client.get(f"/demo/mail/{mail.pk}/").content.decode()
    assert f'href="/demo/mail/{mail.pk}/deadlines.ics"' in page
    assert read(client.get(f"/demo/mail/{mail.pk}/deadlines.ics").content).events
    without = Notice.objects.filter(dates="").latest("pk")
    assert client.get(f"/demo/mail/{without.pk}/deadlines.ics").status_code == 404
    settings.DEMO = False
    assert client.get(f"/demo/mail/{mail.pk}/deadlines.ics").status_code == 404
