"""Confirm, refuse and move the binding of a connection to a resource (I8).

An import proposes a binding (`write_version`). Only owner or deputy of the named resource answer it, without a stake in
the answer. Two people move a confirmed binding: the new resource's owner asks and the old one's agrees, or two admins
do.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from governance.core.access import Actor, Permission, Refusal, Role, access, check, duty, refuse
from governance.core.engine.transition import Effect, Step, Transition, transition
from governance.core.models import Person
from governance.core.notices import outbox
from governance.core.texts import free_text
from inventory.models import Automation, AutomationState, Binding, HostConsent, Privilege, Resource, ResourceState
from inventory.resources import queries as resource_queries
from inventory.resources.transitions.resources import nameable


def is_on_side(person: Person | None, resource: Resource, now: datetime) -> bool:
    """Whether an active person is owner, deputy or interim owner of a resource (I3)."""
    if person is None or not person.is_here:
        return False
    return person.pk in (resource.owner_id, resource.deputy_id) or person == resource.interim_owner(now)


@duty("I8", backed_by=("binding_confirmed_or_refused",))
def own_side(subject: Binding, actor: Actor, now: datetime) -> Refusal | None:
    """Only an owner of a resource can confirm or refuse what opens it."""
    if is_on_side(actor.capacity_of, subject.resource, now):
        return None
    sentence = f"Only an owner of {subject.resource.name} can confirm or refuse what opens it."
    return Refusal("I8", "duty", sentence, "Its owner or backup approver does, in their first decision about it.")


@duty("I8")
def no_stake(subject: Binding, actor: Actor, now: datetime) -> Refusal | None:
    """The proposer of a binding, and owners of automations that use it, can't confirm or refuse it."""
    if not subject.is_open:
        return None
    people = actor.people_ids
    sentence = ""
    if subject.proposed_by_id in people:
        sentence = f"You proposed that this connection opens {subject.resource.name}, so another person decides that."
    elif rests := _owned_that_rest_on(subject, people, now):
        sentence = f"{rests.name} uses this connection and you own it, so another person decides that."
    to_do = f"Another owner of {subject.resource.name} does, in their first decision about it."
    return Refusal("I8", "duty", sentence, to_do) if sentence else None


def _owned_that_rest_on(row: Binding, people: Collection[int], now: datetime) -> Automation | None:
    """Automation of these people with a version that uses the connection."""
    used = Privilege.objects.filter(connector=row.connector, instance=row.instance_name)
    owned = Automation.objects.answered_by(people, now)
    rests = owned.filter(versions__in=used.values("version")).exclude(state=AutomationState.RETIRED)
    return rests.order_by("pk").first()


@duty("I8")
def moving(subject: Binding, actor: Actor, now: datetime) -> Refusal | None:
    """A connection moves only on request."""
    is_asked = subject.moving_to is not None
    return None if is_asked else Refusal("I8", "state", "This connection has no request to move.")


@duty("SOD-8")
def second_person(subject: Binding, actor: Actor, now: datetime) -> Refusal | None:
    """The person who asks that a connection moves can't agree to it."""
    requesters = {subject.moving_by_id, subject.moving_for_id}
    if not actor.people_ids.isdisjoint(requesters):
        return Refusal("SOD-8", "duty", "You asked for this, so another person agrees to it.")
    return None


@duty("I8")
def both_sides(subject: Binding, actor: Actor, now: datetime) -> Refusal | None:
    """An owner of each resource, or two admins, move a confirmed binding."""
    asker, wanted = subject.moving_for or subject.moving_by, subject.moving_to
    assert wanted is not None  # the duty `moving` is asked before
    if is_on_side(asker, wanted, now) and is_on_side(actor.capacity_of, subject.resource, now):
        return None
    if access.holds(asker, Role.ADMIN, now) and Role.ADMIN in access.roles_held(actor, now):
        return None
    sentence = f"An owner of {wanted.name} asks for the move, and an owner of {subject.resource.name} agrees to it."
    return Refusal("I8", "duty", sentence, "Or one admin asks for it, and another agrees.")


@transition(
    Resource,
    event="binding.confirmed",
    permission=Permission.RESOURCE_BIND,
    source=(ResourceState.PROPOSED, ResourceState.ACTIVE),
    duties=[nameable],
)
def bind_connection(step: Step[Resource], *, connector: str, instance: str) -> Effect:
    """State that a connection opens this resource, as its owner or deputy (I8); later versions use it.

    Allowed for a new connection, one proposed for this resource, or one that its proposed resource's owner refused. The
    owner also takes back an own refusal with it. A duty that forbids a confirming decision forbids this too:
    `confirm_binding` is checked for a known connection.

    Args:
        step: the running step.
        connector: kind of the connection, as importers name it.
        instance: the connection, as the platform names it.
    """
    row = _find_binding(connector, instance)
    if row is None:
        row = Binding(
            connector=connector, instance_name=instance, proposed_by=step.actor.capacity_of, proposed_at=step.now
        )
    elif row.resource_id != step.subject.pk and not row.is_refused:
        raise refuse(_refuse_closed(row))
    was = row.resource_id
    row.resource = step.subject
    if row.pk is not None:
        check(confirm_binding.refusal(row, actor=step.actor, now=step.now))
    _confirm(step, row)
    notify_claims([row], step.now)
    payload = {"connector": connector, "was": str(was or ""), "resource": str(step.subject.pk)}
    return Effect(subject=row, payload=payload)


def _find_binding(connector: str, instance: str) -> Binding | None:
    if not connector or not instance:
        raise refuse(Refusal("I8", "input", "Name the connector and the connection."))
    if any(free_text.name(name) != name for name in (connector, instance)):
        sentence = "This name contains invisible characters."
        raise refuse(Refusal("I8", "input", sentence, "Type it again."))
    return Binding.objects.select_for_update().filter(connector=connector, instance_name=instance).first()


def _refuse_closed(row: Binding) -> Refusal:
    name = row.resource.name
    if row.is_open:
        sentence = f"This connection is proposed to open {name}, whose owner confirms or refuses that first."
        return Refusal("I8", "permission", sentence, f"Ask an owner of {name}.")
    sentence = f"This connection is known to open {name}."
    return Refusal("I8", "permission", sentence, "Ask for its move: an owner of that resource agrees to it.")


def _confirm(step: Step[Any], row: Binding) -> None:
    row.confirmed_by, row.confirmed_for, row.confirmed_at = step.actor.person, step.actor.standing_for, step.now
    row.known_since = row.known_since or step.now
    row.moved_by = row.moved_for = None
    row.refused_by = row.refused_at = None
    row.refused_for = [pk for pk in row.refused_for if pk != row.resource_id]
    step.save(row)


@transition(Binding, event="binding.confirmed", permission=None, duties=(own_side, no_stake))
def confirm_binding(step: Step[Binding], *, anew: bool = False) -> None:
    """Confirm the resource of a connection, caused by its owner's first decision (I8).

    Args:
        step: the running step.
        anew: confirm again a binding that only a party confirmed.
    """
    if step.subject.is_open or anew:
        _confirm(step, step.subject)


@transition(Binding, event="binding.refused", permission=None, duties=(own_side, no_stake))
def refuse_binding(step: Step[Binding]) -> Effect:
    """Refuse the resource of a connection, in the first decision of its owner (I8).

    The binding is open again: a builder chooses another resource, and no import proposes this one again.
    """
    row = step.subject
    if not row.is_open:
        sentence = f"It is already confirmed that this connection opens {row.resource.name}."
        raise refuse(Refusal("I8", "state", sentence, "An owner of another resource asks for its move."))
    row.refused_by, row.refused_at = step.actor.person, step.now
    row.refused_for = sorted({*row.refused_for, row.resource_id})
    step.save(row)
    return Effect(payload={"resource": str(row.resource_id)})


@transition(
    Resource,
    event="binding.move_asked",
    permission=Permission.BINDING_MOVE,
    source=(ResourceState.ACTIVE,),
    duties=[nameable],
)
def request_move(step: Step[Resource], *, connector: str, instance: str) -> Effect:
    """Request that a connection moves to this resource, as its owner, deputy or an admin (I8).

    The move needs a second person's agreement (`agree_to_move`). A person's new request replaces their earlier one;
    another person's request must be answered first.
    """
    row = _find_binding(connector, instance)
    if row is None or row.is_open:
        raise refuse(Refusal("I8", "input", "This connection is not confirmed, so it can't move."))
    if row.resource_id == step.subject.pk:
        raise refuse(Refusal("I8", "input", f"It is known to open {step.subject.name} already."))
    if row.moving_to is not None and not {row.moving_by_id, row.moving_for_id} & step.actor.people_ids:
        name = row.moving_by.name if row.moving_by else "Somebody"
        sentence = f"{name} has already asked that this connection opens {row.moving_to.name}."
        to_do = f"An owner of {row.resource.name} or {row.moving_to.name}, or an admin, agrees or refuses first."
        raise refuse(Refusal("I8", "state", sentence, to_do))
    row.moving_to, row.moving_at = step.subject, step.now
    row.moving_by, row.moving_for = step.actor.person, step.actor.standing_for
    step.save(row)
    return Effect(subject=row, payload={"from": str(row.resource_id), "to": str(step.subject.pk)})


@transition(
    Binding, event="binding.moved", permission=Permission.BINDING_MOVE, duties=(moving, second_person, both_sides)
)
def agree_to_move(step: Step[Binding], *, resource: int) -> Effect:
    """Agree that a confirmed connection moves to another resource, as the second person (I8).

    Later versions use the new resource; approved privileges stay as approved.

    Args:
        step: the running step.
        resource: id of the resource that the page showed.
    """
    row = step.subject
    if row.moving_to is None or row.moving_to_id != resource:
        raise refuse(
            Refusal("A6", "stale", "The request changed in the meantime, so nothing was saved.", "Look again.")
        )
    was, row.resource = row.resource_id, row.moving_to
    row.proposed_by, row.proposed_at = row.moving_by, row.moving_at or step.now
    row.moved_by, row.moved_for = row.moving_by, row.moving_for
    row.confirmed_by, row.confirmed_for, row.confirmed_at = step.actor.person, step.actor.standing_for, step.now
    _clear_move(row)
    step.save(row)
    return Effect(payload={"from": str(was), "to": str(row.resource_id)})


@transition(Binding, event="binding.move_dropped", permission=Permission.BINDING_MOVE, duties=(moving,))
def drop_move(step: Step[Binding]) -> Effect:
    """Keep a connection on its resource, as the owner of either resource or an admin."""
    was = step.subject.moving_to_id
    _clear_move(step.subject)
    step.save(step.subject)
    return Effect(payload={"to": str(was)})


@transition(Resource, event="binding.host_shared", permission=Permission.RESOURCE_BIND, source=(ResourceState.ACTIVE,))
def share_host(step: Step[Resource], *, binding: int) -> Effect:
    """Consent that a host of this resource also opens another owner's resource, as its owner (I8).

    Without the consent, the data class of the other owner's binding counts as unset.

    Args:
        step: the running step.
        binding: id of the other owner's binding.
    """
    row = next((claim for claim in resource_queries.open_claims(step.subject) if claim.pk == binding), None)
    if row is None:
        sentence = f"No other owner waits for {step.subject.name} to share a host."
        raise refuse(Refusal("I8", "state", sentence, "Look at the resource again."))
    people = step.actor.people_ids
    to_do = f"Another owner of {step.subject.name} agrees."
    if people & {row.proposed_by_id, row.confirmed_by_id, row.confirmed_for_id}:
        sentence = f"You said that this host opens {row.resource.name}, so you can't agree for {step.subject.name} too."
        raise refuse(Refusal("I8", "duty", sentence, to_do))
    if people & row.resource.answering_ids:
        raise refuse(Refusal("I8", "duty", f"You own {row.resource.name} too.", to_do))
    if rests := _owned_that_rest_on(row, people, step.now):
        sentence = f"{rests.name} uses this connection and you own it, so another person agrees."
        raise refuse(Refusal("I8", "duty", sentence, to_do))
    made = HostConsent(
        binding=row,
        resource=step.subject,
        opens=row.resource,
        said_by=step.actor.person,
        said_for=step.actor.standing_for,
        said_at=step.now,
    )
    step.save(made)
    return Effect(subject=made, payload={"binding": str(row.pk), "opens": str(row.resource_id)})


def notify_claims(rows: Iterable[Binding], now: datetime) -> None:
    """Notify owners of other bindings to their host; once for each binding and owner (I8)."""
    bindings = resource_queries.Bindings(rows)
    outbox.queue(
        [
            outbox.notice(
                recipient=claim.resource.owner,
                event="host_claimed",
                thread=f"host:{row.pk}:{claim.resource.pk}",
                key=f"host:{row.pk}:{claim.resource.pk}",
                now=now,
                context={
                    "host": row.instance_name,
                    "own": claim.resource.name,
                    "name": row.resource.name,
                    "page": ["resource", claim.resource.pk],
                },
            )
            for row in bindings.values()
            for claim in bindings.claims_on(row)
            if claim.resource.owner is not None and not claim.consents
        ]
    )


def _clear_move(row: Binding) -> None:
    row.moving_to = row.moving_by = row.moving_for = row.moving_at = None


def binding_operation(resource: Resource, connector: str, instance: str) -> Transition[Resource]:
    """Operation by which an actor states a connection's resource: bind it, or request a move. Reads only."""
    bindings = Binding.objects.filter(connector=connector, instance_name=instance, confirmed_at__isnull=False)
    return request_move if bindings.exclude(resource=resource).exists() else bind_connection
