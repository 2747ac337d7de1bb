"""`ledger_catch_up`: after a restore on another server, move its transaction counter past the ledger's."""

from django.core.management.base import BaseCommand
from django.db import connection

#: The seal order rests on transaction ids, which start low on a new server. Each turn uses one up.
_MOVE = """
DO $$
DECLARE reached xid8 := (
    SELECT greatest((SELECT max(xid::text::numeric) FROM controls_ledgerevent),
                    (SELECT max(last_xid::text::numeric) FROM controls_seal), 0)::text::xid8);
BEGIN
    WHILE pg_current_xact_id() <= reached LOOP
        COMMIT;
    END LOOP;
END $$
"""


class Command(BaseCommand):
    """Needed only after a dump was restored on another server. Otherwise it does nothing."""

    help = "After a restore on another server: move its transaction counter past the last one in the ledger (H2)."

    def handle(self, *args: object, **options: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_MOVE)
            cursor.execute("SELECT pg_current_xact_id()::text")
            self.stdout.write(f"The server's transaction counter stands at {cursor.fetchone()[0]}; the ledger goes on.")
