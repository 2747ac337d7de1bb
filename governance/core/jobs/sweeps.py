"""How a sweep takes what is due, row by row, however many sweeps run at once and wherever they are killed (R9).

The row itself says what is due, and the act marks it; so there is nothing to hand back. A claim only keeps two sweeps from
trying the same row at the same time, and one from waiting for the other. It is held by the database
connection and not by a transaction, because the act has a transaction of its own; it ends with the connection.

A claim is no lock: another job, or a person, may end what a sweep has found. So an act goes through `Transition.when_due`, which reads the row
again under its lock and does nothing where it is due no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog
from django.db import models, transaction

from governance.core.database import advisory_locks
from governance.core.database.key_filters import sorted_by_key
from governance.core.duties.refusals import Refused

log = structlog.get_logger(__name__)

M = TypeVar("M", bound=models.Model)

#: Rows found with one query, which looks at all that is due.
CHUNK = 5_000


def sweep(rows: models.QuerySet[M], act: Callable[[M], object], *, job: str) -> int:
    """Do one thing to each row that is due, each in its own transaction, and return to how many it was done.

    Rows that somebody else is working on are left to them, or to the next run. A row that fails is logged and does not hold up the
    others: it stays due.

    Args:
        rows: what is due now, without order or limit. Asked again for each row once it is claimed.
        act: one call of an operation's `when_due`, which makes the row no longer due; or it returns False: there was nothing to do
            after all.
        job: names the run in the log.
    """
    done = 0
    for row in _claimed(rows):
        try:
            did = act(row)
        except Refused as no:  # it may not happen: on record already
            log.info("sweep.refused", job=job, model=row._meta.label_lower, row=row.pk, code=no.refusal.code)
        except Exception:
            log.exception("sweep.failed", job=job, model=row._meta.label_lower, row=row.pk)
        else:
            done += did is not False
    return done


def _claimed(rows: models.QuerySet[M]) -> Iterator[M]:
    """Each row that is due and that nobody else works on, claimed while the caller has it."""
    last = 0
    while True:
        with transaction.atomic():
            free = sorted_by_key(rows.filter(pk__gt=last)).select_for_update(skip_locked=True, of=("self",))
            keys = list(free.values_list("pk", flat=True)[:CHUNK])
        for key in keys:
            with advisory_locks.held(f"sweep:{rows.model._meta.db_table}:{key}") as is_mine:
                yield from rows.filter(pk=key).order_by()[:1] if is_mine else ()
        if len(keys) < CHUNK:
            return
        last = keys[-1]
