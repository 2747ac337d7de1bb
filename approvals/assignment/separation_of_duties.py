"""Find why a person may never decide an approval (S1, S2, S3, G5).

Barred are a party, a decider of the other stage, and a person who stopped the grant.

`approvals.decisions.rules.duties` refuses them, and the escalation chain skips them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from approvals.assignment.escalation_chain import resource_of
from approvals.models import Approval
from governance.core.models import Person

if TYPE_CHECKING:
    from approvals.assignment.route import Route


def conflict(person: Person, route: Route, approval: Approval) -> tuple[str, str] | None:
    """Return code and text of the duty that bars a person from deciding an approval, or None."""
    if person.pk in route.parties:
        capacity = route.parties[person.pk].lower()
        resource = resource_of(approval)
        is_owner = resource is not None and (
            person.pk in (resource.owner_id, resource.deputy_id) or person == resource.interim_owner(route.now)
        )
        return "SOD-3" if is_owner else "SOD-1", f"{person.name} is a party to this submission ({capacity})"
    if approval.stage == 2 and (person.pk in route.app_deciders or person.pk in route.stage_people[1]):
        return "SOD-2", f"{person.name} decided the app in stage 1"
    if approval.stage == 1 and person.pk in route.stage_people[2]:
        return "SOD-2", f"{person.name} decided a privilege in stage 2"
    if person.pk in route.who_stopped(approval):
        return "G5", f"{person.name} stopped what this would bring back"
    return None
