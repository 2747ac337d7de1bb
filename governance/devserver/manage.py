"""`make manage ARGS="…"`: a management command with the trial's database and keys in place.

When Countersign runs, the command uses its database; otherwise the database is started for it and stopped after it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

from governance.devserver import broker, child_process, postgres
from governance.devserver.home_folder import PROJECT, Home
from governance.devserver.process_environment import environment
from governance.devserver.startup_errors import Trouble, from_output

#: The option that takes every table away: not under parts that run.
RESET = "--reset"


def manage(home: Home, arguments: list[str]) -> int:
    """Run ``manage.py`` with `arguments`; returns its exit status.

    Raises:
        Trouble: when the database can't be started, or is used by what runs and would be taken away.
    """
    home.make()
    variables = environment(home, 8000)
    if variables.get("DATABASE_URL"):
        return _call(arguments, variables)
    cluster = postgres.Cluster(home.postgres, home.sockets)
    variables["DATABASE_URL"] = cluster.url
    if home.is_held():
        if RESET in arguments:
            raise Trouble(
                "Countersign runs here. Stop it first (Ctrl-C where it runs); then the demo can be loaded afresh."
            )
        program = broker.find()
        nudges = broker.Broker(program, home.sockets) if program else None
        if nudges and nudges.is_ready():
            variables.setdefault("REDIS_URL", nudges.url)
        return _call(arguments, variables)
    with home.lock("runs a command"), tempfile.TemporaryFile() as log:
        cluster.start(log)
        try:
            if not child_process.wait_until(cluster.is_ready, seconds=60):
                log.seek(0)
                raise from_output("start the database", log.read().decode(errors="replace"))
            return _call(arguments, variables)
        finally:
            cluster.stop()


def _call(arguments: list[str], variables: dict[str, str]) -> int:
    """Run the command on our own terminal, so that it may ask and Ctrl-C reaches it."""
    try:
        return subprocess.run(
            [sys.executable, PROJECT / "manage.py", *arguments], env=variables, check=False
        ).returncode
    except KeyboardInterrupt:
        raise Trouble("Interrupted.") from None
