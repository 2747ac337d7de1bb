"""Notices about a proposed resource: to the people of its next step, and to builders who wait for it (I3, I8)."""

from typing import Any

from django.db.models import Q

from governance.core.access import Actor, Role
from governance.core.engine.transition import Step
from governance.core.models import Person
from governance.core.notices import outbox
from inventory.models import ImportItem, NextStep, Resource, ResourceState
from inventory.resources.transitions import resources

ACCEPTED, ACTIVATED = "resource.ownership_accepted", "resource.activated"
#: Events after which a proposed resource may wait for another step.
FOLLOWED = ("resource.proposed", "resource.registered", "resource.owner_named", "resource.amended", ACCEPTED, ACTIVATED)


def queue_step(resource: Resource, step: Step[Any]) -> None:
    """Queue the notices after an event of a resource. The actor gets none, and every other person gets one notice for each step."""
    is_proposed, others = resource.state == ResourceState.PROPOSED, ~Q(pk__in=step.actor.people_ids)
    facts: Any = {"resource": resource.name, "task": resource.task, "page": ["resource", resource.pk]}
    facts |= {"waits_for": resource.waits_for if is_proposed else "", "proposer": str(resource.proposed_by or "")}
    given: Any = {"thread": f"resource:{resource.pk}", "now": step.now, "context": facts}
    if is_proposed:
        answering = resource.named_owner_id or resource.owner_id
        asked = list(Person.objects.filter(others & Q(pk=answering)))
        if resource.next_step in (NextStep.NAME, NextStep.ACTIVATE):
            verb = resources.activate if resource.next_step == NextStep.ACTIVATE else resources.name_owner
            admins = Person.objects.with_role(Role.ADMIN, step.now).filter(others).order_by("pk")
            asked = [who for who in admins if not verb.refusal(resource, actor=Actor.of_person(who), now=step.now)]
        outbox.notify(asked, "resource_waits", key=f"{resource.next_step}:{answering}", **given)
    if step.verb == ACTIVATED or (is_proposed and step.verb == ACCEPTED):
        importers = ImportItem.objects.that_open(resource.pk).values("batch__by")
        told = Person.objects.filter(others, pk__in=importers)
        outbox.notify(told, "resource_progress", key=resource.state, **given)
