"""`python -m governance.devserver run | manage …`: what `make run` and `make manage` call.

`make manage ARGS="…"` runs a management command with the trial's database and keys in place. When Countersign runs, the
command uses its database; otherwise the database is started for it and stopped after it.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from governance.devserver import broker, child_process, postgres
from governance.devserver.child_process import Trouble, from_os_error, from_output
from governance.devserver.home_folder import PROJECT, Home
from governance.devserver.process_environment import environment
from governance.devserver.run import run

USAGE = "usage: python -m governance.devserver run [--follow-parent] | manage COMMAND …"

#: The option that takes every table away: not under parts that run.
RESET = "--reset"


def main(arguments: list[str]) -> int:
    """Run what is asked for; returns the exit status."""
    home = Home(Path(os.environ.get("COUNTERSIGN_HOME") or PROJECT / ".countersign"))
    try:
        if arguments[:1] == ["run"]:
            if "--follow-parent" in arguments:  # stop in good order when `make` itself is killed
                follow = child_process.follow_parent(signal.SIGTERM, os.getppid())
                if follow:
                    follow()
            run(home, os.environ.get("BIND") or "127.0.0.1", _port())
            return 0
        if arguments[:1] == ["manage"] and len(arguments) > 1:
            return manage(home, arguments[1:])
    except Trouble as trouble:
        if str(trouble):
            print(f"\n{trouble}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\n{from_os_error('go on', error, home.root)}", file=sys.stderr)
        return 1
    print(USAGE, file=sys.stderr)
    return 2


def _port() -> int:
    """The port asked for.

    Raises:
        Trouble: when it is not a number.
    """
    port = os.environ.get("PORT") or "8000"
    try:
        return int(port)
    except ValueError:
        raise Trouble(f"PORT={port} is no number.") from None


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
