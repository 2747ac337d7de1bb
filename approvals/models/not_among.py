"""A condition of CHECK constraints: a person is not in a list (S1, S8)."""

from django.db.models import BooleanField, Func


class NotAmong(Func):
    """``id <> ALL(array)``. An empty id makes it NULL, which a CHECK accepts."""

    output_field = BooleanField()
    template = "%(expressions)s)"
    arg_joiner = " <> ALL("
    arity = 2
