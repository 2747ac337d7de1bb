"""Command `reset_demo`: deletes the demo's data and loads it again."""

from __future__ import annotations

from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """The same as ``load_demo --reset``; `make reset-demo` calls it."""

    help = "Throw everything in a demo's database away and load the demo afresh. Only where COUNTERSIGN_DEMO is on."

    def handle(self, *args: object, **options: object) -> None:
        call_command("load_demo", reset=True, stdout=self.stdout, stderr=self.stderr)
