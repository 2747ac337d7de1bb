"""`createsuperuser` of Django, disabled: superuser is not a role here."""

from governance.core.management.commands import changepassword


class Command(changepassword.Command):
    """Names the command to use. A superuser would have no role and no ledger event."""

    help = instead = "Superuser is not a role here. The first people come from `bootstrap`, the others from an admin."
