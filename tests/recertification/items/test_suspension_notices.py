"""A suspension by review is mailed within minutes and in one mail, however many grants, also after kills and double runs (R6, R9)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from unittest import mock

import pytest
from django.test import override_settings

from governance.core.clock import current_time
from governance.core.mail import jobs as mail_jobs
from governance.core.models import Notice, NoticeState, Person
from governance.core.notices import delivery_attempts
from governance.recertification.items import context as item_context
from governance.recertification.models import AnswerKind, Asks, Item, ItemState
from tests import run_lengths
from tests.approvals import stock_report
from tests.mail_server import Server, plain
from tests.recertification.grant_rows import low_grants
from tests.recertification.review_steps import Held, opens_at, question, submit_answer, sweep_at
from tests.scenarios import Company
from tests.starting_points import starting_point

MINUTES, MANY = timedelta(minutes=10), run_lengths.run_length(12, full=40)
MAIL: dict[str, Any] = {"MAIL_DIGEST_AT": time(7, 30), "MAIL_GATHERING": MINUTES}


def many_suspended(c: Company) -> list[Item]:
    """Grants that one sweep has suspended; nobody receives the notices of the time before."""
    grants = low_grants(stock_report.newest(c), MANY, begins_at=c.now)
    with mock.patch.object(item_context, "is_drawn", return_value=False), override_settings(**MAIL):
        sweep_at(opens_at(grants[0]))
        items = list(Item.objects.filter(grant__in=grants).order_by("pk"))
        assert len(items) == MANY
        sweep_at(max(item.deadline for item in items))
        Notice.objects.update(state=NoticeState.DROPPED, digest=None)
        assert sweep_at(when(items))["suspended"] >= MANY
    return [Item.objects.get(pk=item.pk) for item in items]


pytestmark = [pytest.mark.django_db, starting_point("stock_in_force", many_suspended)]


@pytest.fixture
def suspended(start: list[Item], settings: Any, smtp: Server, monkeypatch: pytest.MonkeyPatch) -> list[Item]:
    """These, with a mail server that takes what is sent about them."""
    monkeypatch.setattr(item_context, "is_drawn", lambda grant: False)
    settings.MAIL_DIGEST_AT, settings.MAIL_GATHERING = MAIL["MAIL_DIGEST_AT"], MAIL["MAIL_GATHERING"]
    settings.MAIL_SERVER = smtp.settings
    return start


def when(items: list[Item]) -> datetime:
    """When the sweep comes to them."""
    return max(item.grace_until for item in items)


def owners(held: Held) -> list[Person]:
    """Who owns the automation."""
    return [held.people.jonas, held.people.rita]


def suspension_subjects(smtp: Server, person: Person) -> list[str]:
    """The subjects of a person's mail about it."""
    return [mail["Subject"] for mail in smtp.to(person.email) if "uspended" in mail["Subject"]]


@pytest.mark.full
@pytest.mark.rule("R6", "R9", "R5")
def test_suspensions_of_one_sweep_are_one_mail_per_person(held: Held, smtp: Server, suspended: list[Item]) -> None:
    at, n = when(suspended), held.people
    mail_jobs.send_due(now=at + MINUTES - timedelta(seconds=1))
    assert suspension_subjects(smtp, n.jonas) == [], "what a sweep does is gathered first"
    for _ in range(3):
        sweep_at(at)
        mail_jobs.send_due(now=at + MINUTES)
    for person in owners(held):
        (subject,) = suspension_subjects(smtp, person)
        count = Item.objects.filter(suspended_at=at).count()
        assert subject.startswith(f"{count} suspended")
    (mail,) = [mail for mail in smtp.to(n.jonas.email) if "suspended" in mail["Subject"]]
    body = plain(mail)
    assert "Nobody answered; the access ends permanently on" in body
    assert "And 1 more" not in body
    for item in suspended:
        assert f"/recertify/{item.pk}/" in body
    carried = Notice.objects.filter(event="recertification_suspended", state=NoticeState.CARRIED)
    assert carried.values("digest").distinct().count() == len(set(carried.values_list("recipient", flat=True)))


@pytest.mark.rule("R6")
def test_kept_access_is_left_out_and_later_suspension_is_sent(held: Held, smtp: Server, suspended: list[Item]) -> None:
    at, n = when(suspended), held.people
    kept, *others = suspended
    submit_answer(question(kept, Asks.NEEDED), AnswerKind.KEEP, now=at + timedelta(minutes=1))
    mail_jobs.send_due(now=at + MINUTES)
    (mail,) = [mail for mail in smtp.to(n.rita.email) if "suspended" in mail["Subject"]]
    assert f"/recertify/{kept.pk}/" not in plain(mail)
    assert f"/recertify/{others[0].pk}/" in plain(mail)
    later = at + timedelta(hours=1)
    revoked = next(item for item in Item.objects.filter(state=ItemState.ESCALATED, pk__in=[item.pk for item in others]))
    submit_answer(question(revoked, Asks.NEEDED), AnswerKind.REVOKE, now=later, reason="Nobody needs it.")
    mail_jobs.send_due(now=later + MINUTES)
    subjects = [mail["Subject"] for mail in smtp.to(n.jonas.email)]
    assert [subject[:21] for subject in subjects if "evoked" in subject] == ["Revoked in its review"], (
        "one thing is its own mail"
    )


@pytest.mark.rule("R9")
def test_undeliverable_notice_is_repeated_next_day(held: Held, smtp: Server, suspended: list[Item]) -> None:
    at, real, smtp.answer = when(suspended), current_time.real(), "451 not now"
    for wait in [timedelta(), *delivery_attempts.WAITS]:
        real += wait
        mail_jobs.send_due(now=at + MINUTES, at=real)
    rita = Notice.objects.filter(recipient=held.people.rita)
    assert rita.filter(event="recertification_suspended", state=NoticeState.WAITING).count() >= MANY
    smtp.answer = "250 kept"
    for _ in range(2):
        mail_jobs.send_due(now=at + timedelta(hours=1), at=real)
    assert suspension_subjects(smtp, held.people.rita) == [], "what failed waits"
    mail_jobs.send_due(now=at + timedelta(days=1), at=real)
    assert len(suspension_subjects(smtp, held.people.rita)) == 1


@pytest.mark.rule("R6", "R9")
def test_suspension_after_undeliverable_mail_is_sent_soon(held: Held, smtp: Server, suspended: list[Item]) -> None:
    at, real, smtp.answer = when(suspended), current_time.real(), "451 not now"
    for wait in [timedelta(), *delivery_attempts.WAITS]:
        real += wait
        mail_jobs.send_due(now=at + MINUTES, at=real)
    smtp.answer, later = "250 kept", at + timedelta(hours=1)
    submit_answer(question(suspended[0], Asks.NEEDED), AnswerKind.REVOKE, now=later, reason="Nobody needs it.")
    for _ in range(3):
        mail_jobs.send_due(now=later + MINUTES, at=real)
    jonas = held.people.jonas  # who did not say so themselves
    (mail,) = [mail for mail in smtp.to(jonas.email) if "Revoked" in mail["Subject"]]
    assert f"/recertify/{suspended[1].pk}/" not in plain(mail)
    assert suspension_subjects(smtp, jonas) == []
    mail_jobs.send_due(now=at + timedelta(days=1), at=real)
    assert len(suspension_subjects(smtp, jonas)) == 1
