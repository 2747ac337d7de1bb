"""`make_keys`: make the ledger's signing key and the digest key if they are missing."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand

from governance.core.keys import key_files


class Command(BaseCommand):
    """Never overwrites a key: a lost key can't be made again, and a replaced one breaks the chain's proof."""

    help = "Make the ledger's signing key and the digest key where they do not exist yet."
    requires_system_checks = ()

    def handle(self, *args: object, **options: object) -> None:
        key_files.ensure(Path(settings.LEDGER_KEY_FILE), Path(settings.DIGEST_KEY_FILE))
        self.stdout.write(f"The ledger's public key is {key_files.public_key_hex()}")
