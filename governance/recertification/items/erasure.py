"""Erase a person from drafts of answers (H6).

Submitted answers stay in the events of their authors; their reasons are erased with those events. Snapshots hold no names of people
(`campaigns.snapshot`).
"""

from __future__ import annotations

from typing import Any

from governance.core.engine.transition import Step
from governance.core.erasure.redaction import KnownAs
from governance.recertification.models import Draft


def forget(known_as: KnownAs, step: Step[Any]) -> None:
    """Erase a person from drafts, in the transaction of the erasure.

    Args:
        known_as: the names of the person.
        step: the erasure.
    """
    Draft.objects.filter(person=known_as.person).delete()
    for draft in Draft.objects.filter(known_as.may_be_in("reason")):
        draft.reason = known_as.without(draft.reason)
        draft.save(update_fields=["reason"])
