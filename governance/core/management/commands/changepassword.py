"""`changepassword` of Django, closed: it saves the whole person, which would be a change without a ledger event (H1)."""

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Says what there is instead."""

    help = instead = "Use `set_password ADDRESS`."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="?")

    def handle(self, *args: object, **options: object) -> None:
        raise CommandError(self.instead)
