"""What a digest carried that was given up is told by the next one, and what is told in one stays apart (R5, R9, H8)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from governance.controls import clock, mail_digest, outgoing, sending, telling
from governance.controls.models import Notice, NoticeState, Person
from tests.controls.test_mail_digest import MINUTES, NEXT_MORNING, by_the_book, mails, propose, states
from tests.people import NOW, Northwind

__all__ = ["by_the_book"]

pytestmark = pytest.mark.django_db


def in_a_digest(n: Northwind, count: int) -> Notice:
    """Karl's digest of the day, made and not sent, of so many things."""
    propose(n, count)
    mail_digest.make_due(now=NOW + MINUTES, gathering=MINUTES)
    return Notice.objects.get(recipient=n.karl, event=telling.DIGEST)


@pytest.mark.rule("R9")
def test_what_was_to_go_to_somebody_without_an_address_waits_until_they_have_one(
    northwind: Northwind, settings: Any
) -> None:
    n, address = northwind, northwind.karl.email
    propose(n, 2)
    settings.EMAIL_URL = "smtp://127.0.0.1:1"
    Person.objects.filter(pk=n.karl.pk).update(email="")
    assert sending.send_due(now=NOW + MINUTES)["failed"] == 1
    assert states(n.karl) == {"failed": 1, "waiting": 2}
    settings.EMAIL_URL = ""
    Person.objects.filter(pk=n.karl.pk).update(email=address)
    sending.send_due(now=NEXT_MORNING)
    assert mails(n.karl) == ["2 to confirm"]


@pytest.mark.rule("R9")
def test_what_was_in_a_digest_that_never_came_to_an_end_is_told_by_the_next(northwind: Northwind) -> None:
    n = northwind
    digest = in_a_digest(n, 2)
    long_ago = clock.real() - outgoing.DEAD_AFTER - timedelta(hours=1)
    tried = {"state": NoticeState.SENDING, "claimed_at": long_ago, "attempts": outgoing.MOST_ATTEMPTS}
    Notice.objects.filter(pk=digest.pk).update(**tried)
    assert sending.send_due(now=NOW + 2 * MINUTES)["failed"] == 1
    assert states(n.karl) == {"failed": 1, "waiting": 2}
    sending.send_due(now=NEXT_MORNING)
    assert mails(n.karl) == ["2 to confirm"]


@pytest.mark.rule("R9")
def test_what_was_in_the_digest_of_somebody_who_left_before_it_went_is_dropped(northwind: Northwind) -> None:
    n = northwind
    in_a_digest(n, 2)
    Person.objects.filter(pk=n.karl.pk).update(left_at=NOW, is_active=False)
    assert sending.send_due(now=NOW + MINUTES)["failed"] == 1
    assert states(n.karl) == {"dropped": 2, "failed": 1}
    assert Notice.objects.filter(error=mail_digest.GONE).count() == 2
