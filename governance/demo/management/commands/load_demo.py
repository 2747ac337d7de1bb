"""Command `load_demo`: loads the demo once; does nothing if it is loaded."""

from django.core.management.base import BaseCommand, CommandParser

from governance.demo.loading import load
from governance.demo.loading.load import DatabaseContent


class Command(BaseCommand):
    """Restarts an interrupted load; leaves other data alone."""

    help = "Load the demo into an empty database, once. Only where COUNTERSIGN_DEMO is on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reset", action="store_true", help="throw everything in the database away first")

    def handle(self, *args: object, **options: bool) -> None:
        load.check_demo()
        state = load.check_database()
        if options["reset"] or state is DatabaseContent.HALF:
            load.empty()
            state = DatabaseContent.NOTHING
        if state is DatabaseContent.NOTHING:
            self.stdout.write("Loading the demo …")
            self.stdout.flush()
            load.load()
        if state is DatabaseContent.DEMO:
            self.stdout.write("The demo is loaded already.")
        elif state is DatabaseContent.OTHER:
            self.stdout.write("This database holds data that is not the demo's: nothing was loaded.")
