"""Wake a worker by a job's name once the transaction has committed. A nudge may be lost: every job is a sweep (R9)."""

from __future__ import annotations

import structlog
from celery import current_app
from django.db import transaction

log = structlog.get_logger(__name__)


def _send(job: str) -> None:
    try:
        current_app.send_task(job, retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001  whatever a broker that is away raises: beat finds the work within a minute
        log.warning("nudge.lost", job=job, error=type(error).__name__)


def send(job: str) -> None:
    """Nudge the job named ``app.job`` after commit; nothing happens when the transaction rolls back."""
    transaction.on_commit(lambda: _send(job), robust=True)
