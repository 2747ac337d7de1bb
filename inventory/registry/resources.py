"""Resources and who answers for them (I3, I4, I8): proposed by one, named by an admin, accepted by the owner, activated
by an admin who did not propose it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.controls.actors import Actor
from governance.controls.duty import Duty
from governance.controls.models import Person, Team
from governance.controls.refusals import Refusal, refuse
from governance.controls.roles import Permission
from governance.controls.transitions import Effect, Step, transition
from inventory.models import Binding, DataClass, Entitlement, Level, Resource, ResourceState, ScopeKind

#: What `register_resource`, `propose_resource` and `amend_resource` may set.
FIELDS = ("name", "kind", "about", "team", "data_class", "environment")


def _not_the_proposer(subject: Resource, actor: Actor, now: datetime) -> Refusal | None:
    if any(person.pk == subject.proposed_by_id for person in actor.people):
        return Refusal("SOD-8", "duty", "You proposed this resource; another admin puts it to use.")
    return None


def _not_the_owner(subject: Resource, actor: Actor, now: datetime) -> Refusal | None:
    if any(person.pk in (subject.owner_id, subject.named_owner_id) for person in actor.people):
        return Refusal("SOD-8", "duty", "You would answer for this resource; another admin puts it to use.")
    return None


NOT_THE_PROPOSER = Duty(
    "SOD-8", "I8", "A resource is put to use by an admin who did not propose it.", _not_the_proposer
)
NOT_THE_OWNER = Duty("SOD-8", "S8", "Nobody puts a resource to use that they answer for.", _not_the_owner)


@transition(Team, event="resource.proposed", permission=Permission.RESOURCE_PROPOSE)
def propose_resource(step: Step[Team], *, fields: Mapping[str, Any], suggested_owner: Person | None = None) -> Effect:
    """Somebody says what a connection opens; a suggested owner gives nobody anything until an admin names one (I8)."""
    made = _create(step, fields)
    made.suggested_owner = suggested_owner
    step.save(made)
    return Effect(subject=made)


@transition(Team, event="resource.registered", permission=Permission.RESOURCE_REGISTER)
def register_resource(step: Step[Team], *, fields: Mapping[str, Any], owner: Person, deputy: Person) -> Effect:
    """An admin registers a resource of a team and names who answers for it; they accept, another admin activates."""
    made = _create(step, {**fields, "team": fields.get("team") or step.subject})
    _name(step, made, owner, deputy)
    step.save(made)
    return Effect(subject=made)


def _create(step: Step[Team], fields: Mapping[str, Any]) -> Resource:
    given = {name: value for name, value in fields.items() if name in FIELDS}
    if not str(given.get("name", "")).strip():
        raise refuse(Refusal("I3", "input", "A resource needs a name.", detail=(("name", "Give it a name."),)))
    return Resource(**given, proposed_by=step.actor.person, created_at=step.now)


def _name(step: Step[Any], resource: Resource, owner: Person, deputy: Person) -> None:
    if owner.pk == deputy.pk:
        raise refuse(Refusal("I3", "input", "Owner and deputy are two people."))
    if not (owner.is_here and deputy.is_here):
        raise refuse(Refusal("I3", "input", "Owner and deputy must be here."))
    if any(person.pk == owner.pk for person in step.actor.people):
        raise refuse(Refusal("SOD-8", "duty", "You can't name yourself.", "Another admin does."))
    resource.named_owner, resource.named_deputy, resource.named_by = owner, deputy, step.actor.person


@transition(
    Resource,
    event="resource.owner_named",
    permission=Permission.RESOURCE_ACTIVATE,
    source=(ResourceState.PROPOSED, ResourceState.ACTIVE),
)
def name_owner(step: Step[Resource], *, owner: Person, deputy: Person) -> Effect:
    """An admin names owner and deputy; nothing changes until the owner accepts (S8)."""
    if step.subject.unresolved:
        raise refuse(Refusal("I8", "input", "This stands for something that nobody can name yet."))
    _name(step, step.subject, owner, deputy)
    step.save(step.subject)
    return Effect(payload={"owner": str(owner.opaque_id), "deputy": str(deputy.opaque_id)})


@transition(
    Resource,
    event="resource.ownership_accepted",
    permission=Permission.RESOURCE_ACCEPT,
    source=(ResourceState.PROPOSED, ResourceState.ACTIVE),
)
def accept_ownership(step: Step[Resource]) -> Effect:
    """Whom an admin named accepts to answer for the resource."""
    resource = step.subject
    resource.owner, resource.deputy = resource.named_owner, resource.named_deputy
    resource.named_owner = resource.named_deputy = resource.named_by = None
    resource.accepted_at = step.now
    step.save(resource)
    return Effect()


@transition(
    Resource,
    event="resource.activated",
    permission=Permission.RESOURCE_ACTIVATE,
    source=(ResourceState.PROPOSED,),
    target=(ResourceState.ACTIVE,),
    duties=[NOT_THE_PROPOSER, NOT_THE_OWNER],
)
def activate(step: Step[Resource]) -> Effect:
    """An admin who did not propose it puts it to use, once its owner has accepted (I8)."""
    resource = step.subject
    if resource.unresolved:
        raise refuse(Refusal("I8", "input", "This stands for something that nobody can name yet."))
    if resource.owner is None or resource.deputy is None or resource.accepted_at is None:
        raise refuse(Refusal("I8", "input", "Its owner has not accepted yet.", "Name an owner and a deputy first."))
    return Effect()


@transition(Resource, event="resource.amended", permission=Permission.RESOURCE_AMEND)
def amend_resource(step: Step[Resource], *, fields: Mapping[str, Any]) -> Effect:
    """Its owner or an admin changes what it says; a data class only upwards, lowering needs a proposal (S8)."""
    resource = step.subject
    wanted = fields.get("data_class")
    order = list(DataClass.values)
    if wanted is not None and order.index(wanted or "restricted") < order.index(resource.counted_class):
        raise refuse(Refusal("S8", "input", "Lowering a data class takes a second person's approval.", "Ask an admin."))
    changed = []
    for name in FIELDS:
        if name in fields and getattr(resource, name) != fields[name]:
            setattr(resource, name, fields[name])
            changed.append(name)
    step.save(resource)
    return Effect(payload={"changed": changed})


@transition(Resource, event="entitlement.added", permission=Permission.RESOURCE_AMEND)
def add_entitlement(
    step: Step[Resource],
    *,
    code: str,
    words: str,
    level: str,
    scope_kind: str = ScopeKind.NONE,
    outbound: bool = False,
) -> Effect:
    """Its owner or an admin adds something that can be held on it (I4)."""
    if level not in Level.values or scope_kind not in ScopeKind.values:
        raise refuse(Refusal("I4", "input", "Choose a level and a kind of scope."))
    if step.subject.entitlements.filter(code=code).exists():
        raise refuse(Refusal("I4", "input", f"{code} is in the register already."))
    made = Entitlement(
        resource=step.subject, code=code, words=words, level=level, scope_kind=scope_kind, outbound=outbound
    )
    step.save(made)
    return Effect(subject=made)


@transition(Resource, event="binding.proposed", permission=Permission.RESOURCE_AMEND)
def bind(step: Step[Resource], *, connector: str, instance: str) -> Effect:
    """Its owner or an admin says that a connection opens this resource (I8)."""
    row = Binding.objects.filter(connector=connector, instance_name=instance).first()
    if row is None:
        row = Binding(connector=connector, instance_name=instance, proposed_by=step.actor.person, proposed_at=step.now)
    row.resource = step.subject
    row.confirmed_by, row.confirmed_at = step.actor.person, step.now
    step.save(row)
    return Effect(payload={"connector": connector})
