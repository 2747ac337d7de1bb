#!/usr/bin/env python
"""Django's command line. `make manage ARGS="…"` reaches it with the trial's database and keys in place."""

import os
import sys


def main() -> None:
    """Run the command named on the command line under the development settings unless told otherwise."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings.dev")
    from django.core.management import execute_from_command_line

    import governance.celery  # noqa: F401  nudges of a command go through this application

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
