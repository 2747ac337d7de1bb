"""The command line of each process that makes up a running Countersign: the same in `make run` and in the tests."""

from __future__ import annotations

import sys

#: Threads rather than forked processes: a worker is one process, so that a kill is a kill, and holds one pool.
#: Of each job one run is at work at a time, so with a thread a job none waits behind another: seals come within seconds.
WORKER_THREADS = 4
WEB_THREADS = 4
CELERY = (sys.executable, "-m", "celery", "--quiet", "--app", "governance.celery")


def web(host: str, port: int) -> list[str]:
    """The web server: WSGI on `host` and `port`."""
    return [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)),
        *("--workers", "1", "--blocking-threads", str(WEB_THREADS), "--no-ws", "--workers-kill-timeout", "5"),
        *("--respawn-failed-workers", "--log-level", "warning", "governance.wsgi:application"),
    ]


def worker(name: str = "worker", *, log_level: str = "WARNING") -> list[str]:
    """The worker that runs sweeps when nudged. `name` tells workers of one machine apart; INFO logs every sweep."""
    return [
        *(*CELERY, "worker", "--hostname", f"{name}@%h", "--loglevel", log_level),
        *("--pool", "threads", "--concurrency", str(WORKER_THREADS)),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]


def beat(*, log_level: str = "WARNING") -> list[str]:
    """The clockwork that nudges every sweep at its interval. One per installation; INFO logs every nudge."""
    return [*CELERY, "beat", "--loglevel", log_level, "--pidfile="]
