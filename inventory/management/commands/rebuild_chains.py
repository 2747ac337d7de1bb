"""Works out all chains anew: for rows that were written by set, and to compare (A16)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from inventory.chains import transitions as chain_transitions


class Command(BaseCommand):
    """Works out anew what joins automations, from what is approved of each."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Work it out and say of how many."""
        self.stdout.write(f"The chains of {chain_transitions.rebuild():,} automations in use were worked out anew.")
