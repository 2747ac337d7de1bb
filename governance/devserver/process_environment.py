"""Command lines, environment variables and port of the processes of a running Countersign.

The command lines are the same in `make run` and in the tests.
"""

import os
import socket
import sys

from governance.devserver.child_process import Trouble
from governance.devserver.home_folder import Home


def environment(home: Home, port: int) -> dict[str, str]:
    """Return the environment of every child process: our own and its additions."""
    variables = dict(os.environ)
    variables.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings.dev")
    variables.setdefault("COUNTERSIGN_DEMO", "1")
    if variables["COUNTERSIGN_DEMO"] not in ("", "0"):
        variables.setdefault("ORGANISATION", "Northwind Foods")
    variables.setdefault("BASE_URL", f"http://localhost:{port}")
    variables["COUNTERSIGN_HOME"] = str(home.root)
    variables["PYTHONUNBUFFERED"] = "1"
    variables["CELERY_SKIP_CHECKS"] = "1"  # preparing has run them; Celery's own variable
    if not variables.get("SECRET_KEY"):
        variables["SECRET_KEY"] = home.secret_key()
    return variables


def check_port(host: str, port: int) -> None:
    """Make sure that the web server can have its port.

    Raises:
        Trouble: when it is no port, somebody else listens there, or it may not be had.
    """
    if not 1 <= port <= 65535:
        raise Trouble(f"PORT={port} is no port: it goes from 1 to 65535.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise Trouble(
                f"Port {port} needs more rights than this user has. Choose another: PORT=8001 make run"
            ) from None
        except OSError:
            raise Trouble(
                f"Port {port} is taken by another program. Choose another: PORT={port + 1} make run"
            ) from None


#: Threads rather than forked processes: a worker is one process, so that a kill is a kill, and holds one pool.
#: Of each job one run is at work at a time. A seal waits only while as many long jobs run as there are threads.
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
