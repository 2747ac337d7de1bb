"""`set_password`: give a local account a password, typed twice, never on the command line."""

import getpass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.core.access import Actor, Refused
from governance.core.clock import current_time
from governance.core.models import Person
from governance.core.sign_in import transitions as sign_in_transitions


class Command(BaseCommand):
    """Setting a password lets one sign in as that person, so the ledger has an event, without the password (H1)."""

    help = "Set the password of a local account; it is asked for twice."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", help="the address that the person signs in with")

    def handle(self, *args: object, **options: str) -> None:
        person = Person.objects.filter(source="local", subject=options["address"].lower()).first()
        if person is None:
            raise CommandError(f"Nobody signs in here as {options['address']}.")
        password = getpass.getpass(f"Password for {person.name}: ")
        if password != getpass.getpass("Once more: "):
            raise CommandError("The two differ; nothing was changed.")
        actor, now = Actor.of_job("set_password"), current_time.now()
        try:
            validate_password(password, person)
            sign_in_transitions.set_password(person, actor=actor, now=now, password=password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except Refused as no:
            raise CommandError(no.refusal.sentence) from no
        self.stdout.write(f"{person.name} can sign in.")
