"""What the terminal shows: our own words plainly, each child's lines under its name."""

import os
import re
import sys
from collections import defaultdict, deque

COLOURS = {"web": 36, "worker": 35, "beat": 34, "prepare": 32, "database": 33, "broker": 33}
#: Of these only complaints are shown; the rest is housekeeping.
QUIET = {
    "database": re.compile(r"\b(WARNING|FATAL|PANIC)\b"),
    "broker": re.compile(r"(^|\s)#\s.*|error|fatal", re.IGNORECASE),
}
NOT_NEWS = re.compile(
    r"overcommit_memory|Redis is |Configuration loaded|User requested shutdown|terminating connection due to admin"
)
KEPT_LINES = 30


class Console:
    """Writes lines and keeps each child's last ones, to be shown when it dies."""

    def __init__(self) -> None:
        self.colourful = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.tails: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=KEPT_LINES))

    def say(self, text: str = "") -> None:
        """Words of our own."""
        print(text, flush=True)

    def child(self, name: str, line: str) -> None:
        """One line of a child, without its line end."""
        if not line.strip():
            return
        self.tails[name].append(line)
        loud = QUIET.get(name)
        if loud is not None and (not loud.search(line) or NOT_NEWS.search(line)):
            return
        self._print(name, line)

    def show_tail(self, name: str) -> None:
        """Show what a quiet child said last; the others' lines were shown as they came."""
        if name in QUIET:
            for line in self.tails[name]:
                self._print(name, line)

    def _print(self, name: str, line: str) -> None:
        prefix = f"{name:<9}"
        if self.colourful:
            prefix = f"\033[{COLOURS.get(name, 37)}m{prefix}\033[0m"
        print(f"{prefix}{line}", flush=True)
