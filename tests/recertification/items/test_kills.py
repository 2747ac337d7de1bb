"""Whatever is killed: 200 grants come up while a real worker dies three times; each has one item and one notice, and people one digest (R9).

Ten times as many, and whatever else can die: `tests/soak/test_kills.py`.
"""

from __future__ import annotations

import pytest

from governance.core.models import Notice
from tests.processes import Mailbox, Service, until
from tests.recertification.due_grants import due, is_gone, nudged_until, take_up_again

MANY = 200


@pytest.mark.process
@pytest.mark.rule("R5", "R9")
def test_200_due_grants_and_a_worker_killed_three_times_come_to_one_item_and_notice_each_and_one_digest_a_person(
    committed: None, mailbox: Mailbox, request: pytest.FixtureRequest
) -> None:
    all_due = due(MANY)
    worker: Service = request.getfixturevalue("worker")
    items = all_due.items()

    for kill in range(1, 4):
        nudged_until(lambda reached=kill * MANY // 4: items.count() >= reached, f"item {kill * MANY // 4}")
        worker.kill()
        assert items.count() < MANY, "it was killed in the middle"
        until(is_gone, "the database to part with the dead worker")
        take_up_again(Notice.objects.all())
        worker.start()
    nudged_until(lambda: items.count() == MANY, "an item for each grant")
    nudged_until(all_due.is_told, "every mail to be sent, and a digest to everybody")
    all_due.prove(mailbox, kills=3)
