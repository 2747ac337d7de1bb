"""`createsuperuser` of Django, closed: superuser is not a role here."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    """Says what there is instead: a superuser would hold nothing and be in no ledger."""

    help = "Not used here: people are entered by an admin, the first ones by `bootstrap`."
    requires_system_checks = ()

    def add_arguments(self, parser: object) -> None:
        """Take no argument."""

    def handle(self, *args: object, **options: object) -> None:
        raise CommandError(
            "Superuser is not a role here. The first people come from `bootstrap`, the others from an admin."
        )
