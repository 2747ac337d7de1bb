"""2,000 grants come up for review while worker, beat, broker and database connections are killed ten times (R9).

Each is started again as its supervisor does; whoever else hangs on what died has to get over it by itself.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import datetime

import psycopg
import pytest
from django.db import DatabaseError
from django.utils import timezone

from governance.controls import ledger_export, sealing
from governance.controls.models import Notice, NoticeState
from governance.supervisor import children, postgres
from tests import lengths
from tests.environment import Environment
from tests.processes import Mailbox, Service, until
from tests.recertification.due import answers, connected, due, is_gone, nudged_until, take_up_again

pytestmark = [pytest.mark.process, pytest.mark.soak(only=True)]

MANY = lengths.of(200, soak=2_000)

#: Real seconds after which nobody still sends what they claimed: a mail to the loopback takes milliseconds.
LOST_AFTER = 15


#: What a worker says whenever it has found its broker.
CONNECTED = "Connected to redis"


class Blows:
    """What dies, and how it comes back."""

    def __init__(self, surroundings: Environment, worker: Service, beat: Service) -> None:
        self.surroundings, self.parts = surroundings, {"worker": worker, "beat": beat}

    def worker(self) -> None:
        """The worker dies with all that it has in its hands."""
        self.parts["worker"].kill()
        until(is_gone, "the database to part with the dead worker")
        self.parts["worker"].start()

    def beat(self) -> None:
        """Beat dies: nobody asks for sweeps meanwhile."""
        self.parts["beat"].kill()
        self.parts["beat"].start()

    def broker(self) -> None:
        """The broker dies and forgets what was queued; the worker lives and finds the new one."""
        broker, worker = self.surroundings.redis, self.parts["worker"]
        connected_before = worker.log.count(CONNECTED)
        assert broker is not None
        assert broker.process is not None
        children.signal_group(broker.process, signal.SIGKILL)
        broker.process.wait()
        broker.process = None
        self.surroundings.start()
        until(lambda: worker.log.count(CONNECTED) > connected_before, "the worker to find the new broker", seconds=60)

    def connection(self) -> None:
        """The process of the database that serves one of the worker's connections dies, and with it, for a moment, all of them."""
        pid = until(connected, "a connection of the worker's")[0]
        os.kill(pid, signal.SIGKILL)
        until(lambda: recovered_from(pid), "the database to recover", seconds=60)

    def cut(self) -> None:
        """All connections of the worker's are cut, between two statements or in one; the worker lives."""
        with psycopg.connect(self.surroundings.superuser_url(), autocommit=True) as root:
            for pid in until(connected, "a connection of the worker's"):
                root.execute("SELECT pg_terminate_backend(%s)", [pid])


#: Ten SIGKILLs, and between them connections that are cut.
ORDER = [
    "worker",
    "connection",
    "broker",
    "cut",
    "beat",
    "worker",
    "connection",
    "cut",
    "broker",
    "beat",
    "connection",
    "cut",
    "worker",
]


def recovered_from(pid: int) -> bool:
    """Whether the database answers again after the death of one of its processes; it throws everybody out first, also us."""
    try:
        return answers() and pid not in connected()
    except DatabaseError:
        return False


def keep_commits(surroundings: Environment) -> None:
    """A commit survives the crash of a server process, as in every database but that of the tests."""
    with psycopg.connect(surroundings.superuser_url(), autocommit=True) as root:
        root.execute(f"ALTER DATABASE {postgres.DATABASE} SET synchronous_commit = on")
    answers()


def lost_claims() -> Callable[[], None]:
    """Something to do again and again: what has been claimed and not been sent for long was in the hands of somebody dead."""
    seen: dict[tuple[int, datetime | None], float] = {}

    def look() -> None:
        claimed = dict(Notice.objects.filter(state=NoticeState.SENDING).values_list("pk", "claimed_at"))
        first = {pair: seen.get(pair, time.monotonic()) for pair in claimed.items()}
        seen.clear()
        seen.update(first)
        lost = [pk for (pk, _), since in first.items() if time.monotonic() - since > LOST_AFTER]
        take_up_again(Notice.objects.filter(pk__in=lost))

    return look


@pytest.mark.rule("R5", "R9", "H2")
def test_2000_due_grants_come_to_one_item_and_notice_each_and_one_digest_a_person_whatever_is_killed(
    surroundings: Environment, redis: str, committed: None, mailbox: Mailbox, request: pytest.FixtureRequest
) -> None:
    if surroundings.redis is None:
        pytest.skip("the broker of REDIS_URL is not ours to kill")
    keep_commits(surroundings)
    all_due, look = due(MANY), lost_claims()
    blows = Blows(surroundings, request.getfixturevalue("worker"), request.getfixturevalue("beat"))
    whole = MANY + MANY
    reached = [0]

    def has_reached(share: int) -> bool:
        look()
        reached[0] = all_due.items().count() + all_due.sent()
        lengths.going(request, f"{reached[0]:,} of {whole:,} items and mails, after {blow} of {len(ORDER)} blows")
        for part in blows.parts.values():
            assert part.process is not None
            assert part.process.poll() is None, f"a process died of another's death:\n{part.log_of_this_life[-3000:]}"
        return reached[0] >= share

    for blow, name in enumerate(ORDER):
        share = (blow + 1) * whole // (len(ORDER) + 1)
        nudged_until(lambda share=share: has_reached(share), f"{share} items and mails", seconds=120)
        assert reached[0] < whole, "it was killed in the middle"
        getattr(blows, name)()
    blow = len(ORDER)
    nudged_until(lambda: has_reached(whole) and all_due.is_told(), "every item, mail and digest", seconds=120)
    all_due.prove(mailbox, kills=len(ORDER))
    sealing.seal_all(at=timezone.now())
    assert ledger_export.verify_database().problems == []
    killed = ", ".join(f"{name} {ORDER.count(name)}" for name in ("worker", "beat", "broker", "connection"))
    lengths.did(
        request,
        f"{MANY:,} due grants, {all_due.asked:,} notices of them, {MANY:,} mails beside their digests; SIGKILLs: {killed}; connections cut {ORDER.count('cut')}",
    )
