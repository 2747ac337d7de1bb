"""What reviews forget of a person who is erased (H6): what they had not submitted, and their name in what others have not.

Submitted answers stand by events of whoever gave them, and their reasons are erased with those. What was reviewed is kept
without names of people (`transitions.opening.snapshot`).
"""

from __future__ import annotations

from typing import Any

from governance.controls.known_as import KnownAs
from governance.controls.transitions import Step
from governance.recertification.models import Draft


def forget(known: KnownAs, step: Step[Any]) -> None:
    """Erase it, in the transaction in which the person is erased.

    Args:
        known: as whom the person is known.
        step: the erasure.
    """
    Draft.objects.filter(person=known.person).delete()
    for draft in Draft.objects.filter(known.may_be_in("reason")):
        draft.reason = known.without(draft.reason)
        draft.save(update_fields=["reason"])
