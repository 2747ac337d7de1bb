"""`verify_ledger`: check the database's ledger, or write an export that anyone can check without it."""

import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandParser

from governance.core.clock import current_time
from governance.core.keys import key_files
from governance.core.ledger import ledger_export
from governance.core.models import Seal


class Command(BaseCommand):
    """Exits with 1 when the ledger does not hold."""

    help = (
        "Verify the ledger in the database against its seals and the last published checkpoint, "
        "and texts and governed rows against the events in it (H1, H2, H6, H9)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--export", type=Path, metavar="FILE", help="also write the sealed ledger to FILE")
        parser.add_argument(
            "--seal", type=int, metavar="NUMBER", help="compare this seal, as the footer of a mail names it"
        )
        parser.add_argument("--root", metavar="HEX", help="the root that the footer of the mail names")

    def handle(self, *args: object, **options: object) -> None:
        report = ledger_export.verify_database()
        number, root = options["seal"], options["root"]
        if isinstance(number, int):
            seal = Seal.objects.filter(number=number).first()
            if seal is None or seal.root != root:
                report.wrong(f"Seal {number} is not the one that the mail names: history was rewritten or cut off.")
            else:
                self.stdout.write(f"Seal {number} is the one that the mail names.")
        for line in report.lines:
            self.stderr.write(line)
        self.stdout.write(report.summary)
        target = options["export"]
        if isinstance(target, Path):
            with target.open("w", encoding="utf-8") as file:
                count = ledger_export.write(file, at=current_time.real())
            self.stdout.write(f"Wrote {count} lines to {target}. The public key is {key_files.public_key_hex()}")
        if not report.holds:
            sys.exit(1)
