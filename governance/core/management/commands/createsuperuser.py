"""`createsuperuser` of Django, closed: superuser is not a role here."""

from governance.core.management.commands import changepassword


class Command(changepassword.Command):
    """Says what there is instead: a superuser would hold nothing and be in no ledger."""

    help = instead = "Superuser is not a role here. The first people come from `bootstrap`, the others from an admin."
