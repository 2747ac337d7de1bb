"""What dies in a long test, and how it comes back: worker, beat, broker, and the database's ends of connections (R9)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import datetime

import psycopg
from django.db import DatabaseError

from governance.core.models import Notice, NoticeState
from governance.devserver import child_process, postgres
from tests.environment import Environment
from tests.processes import Service, until
from tests.recertification.due_grants import answers, connected, is_gone, take_up_again

#: Real seconds after which nobody still sends what they claimed: a mail to the loopback takes milliseconds.
LOST_AFTER = 15

#: What a worker says whenever it has found its broker; the address follows.
CONNECTED = "Connected to "


class Blows:
    """What dies, and how it comes back."""

    def __init__(self, surroundings: Environment, worker: Service, beat: Service) -> None:
        self.surroundings, self.parts = surroundings, {"worker": worker, "beat": beat}

    def prove_that_the_others_live(self) -> None:
        """None ended because another was killed."""
        for part in self.parts.values():
            assert part.process is not None
            assert part.process.poll() is None, f"a process died of another's death:\n{part.log_of_this_life[-3000:]}"

    def worker(self) -> None:
        """The worker dies with all that it has in its hands."""
        self.parts["worker"].kill()
        until(is_gone, "the database to part with the dead worker")
        self.parts["worker"].start()

    def beat(self) -> None:
        """Beat dies: nothing starts sweeps until it is back."""
        self.parts["beat"].kill()
        self.parts["beat"].start()

    def broker(self) -> None:
        """The broker dies and forgets what was queued; the worker lives and finds the new one."""
        broker, worker = self.surroundings.redis, self.parts["worker"]
        connected_before = worker.log.count(CONNECTED)
        assert broker is not None
        assert broker.process is not None
        child_process.signal_group(broker.process, signal.SIGKILL)
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
