"""`changepassword` of Django, disabled: it saves the whole person, a change without a ledger event (H1)."""

from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Names the command to use."""

    help = instead = "Use `set_password ADDRESS`."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="?")

    def handle(self, *args: object, **options: object) -> None:
        raise CommandError(self.instead)
