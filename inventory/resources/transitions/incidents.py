"""Declare and end incidents on a resource, as its owner or security (R1).

The recertification app follows ``incident.declared`` and reviews the grants on the resource.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from governance.core.access import Actor, Permission, Refusal, Role, duty, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.ledger import ledger_events
from governance.core.models import Person
from governance.core.notices import outbox
from governance.core.texts import free_text
from inventory.models import Incident, Resource, ResourceState
from inventory.models.resource import REFERENCE

#: Length of a reference in characters.
LONGEST_REFERENCE = 80
#: Longest duration in days; a longer incident is declared again after a new look.
LONGEST_DAYS = 30


@duty("R1")
def none_running(subject: Resource, actor: Actor, now: datetime) -> Refusal | None:
    """One incident at a time is declared on a resource."""
    incident = subject.incidents.running(now).select_related("declared_by").first()
    if incident is None:
        return None
    sentence = f"{incident.declared_by.name} has declared {incident.reference} on it already."
    return Refusal("R1", "state", sentence, "That one can be ended first.")


@duty("R1")
def still_running(subject: Incident, actor: Actor, now: datetime) -> Refusal | None:
    """An incident is ended once."""
    return None if subject.runs(now) else Refusal("R1", "state", "This incident is over already.")


@transition(
    Resource,
    event="incident.declared",
    permission=Permission.INCIDENT_DECLARE,
    source=(ResourceState.ACTIVE,),
    duties=[none_running],
    reason_needed=True,
)
def declare_incident(step: Step[Resource], *, reference: str, until: datetime) -> Effect:
    """Declare an incident on a resource, as its owner or security: its grants are reviewed at once (R1).

    Args:
        step: the running step.
        reference: name of the incident in its ticket system.
        until: end, unless a person ends it before; at most `LONGEST_DAYS` ahead.
    """
    called, person = free_text.name(reference), step.actor.person
    assert person is not None  # the permission requires owning the resource, or a role
    _check(called, until, step.now)
    made = Incident(
        resource=step.subject,
        reference=called,
        why=step.reason,
        declared_by=person,
        declared_for=step.actor.standing_for,
        declared_at=step.now,
        until=until,
    )
    step.save(made)
    owners = [owner for owner in (step.subject.answering(step.now), step.subject.deputy) if owner is not None]
    _notify(made, [*owners, *Person.objects.with_role(Role.SECURITY_REVIEWER, step.now).order_by("pk")], step)
    return Effect(subject=made, payload={"until": ledger_events.instant(until)})


def _check(called: str, until: datetime, now: datetime) -> None:
    problems = [
        (
            "reference",
            len(called) > LONGEST_REFERENCE or re.fullmatch(REFERENCE, called) is None,
            "Give its number where it is dealt with: one word.",
        ),
        ("until", until <= now, "It is over in the future."),
        ("until", until > now + timedelta(days=LONGEST_DAYS), f"It is declared for at most {LONGEST_DAYS} days."),
    ]
    wrong = tuple((name, problem) for name, is_wrong, problem in problems if is_wrong)
    if wrong:
        raise refuse(Refusal("R1", "input", wrong[0][1], detail=wrong))


@transition(
    Incident,
    event="incident.ended",
    permission=Permission.INCIDENT_DECLARE,
    duties=[still_running],
    parents=("resource",),
    reason_needed=True,
)
def end_incident(step: Step[Incident]) -> None:
    """End an incident: it causes no further reviews; open ones continue (R1)."""
    incident = step.subject
    incident.ended_at, incident.ended_by, incident.ended_why = step.now, step.actor.person, step.reason
    step.save(incident)


def _notify(incident: Incident, people: Iterable[Person], step: Step[Resource]) -> None:
    context = {
        "what": incident.resource.name,
        "reference": incident.reference,
        "by": incident.declared_by.name,
        "until": incident.until.isoformat(),
        "page": ["resource", incident.resource.pk],
    }
    thread, others = f"incident:{incident.pk}", [person for person in people if person not in step.actor.people]
    outbox.notify(others, "incident_declared", thread=thread, key="declared", now=step.now, context=context)
