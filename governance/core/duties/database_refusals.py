"""What the database refused by itself, as a refusal with the code of the rule that it keeps (S5).

Duties are asked first and say no in their own words; the database says the same from the rows alone. It is reached where two people
are at the same row in the same instant, or where a rule in Python is wrong. A trigger names its rule in its message, ``SOD-1: …``;
a constraint by its name, which the duty that it backs declares (`Duty.backed_by`).
"""

import re
from collections.abc import Sequence

import psycopg
from django.db import DatabaseError

from governance.core.duties.refusals import Duty, Refusal

#: What PostgreSQL calls the refusals of CHECK, UNIQUE and EXCLUDE constraints and of triggers. Other errors are errors.
REFUSALS = frozenset({"23514", "23505", "23P01", "P0001"})

#: The code of a rule that only the database knows by name.
UNNAMED = "DATABASE"

_CODED = re.compile(r"([A-Z]+(?:-?\d+)?): (.+)", re.DOTALL)
#: Ids of rows in a trigger's message: they are for readers of the database's log.
_IDS = re.compile(r"\s*\([a-z ]+\d[^)]*\)$")
_APPEND_ONLY = "H2: Cannot "


def refusal_of(error: DatabaseError, duties: Sequence[Duty], others: Sequence[Duty] = ()) -> Refusal | None:
    """The refusal that a database error stands for, or None where it is an error like any other.

    Args:
        error: what Django raised, with the driver's own error as its cause.
        duties: of the operation; in whose words it is said where one names the constraint, or is the only one with the trigger's code.
        others: of all operations; asked where none of these fits.
    """
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error) or cause.sqlstate not in REFUSALS:
        return None
    constraint, message = cause.diag.constraint_name or "", cause.diag.message_primary or ""
    coded = _CODED.match(message)
    if message.startswith(_APPEND_ONLY):
        code, said = "H2", "What is on record is not changed"
    elif coded is not None:
        code, said = coded[1], coded[2]
    elif constraint:
        code, said = UNNAMED, f"It would break “{constraint.replace('_', ' ')}”"
    else:
        return None
    for candidates in (duties, (*duties, *others)):
        fits = {
            duty.words: duty for duty in candidates if constraint in duty.backed_by or (coded and duty.code == code)
        }
        if len(fits) == 1:
            ((said, duty),) = fits.items()
            code = duty.code
            break
    said = _IDS.sub("", said)
    sentence = f"The database refused this: {said[:1].lower()}{said[1:].rstrip('.')}."
    return Refusal(code, "state", sentence, "Nothing was changed. Reload the page to see how it stands now.")
