"""Interim owners for items whose owner has left: named by team lead and security reviewer together, either first (I3).

Without a confirmed interim owner, no new privilege is approved on the item. After the confirmation, the person acts as
owner for thirty days. The term ends early with a new owner, or by one of the two people or the interim owner.
"""

from datetime import datetime, timedelta
from typing import Any

from governance.core.access import Permission, Refusal, Role, check, invalid, refuse
from governance.core.engine import hooks
from governance.core.engine.transition import Effect, Step, Transition, transition
from governance.core.ledger import ledger_events
from governance.core.models import Person
from inventory.models import (
    OWNED,
    Automation,
    Credential,
    InterimOwner,
    InterimState,
    NamedAs,
    NonHumanIdentity,
    Owned,
    Resource,
)
from inventory.models.interim_owner import INTERIM_DAYS
from inventory.ownership import notices, rules

S = InterimState


def name_interim(step: Step[Any], *, person: Person) -> Effect:
    """Name an interim owner, as the team's lead or a security reviewer; the other capacity confirms (I3)."""
    subject: Owned = step.subject
    if not person.is_here:
        raise invalid("I3", "person", f"{person.name} is not here any more.")
    if person.pk in step.actor.people_ids:
        raise refuse(Refusal("SOD-8", "duty", "You can't name yourself.", "Name another person. A third confirms."))
    _check_not_asked(subject, person, step.now)
    open_capacities = rules.capacities(subject, step.actor, step.now)
    if not open_capacities or step.actor.person is None:
        raise refuse(Refusal("I3", "permission", "It takes the team's lead or a security reviewer."))
    if end_interims(subject, step, "term"):
        step.save(subject)
    made = InterimOwner(
        **{subject.item_kind: subject},
        person=person,
        named_by=step.actor.person,
        named_for=step.actor.standing_for,
        named_as=open_capacities[0],
        named_at=step.now,
        reason=step.reason,
    )
    step.save(made)
    notices.queue_interim(made, _confirmers(made, step), "interim_named", step.now, by=step.actor.person)
    return Effect(subject=made, payload={"person": str(person.opaque_id), "as": str(open_capacities[0])})


_MODELS: tuple[type[Owned], ...] = (Resource, Automation, NonHumanIdentity, Credential)
#: Operation that names an interim owner, by the field of `OWNED`; all kinds of items work the same.
NAME_INTERIM: dict[str, Transition[Any]] = {
    kind: transition(
        model,
        event="interim.named",
        permission=Permission.INTERIM_NAME,
        duties=[rules.in_use, rules.ownerless, rules.nobody_named],
        context=rules.open_interims,
    )(name_interim)
    for kind, model in zip(OWNED, _MODELS, strict=True)
}


@transition(
    InterimOwner,
    event="interim.confirmed",
    permission=Permission.INTERIM_NAME,
    source=(S.NAMED,),
    target=(S.CONFIRMED,),
    duties=[rules.still_ownerless, rules.another_person, rules.second_person, rules.other_capacity],
    parents=OWNED,
)
def confirm_interim(step: Step[InterimOwner]) -> Effect:
    """Confirm an interim owner in the other capacity: team lead or security reviewer (I3)."""
    interim = step.subject
    _check_not_asked(interim.subject, interim.person, step.now)
    interim.confirmed_by, interim.confirmed_for, interim.confirmed_at = (
        step.actor.person,
        step.actor.standing_for,
        step.now,
    )
    interim.until = step.now + timedelta(days=INTERIM_DAYS)
    for person, event in ((interim.person, "interim_confirmed"), (interim.named_by, "interim_agreed")):
        notices.queue_interim(interim, [person], event, step.now, by=step.actor.person)
    payload = {"person": str(interim.person.opaque_id), "until": ledger_events.instant(interim.until)}
    return Effect(payload=payload, then=lambda: _end_earlier(step, interim))


def _check_not_asked(subject: Owned, person: Person, now: datetime) -> None:
    """Refuse an interim owner who is an approver of the automation (S1, A9)."""
    if isinstance(subject, Automation):
        check(hooks.barred(rules.NAMING_OWNERS, subject, now).get(person.pk))


def _end_earlier(step: Step[Any], interim: InterimOwner) -> None:
    """Set the item's interim owner to a row that was just confirmed."""
    subject = interim.subject
    subject.interim = interim
    step.save(subject)


@transition(
    InterimOwner,
    event="interim.dropped",
    permission=Permission.INTERIM_DROP,
    source=(S.NAMED, S.CONFIRMED),
    target=(S.ENDED,),
    parents=OWNED,
    reason_needed=True,
)
def drop_interim(step: Step[InterimOwner]) -> None:
    """Decline or end an interim owner, as team lead, security reviewer or interim owner, with a reason (I3)."""
    interim, subject = step.subject, step.subject.subject
    interim.ended_at = step.now
    others = [person for person in (interim.person, interim.named_by) if person not in step.actor.people]
    notices.queue_interim(interim, others, "interim_dropped", step.now, by=step.actor.person)
    if subject.interim_id == interim.pk:
        subject.interim = None
        step.save(subject)


@transition(InterimOwner, event="interim.ended", permission=None, source=(S.NAMED, S.CONFIRMED), target=(S.ENDED,))
def end_interim(step: Step[InterimOwner], *, why: str) -> Effect:
    """End an interim owner after a new owner counts, or after the term if another is named."""
    step.subject.ended_at = step.now
    return Effect(payload={"why": why})


def end_interims(subject: Owned, step: Step[Any], why: str) -> bool:
    """End the interim owners of an item; the running operation saves the item afterwards.

    Args:
        subject: locked by the running operation.
        step: the running operation.
        why: for the ledger: ``owner`` or ``term``.

    Returns:
        Whether the item had a confirmed interim owner.
    """
    for interim in InterimOwner.objects.filter(**{subject.item_kind: subject}).exclude(state=S.ENDED):
        end_interim(interim, actor=step.actor, now=step.now, why=why)
    followed, subject.interim = subject.interim_id is not None, None
    return followed


def end_settled_interims(subject: Owned, step: Step[Any]) -> None:
    """End the interim owners of an item after an active person is its owner again (I3); see `end_interims`."""
    if subject.accountable is not None and subject.accountable.is_here:
        end_interims(subject, step, "owner")


def _confirmers(interim: InterimOwner, step: Step[Any]) -> list[Person]:
    """People who can confirm a named interim owner."""
    if interim.confirmed_as == NamedAs.LEAD:
        people = notices.leads_of(interim.subject)
    else:
        people = list(Person.objects.with_role(Role.SECURITY_REVIEWER, step.now).order_by("pk"))
    return [person for person in people if person.pk not in (interim.person_id, *(by.pk for by in step.actor.people))]
