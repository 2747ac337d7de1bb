"""Whatever is killed: 200 grants come up while a real worker dies three times; each has one item, one notice, one mail (R9)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import connection

from approvals.models import Grant
from governance.controls import clock, sending
from governance.controls.models import LedgerEvent, Notice, NoticeState
from governance.recertification import sampling
from governance.recertification.models import Item, Question
from tests.processes import WORKER, Mailbox, Service, until
from tests.recertification.apart import held_apart
from tests.recertification.rows import low_grants

MANY = 200


def nudged_until(condition: Callable[[], Any], what: str) -> None:
    """Wait as `until`, nudging meanwhile as beat does: a nudge may die with the worker or find the job at work already."""
    asked = itertools.count()

    def nudged() -> Any:
        for job in ("recertification.sweep", "controls.send_notices") if next(asked) % 10 == 0 else ():
            current_app.send_task(job, ignore_result=True)
        return condition()

    try:
        until(nudged, what, seconds=90)
    except AssertionError as error:
        stand = Counter(Notice.objects.values_list("state", "attempts", "error"))
        raise AssertionError(f"{error}; notices by state, attempts, error: {dict(stand)}") from error


def is_gone() -> bool:
    """Whether the database has noticed that the worker is dead: until then it still commits and holds what the worker sent last."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [WORKER])
        return cursor.fetchone() == (0,)


@pytest.mark.process
@pytest.mark.rule("R5", "R9")
def test_200_due_grants_and_a_worker_killed_three_times_come_to_one_item_notice_and_mail_each(
    committed: None, mailbox: Mailbox, request: pytest.FixtureRequest
) -> None:
    began = clock.now() - timedelta(days=169)  # the items of 180 days at low risk opened three days ago
    held = held_apart(began)
    # Started only now: each step of the way there nudges a worker, for whom what is asked that long ago has run out of time.
    worker: Service = request.getfixturevalue("worker")
    grants = low_grants(held.submission, MANY, begins_at=began)
    made = {grant.pk for grant in grants}
    asked = MANY + sum(sampling.is_drawn(grant) for grant in grants)  # of what is drawn two people are asked (S4)
    items = Item.objects.filter(grant__in=made)

    for kill in range(1, 4):
        nudged_until(lambda reached=kill * MANY // 4: items.count() >= reached, f"item {kill * MANY // 4}")
        worker.kill()
        assert items.count() < MANY, "it was killed in the middle"
        until(is_gone, "the database to part with the dead worker")
        # What the dead worker had in its hands is taken up again when it can't be alive any more: real minutes later.
        for notice in Notice.objects.filter(state=NoticeState.SENDING):
            notice.claimed_at -= sending.DEAD_AFTER + timedelta(seconds=1)
            notice.save()
        worker.start()
    nudged_until(lambda: items.count() == MANY, "an item for each grant")

    of_items = items.values_list("pk", flat=True)
    notices = Notice.objects.filter(thread__in=[f"item:{pk}" for pk in of_items])

    nudged_until(lambda: notices.filter(state=NoticeState.SENT).count() == asked, "every notice to be sent")

    assert Counter(items.values_list("grant", flat=True)) == Counter(made)
    assert Question.objects.filter(item__in=of_items).count() == asked
    opened = LedgerEvent.objects.filter(verb="item.opened", subject_id__in=[str(pk) for pk in of_items])
    assert opened.filter(outcome="done").count() == MANY
    assert not LedgerEvent.objects.filter(verb="item.opened", outcome="refused", at__gte=began).filter(
        about__overlap=[f"approvals.grant:{pk}" for pk in made]
    )
    assert Counter(notices.values_list("event", flat=True)) == {"recertification_opened": asked}
    assert notices.values("key").distinct().count() == notices.count() == asked
    assert Grant.objects.filter(pk__in=made, state="active").count() == MANY

    # A mail that went out just before a kill may come twice; by its Message-ID the receiver knows it as one.
    owners = (held.people.jonas, held.people.omar)
    received = [mail["Message-ID"] for owner in owners for mail in mailbox.to(owner.email)]
    wanted = set(notices.values_list("message_id", flat=True))
    assert wanted <= set(received)
    about_the_grants = {mail["Message-ID"] for mail in mailbox.messages if mail["Message-ID"] in wanted}
    assert len(about_the_grants) == asked
    assert len([one for one in received if one in wanted]) <= asked + 3
