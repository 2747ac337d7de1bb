"""`migrate`, and after it nothing in the database can be told to ignore its triggers."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from governance.core.models import row_protection


class Command(migrate.Command):
    """Django's own; each trigger that it installs brings pgtrigger's switch along, which is taken out again."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate, then take the switch out."""
        super().handle(*args, **options)
        if not (options["plan"] or options["check_unapplied"]):
            with connections[options["database"]].cursor() as cursor:
                cursor.execute(row_protection.NEVER_IGNORED)
