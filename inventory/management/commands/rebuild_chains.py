"""Rebuild all chains, for rows that were written in bulk and for comparison (A16)."""

from typing import Any

from django.core.management.base import BaseCommand

from inventory.chains import transitions as chain_transitions


class Command(BaseCommand):
    """Recomputes the chains of all approved versions."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild the chains and print the number of automations."""
        self.stdout.write(
            f"The chains of {chain_transitions.rebuild_chains():,} automations in use were computed again."
        )
