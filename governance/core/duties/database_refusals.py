"""Turn a refusal by the database into a refusal with the code of its rule (S5).

Duties are checked first. The database checks the same from the rows alone. It refuses if two people change the same row at the same
instant, or if a rule in Python is wrong. A trigger's message starts with its rule, ``SOD-1: …``. A constraint has a name, which a duty
declares in `Duty.backed_by`.
"""

import re
from collections.abc import Sequence

import psycopg
from django.db import DatabaseError

from governance.core.duties.refusals import Duty, Refusal

#: PostgreSQL's codes for CHECK, UNIQUE and EXCLUDE constraints and for triggers. Other codes are errors.
REFUSALS = frozenset({"23514", "23505", "23P01", "P0001"})

#: The code of a constraint that no duty declares.
UNNAMED = "DATABASE"

_CODED = re.compile(r"([A-Z]+(?:-?\d+)?): (.+)", re.DOTALL)
#: Ids of rows in a trigger's message, meant for the database's log.
_IDS = re.compile(r"\s*\([a-z ]+\d[^)]*\)$")
_APPEND_ONLY = "H2: Cannot "


def refusal_of(error: DatabaseError, duties: Sequence[Duty], others: Sequence[Duty] = ()) -> Refusal | None:
    """Return the refusal of a database error, or None for any other error.

    Args:
        error: Django's error, with the driver's error as its cause.
        duties: duties of the operation. One that declares the constraint, or alone has the trigger's code, gives the sentence.
        others: duties of all operations, used if none of these fits.
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
