"""``manage.py preview_import PATH…``: the manifests of exports as JSON lines, without a database (import-formats.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from inventory.importers.preview import print_preview
from inventory.importers.reader import FORMATS


class Command(BaseCommand):
    """Prints the results of an import without changing anything; `inventory.importers.preview` does the work."""

    help = (
        "Print one manifest (JSON) a line for each automation in files and folders. Exits 1 if one could not be read."
    )
    requires_system_checks: list[str] = []  # no database, no settings: nothing to check
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a file, or a folder with everything below it")
        parser.add_argument("--format", choices=FORMATS, default="auto", help="what each file must be (default: look)")

    def handle(self, *args: Any, **options: Any) -> None:
        if status := print_preview(options["paths"], options["format"], self.stdout, self.stderr):
            raise SystemExit(status)
