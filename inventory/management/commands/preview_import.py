"""``manage.py preview_import PATH…``: the manifests of exports as JSON lines, without a database (import-formats.md).

Standard output has the manifests in ASCII. Standard error has problems, unread files with reasons, and the totals.
"""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from inventory.importers.files import NotRead, read_paths
from inventory.importers.problem import ImportProblem
from inventory.importers.reader import ReadResult, with_shared


class Command(BaseCommand):
    """Prints the results of an import without changing anything."""

    help = (
        "Print one manifest (JSON) a line for each automation in files and folders. Exits 1 if one could not be read."
    )
    requires_system_checks: list[str] = []  # no database, no settings: nothing to check
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder with everything below it")
        parser.add_argument("--format", choices=["auto"], default="auto", help="found out by looking")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line for each manifest, problem and unread file. A file of another format is no failure."""
        read = list(read_paths(options["paths"]))
        results = with_shared(each for each in read if isinstance(each, ReadResult))
        problems = [each for each in read if isinstance(each, ImportProblem)]
        others = [each for each in read if isinstance(each, NotRead)]
        for result in results:
            self.stdout.write(json.dumps(result.manifest.to_dict(), separators=(",", ":")))
        for line in map(str, [*problems, *others]):
            self.stderr.write(_printable(line))
        summary = f"{len(results)} automations read, {len(problems)} files refused"
        self.stderr.write(f"{summary}, {len(others)} other files not read" if others else summary)
        if problems or not results:
            raise SystemExit(1)


def _printable(line: str) -> str:
    """Line for a terminal: a file's name may contain line breaks, control characters and bytes that are no text."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in line)
