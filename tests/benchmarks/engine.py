"""What runs without anybody looking: sweeps that find nothing due, appending to the ledger, verifying it.

Seconds of a sweep are what the table of goals names; everything else is a ratio to the plain work of the same run.
"""

from __future__ import annotations

import hashlib
import statistics
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.db import connection, connections, transaction
from django.db.models import F

from approvals.submissions import jobs as approval_sweeps
from governance.celery import TIMETABLE
from governance.core.actors.actor import Actor
from governance.core.clock import current_time
from governance.core.jobs.job_runs import run_job
from governance.core.ledger import ledger_events, ledger_export, sealing
from governance.core.ledger.verifier import canonical_json
from governance.core.models import JobRun, LedgerEvent, Person
from governance.portal.figures import jobs as figure_jobs
from governance.recertification.items import jobs as item_jobs

WRITERS, EACH, ROUNDS = 8, 500, 7

A_MINUTE = timedelta(minutes=1)

#: The same row without digest, index or constraint.
PLAIN = """CREATE UNLOGGED TABLE IF NOT EXISTS bench_plain (id bigserial PRIMARY KEY, event_id uuid NOT NULL, at timestamptz NOT NULL,
    actor_kind text, actor_id text, verb text, subject_type text, subject_id text, about text[], correlation uuid, payload jsonb,
    digest text)"""


WRITE = """INSERT INTO bench_plain (event_id, at, actor_kind, actor_id, verb, subject_type, subject_id, about, correlation, payload, digest)
    VALUES (%s, %s, 'person', %s, 'bench.written', 'controls.person', %s, %s, %s, '{"n": 1}', %s) RETURNING id"""


def sweeps() -> Iterator[tuple[str, float, float]]:
    """Seconds that each sweep takes where nothing is due, with the most that it may take; the run before it, a minute ago, does what is.

    That of approvals looks at what was touched since its last run; once more at everything, as it does where somebody has left.
    """
    for job, sweep, goal in (
        (approval_sweeps.JOB, approval_sweeps.sweep, 5),
        (item_jobs.JOB, item_jobs.sweep, 5),
        (figure_jobs.JOB, figure_jobs.sweep, 5),
        (approval_sweeps.JOB, approval_sweeps.sweep, TIMETABLE[approval_sweeps.JOB]),
    ):
        if goal == 5:
            run_job(job, sweep)
            JobRun.objects.filter(job=job).update(**{at: F(at) - A_MINUTE for at in ("started_at", "began_at")})
        else:
            JobRun.objects.filter(job=job).delete()
        began = time.perf_counter()
        run = run_job(job, sweep)
        spent = time.perf_counter() - began
        if run is None or run.counts:
            raise SystemExit(f"{job} found something twice: {run and run.counts}")
        yield job if goal == 5 else f"{job}, everything looked at", spent, goal


def append() -> float:
    """Events a second by eight writers, as a share of plain inserts a second by as many."""
    person = Person.objects.filter(is_active=True).order_by("pk")[0]

    def event() -> None:
        with transaction.atomic():
            ledger_events.append(
                actor=Actor.of_person(person),
                verb="bench.written",
                subject=person,
                now=current_time.now(),
                payload={"n": 1},
            )

    subjects = [f"controls.person:{person.pk}"]

    def plain() -> None:
        row: list[Any] = [
            uuid.uuid4(),
            current_time.now(),
            str(person.opaque_id),
            str(person.pk),
            subjects,
            uuid.uuid4(),
            "0" * 64,
        ]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(WRITE, row)

    with connection.cursor() as cursor:
        cursor.execute(PLAIN)
    samples: dict[Callable[[], None], list[float]] = {plain: [], event: []}
    for _ in range(ROUNDS):  # in turn: what else the machine does comes and goes
        for action, each in samples.items():
            each.append(_rate(action))
    rates = {action: statistics.median(each) for action, each in samples.items()}
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_plain")
    sealing.seal_all(at=current_time.real())
    return rates[event] / rates[plain]


def _rate(write: Callable[[], None]) -> float:
    """Calls a second of `WRITERS` threads with a connection each."""
    ready = threading.Barrier(WRITERS + 1)

    def run() -> None:
        connection.ensure_connection()
        ready.wait()
        try:
            for _ in range(EACH):
                write()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(WRITERS)]
    for thread in threads:
        thread.start()
    ready.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    return WRITERS * EACH / (time.perf_counter() - began)


def verify() -> float:
    """CPU seconds of verifying the whole ledger, as a multiple of reading it and hashing each event once."""
    began = time.process_time()
    for event in LedgerEvent.objects.order_by("xid", "id").iterator(chunk_size=5000):
        hashlib.sha256(canonical_json(ledger_events.canonical(event))).digest()
    floor = time.process_time() - began
    began = time.process_time()
    report = ledger_export.verify_database()
    spent = time.process_time() - began
    if not report.holds:
        raise SystemExit(f"The ledger does not hold: {report.problems[:3]}")
    return spent / floor
