"""`python -m governance.devserver run | manage …`: what `make run` and `make manage` call."""

from __future__ import annotations

import os
import signal
import sys

from governance.devserver import child_process
from governance.devserver.home_folder import Home
from governance.devserver.manage import manage
from governance.devserver.run import run
from governance.devserver.startup_errors import Trouble, from_os_error

USAGE = "usage: python -m governance.devserver run [--follow-parent] | manage COMMAND …"


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


def main(arguments: list[str]) -> int:
    """Run what is asked for; returns the exit status."""
    home = Home.from_environment()
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
