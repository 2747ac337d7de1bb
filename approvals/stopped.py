"""What somebody stopped and is asked again: one signature more, and none of who stopped it (G5). Reads only.

A grant's stop is not lifted; what comes in its place is asked of stage 2. That would be one person's word where lifting asks
two others, so the question has the seats of what was refused before, and whoever stopped it decides nothing about it.
"""

from __future__ import annotations

from collections.abc import Sequence

from approvals import grants
from approvals.models import Grant, SeatLabel
from governance.controls import ledger
from governance.controls.models import LedgerEvent, Person
from governance.controls.models.ledger import Outcome
from inventory.models import Automation


def stopped(automation: Automation) -> dict[str, frozenset[int]]:
    """By key of a grant: ids of who stopped it, for what was stopped and has not been approved again since.

    Two queries more where something was stopped. Under a delegation both people stopped it (A11).
    """
    rows = list(Grant.objects.filter(automation=automation).order_by("pk").values_list("pk", "key", "suspended_why"))
    newest = {key: why for _, key, why in rows}
    keys = {str(pk): key for pk, key, why in rows if why == grants.Why.STOPPED and newest[key] == grants.Why.STOPPED}
    if not keys:
        return {}
    label, _ = ledger.name_of(Grant())
    events = LedgerEvent.objects.filter(
        verb=grants.stop.event, subject_type=label, subject_id__in=keys, outcome=Outcome.DONE
    )
    who = [(keys[pk], {by, given} - {""}) for pk, by, given in events.values_list("subject_id", "actor_id", "for_id")]
    named = {opaque for _, people in who for opaque in people}
    known = {str(one.opaque_id): one.pk for one in Person.objects.filter(opaque_id__in=named)}
    return {
        key: frozenset(known[opaque] for other, people in who if other == key for opaque in people)
        for key in keys.values()
    }


def seats(own: Sequence[str], found: Sequence[str]) -> list[str]:
    """The seats of a question about what was stopped: one more than the policy asks, where nothing added one yet.

    Args:
        own: the seats that the policy asks for.
        found: these, with what an earlier refusal adds (A15).
    """
    if len(found) > len(own):
        return list(found)
    return [*found, SeatLabel.SECOND if SeatLabel.SECURITY in found else SeatLabel.SECURITY]
