"""`health`: print problems and advice; exit code 1 for a failure."""

import sys

from django.core.management.base import BaseCommand

from governance.core.clock import current_time
from governance.core.health import queries as health_queries


class Command(BaseCommand):
    """One line for each finding, for a monitor and for a person."""

    help = "Say what is not as it should be: jobs, ledger, mail, keys, people. Exits with 1 on a failure."

    def handle(self, *args: object, **options: object) -> None:
        results = health_queries.findings(now=current_time.now(), at=current_time.real())
        for finding in results:
            self.stdout.write(f"{'FAILS' if finding.is_failure else 'advice'}  {finding.part}: {finding.sentence}")
        if any(finding.is_failure for finding in results):
            sys.exit(1)
        self.stdout.write("Everything runs.")
