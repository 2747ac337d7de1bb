"""`bootstrap`: enter the first two governance admins and two security reviewers, once, on an empty ledger (S9)."""

from argparse import ArgumentTypeError
from email.utils import parseaddr

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from governance.core.access import Actor
from governance.core.clock import current_time
from governance.core.ledger import ledger_events
from governance.core.models import Person
from governance.core.people.bootstrap import AlreadyBootstrapped, bootstrap
from governance.core.sign_in import transitions as sign_in_transitions


def named(text: str) -> tuple[str, str]:
    """A name and an address out of ``Ines Moreau <ines@example.org>``."""
    name, address = parseaddr(text)
    if not name or "@" not in address:
        raise ArgumentTypeError("write it as 'Ines Moreau <ines@example.org>'")
    return name, address


class Command(BaseCommand):
    """These two admins enter all other people and give roles on the portal."""

    help = "Enter the first two governance admins and two security reviewers, once, on an empty ledger (S9)."

    def add_arguments(self, parser: CommandParser) -> None:
        for option, what in (("--admin", "governance admin"), ("--reviewer", "security reviewer")):
            usage = f"a {what}, 'Name <address>'; give it twice"
            parser.add_argument(option, type=named, action="append", required=True, metavar="PERSON", help=usage)

    def handle(self, *args: object, **options: list[tuple[str, str]]) -> None:
        try:
            with transaction.atomic():
                admins = [self._person(*who) for who in options["admin"]]
                reviewers = [self._person(*who) for who in options["reviewer"]]
                now = current_time.now()
                bootstrap(admins=admins, reviewers=reviewers, now=now)
                for person in (*admins, *reviewers):
                    ledger_events.append(actor=Actor.of_job("bootstrap"), verb="person.added", subject=person, now=now)
        except (AlreadyBootstrapped, ValueError) as error:
            raise CommandError(str(error)) from error
        for person in (*admins, *reviewers):
            if sign_in_transitions.invite.refusal(person, actor=Actor.of_job("bootstrap"), now=now) is None:
                sign_in_transitions.invite(person, actor=Actor.of_job("bootstrap"), now=now)
            self.stdout.write(
                f"{person.name} gets a mail that sets their password; or set it with `manage.py set_password {person.email}`"
            )

    def _person(self, name: str, address: str) -> Person:
        person = Person.objects.filter(source="local", subject=address.lower()).first()
        return person or Person.objects.create_user(address, name=name)
