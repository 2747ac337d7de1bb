"""A demo of a large company: automations and grants by the hundred thousand, to look at and to measure."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from approvals.models import Grant
from governance.controls import clock, sealing
from governance.controls.models import LedgerEvent, Person
from governance.demo import loading
from governance.demo.scale import seeding
from inventory.models import Automation


class Command(BaseCommand):
    """Fills a demo up to so many automations, by set; what an interrupted run wrote stays."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """How many."""
        parser.add_argument("automations", type=int, nargs="?", default=100_000, help="how many (100000)")

    def handle(self, *args: Any, automations: int, **options: Any) -> None:
        """Fill it and say how much there is.

        Raises:
            CommandError: this is no demo, or its people are not there.
        """
        try:
            loading.check_demo()
        except loading.NotADemo as no:
            raise CommandError(str(no)) from no
        if automations < 1:
            raise CommandError("Say how many automations, at least 1.")
        began = time.monotonic()
        seeding.seed(automations, self._cast(), clock.now(), lambda done: self._tell(done, automations, began))
        self.stderr.write("Sealing the ledger …")
        sealing.seal_all(at=clock.real())
        held, events = Grant.objects.count(), LedgerEvent.objects.count()
        self.stdout.write(
            f"{Automation.objects.count():,} automations, {held:,} grants and {events:,} ledger events"
            f" after {time.monotonic() - began:.0f} s."
        )

    def _cast(self) -> seeding.Cast:
        names = {"builder": "Rita Novak", "business": "Jonas Weil", "owner": "Omar Haddad", "deputy": "Amara Okafor"}
        found = {part: Person.objects.filter(name=name).order_by("pk").first() for part, name in names.items()}
        if missing := [names[part] for part, person in found.items() if person is None]:
            raise CommandError(f"Load the demo first (make run): {', '.join(missing)} is not there.")
        return seeding.Cast(**{part: person for part, person in found.items() if person is not None})

    def _tell(self, done: int, automations: int, began: float) -> None:
        spent = time.monotonic() - began
        ending = "\r" if sys.stderr.isatty() else "\n"
        self.stderr.write(f"{done:,} of {automations:,} automations after {spent:.0f} s", ending=ending)
        self.stderr.flush()
