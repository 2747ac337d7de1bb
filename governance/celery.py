"""The Celery application: how nudges travel and when beat sends them (R9).

The database is the truth. Every job is a sweep that finds what is due by itself, so a lost message costs at most one
interval and a repeated one costs nothing; that is why there is no result backend and no retry. Nothing but names stands
in the timetable: tasks live in each app's `tasks.py`.
"""

import os
import warnings
from datetime import UTC, datetime
from pathlib import Path
from ssl import CERT_REQUIRED
from typing import Any

from celery import Celery
from django.conf import settings
from kombu.transport import redis

import governance.settings.pool_shutdown  # noqa: F401  every process that has this application closes its pools at its end

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings.dev")

#: How long Redis waits before it hands an unacknowledged message to another worker. A sweep takes seconds.
REDELIVER_AFTER_SECONDS = 600

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

#: What runs how often, in seconds. The names are the tasks' own.
TIMETABLE: dict[str, float] = {
    "controls.seal": 3,
    "controls.send_notices": 5,
    "controls.send_webhooks": 10,
    "controls.stream_audit": 10,
    "controls.forget": 60,
    "controls.clear_sessions": 3600,
    "approvals.sweep": 60,
    "approvals.import": 60,
    "approvals.flag": 60,
    "approvals.conflicts": 60,
    "approvals.what_if": 60,
    "recertification.sweep": 60,
    "recertification.fill": 60,
    "recertification.events": 600,
    "portal.figures": 60,
    "portal.lists": 60,
}


class Channel(redis.Channel):
    """A Redis channel that outlives the loss of its broker.

    In kombu 5.7, a channel asks its connection for the address after an unfinished job, to restore or acknowledge the message. If that
    connection is gone, the worker ends with an AttributeError. This channel raises the error that the worker recovers from. It restores no
    nudge, because the next one finds the same work.
    """

    do_restore = False

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection is None or self.connection.client is None:
            raise ConnectionError("The connection to the broker is lost.")
        parameters: dict[str, Any] = super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]  # a name of its own
        return parameters


class Transport(redis.Transport):
    """Redis over TCP, by way of `Channel`. The broker settings name it."""

    Channel = Channel


class SocketTransport(Transport):
    """Redis over a socket. The channel itself reads the socket's path from the URL."""

    can_parse_url = True


def broker(url: str, folder: Path) -> dict[str, Any]:
    """How messages travel.

    Args:
        url: ``redis://…``, ``rediss://…`` or ``unix:///path/redis.sock``; empty for files in `folder`.
        folder: where messages lie when there is no Redis; only `make run` on one machine may do that.
    """
    if url:
        transport: type[Transport] = Transport
        if url.startswith("unix://"):
            url, transport = "socket://" + url.removeprefix("unix://"), SocketTransport
        waits = {"socket_connect_timeout": 2, "socket_timeout": 30, "visibility_timeout": REDELIVER_AFTER_SECONDS}
        return {
            "broker_url": url,
            "broker_transport": f"{__name__}:{transport.__name__}",
            "broker_transport_options": waits,
            "broker_use_ssl": {"ssl_cert_reqs": CERT_REQUIRED} if url.startswith("rediss://") else None,
        }
    for name in ("messages", "done", "control"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    folders = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "processed_folder": str(folder / "done"),
        "control_folder": str(folder / "control"),
        "store_processed": False,
    }
    return {"broker_url": "filesystem://", "broker_transport_options": folders, "worker_enable_remote_control": False}


def timetable() -> dict[str, dict[str, Any]]:
    """Beat's schedule. A message expires after its job's interval, and after a minute at the earliest: a later one finds the same work.

    Every job is due when beat starts: what an outage left undone does not wait for a whole interval.
    """
    return {
        name: {
            "task": name,
            "schedule": seconds,
            "last_run_at": LONG_AGO,
            "options": {"expires": max(seconds, 60), "ignore_result": True},
        }
        for name, seconds in TIMETABLE.items()
    }


# In a container there may be nobody but root; the warning is about pickled messages, and only JSON is accepted here.
warnings.filterwarnings("ignore", message="You're running the worker with superuser privileges")

app = Celery("countersign")
app.conf.update(
    **broker(settings.BROKER_URL, settings.BROKER_FOLDER),
    beat_schedule=timetable(),
    beat_scheduler="celery.beat:Scheduler",  # in memory: intervals are short, and a file can be torn by a kill
    beat_max_loop_interval=1,
    broker_connection_retry_on_startup=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_create_missing_queues=True,
    task_default_queue="countersign",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    timezone="UTC",
)
app.autodiscover_tasks()
