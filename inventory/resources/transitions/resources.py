"""Resources and their owners (I3, I4): one person proposes, an admin names an owner, the owner accepts, another admin
activates.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from governance.core.access import Actor, Permission, Refusal, duty, invalid, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person, Team
from governance.core.texts import free_text
from inventory.importers import capabilities
from inventory.models import (
    DataClass,
    Entitlement,
    Environment,
    Level,
    Resource,
    ResourceKind,
    ResourceState,
    ScopeKind,
)
from inventory.ownership import transitions as ownership_transitions

#: Fields of `register_resource`, `propose_resource` and `amend_resource`.
FIELDS = ("name", "kind", "about", "team", "data_class", "environment")
#: Fields that rules and escalation chains read: the person who last set them does not activate the resource.
JUDGED = frozenset({"data_class", "environment", "kind", "team"})
#: Fields of an active resource that only a proposal changes, with the form's sentence.
STAYING = {"kind": "What sort of thing it is", "team": "Whose it is"}
NEEDED = (("name", "Give it a name."), ("kind", "Say what sort of thing it is."))
CHOICES = {"kind": ResourceKind.values, "data_class": ["", *DataClass.values], "environment": Environment.values}


@duty("SOD-8")
def uninvolved(subject: Resource, actor: Actor, now: datetime) -> Refusal | None:
    """A resource is activated by an admin who didn't propose it, classify it, name its owner or own it."""
    named = subject.history.filter(named_by__isnull=False).order_by("-history_id").values_list("named_by", flat=True)
    owners = (subject.owner_id, subject.deputy_id, subject.named_owner_id, subject.named_deputy_id)
    involved = (
        ((subject.proposed_by_id,), "You proposed this resource"),
        ((subject.classed_by_id,), "You set its data class, kind, team or environment"),
        (tuple(named[:1]), "You named the owner of this resource"),
        (owners, "You would own this resource"),
    )
    for people, sentence in involved:
        if not actor.people_ids.isdisjoint(people):
            return Refusal("SOD-8", "duty", f"{sentence}; another admin activates it.")
    return None


@duty("S8")
def not_in_use(subject: Resource, actor: Actor, now: datetime) -> Refusal | None:
    """The owner of an active resource changes by a proposal of two people."""
    if subject.state != ResourceState.ACTIVE:
        return None
    sentence = "Another owner of an active resource needs a second admin's approval."
    return Refusal("S8", "state", sentence, "Propose it; a second admin approves it, and the person accepts.")


@duty("I8")
def nameable(subject: Resource, actor: Actor, now: datetime) -> Refusal | None:
    """A connection that is chosen at run time has no owner."""
    if subject.unresolved:
        sentence = "This stands for connections that are missing or chosen at run time, so nobody can own it."
        return Refusal("I8", "state", sentence, "Change the automation so that it names what it talks to.")
    return None


@duty("I8")
def require_accepted(subject: Resource, actor: Actor, now: datetime) -> Refusal | None:
    """A resource is activated after its owner accepted."""
    if subject.owner is None or subject.deputy is None or subject.accepted_at is None:
        return Refusal("I8", "state", "It has no owner yet.", "Name an owner and a backup approver first.")
    if subject.named_owner is not None:  # they would own an active resource without a second admin
        return Refusal("I8", "state", f"{subject.named_owner.name} was named since and has not accepted yet.")
    if not subject.owner.is_here:
        return Refusal("I3", "state", f"{subject.owner.name} is not here any more.", "Name another owner first.")
    return None


@duty("I3")
def has_data_class(subject: Resource, actor: Actor, now: datetime) -> Refusal | None:
    """A resource can't be activated without a data class."""
    if subject.data_class:
        return None
    return Refusal("I3", "state", "Its data class is not set.", "Set it; another admin then activates the resource.")


@transition(Team, event="resource.proposed", permission=Permission.RESOURCE_PROPOSE)
def propose_resource(step: Step[Team], *, fields: Mapping[str, Any], suggested_owner: Person | None = None) -> Effect:
    """Propose a resource for a connection; a suggested owner has no rights until an admin names one (I8)."""
    made = _create(step, fields)
    made.suggested_owner = suggested_owner
    step.save(made)
    return Effect(subject=made)


@transition(Team, event="resource.registered", permission=Permission.RESOURCE_REGISTER)
def register_resource(step: Step[Team], *, fields: Mapping[str, Any], owner: Person, deputy: Person) -> Effect:
    """Register a resource of a team with owner and deputy, as an admin; they accept, another admin activates.

    Args:
        step: the running step; its subject is the team.
        fields: columns of the resource.
        owner: the proposed owner.
        deputy: the proposed backup approver.
    """
    made = _create(step, {**fields, "team": fields.get("team") or step.subject})
    _record_owner(step, made, owner, deputy)
    step.save(made)
    return Effect(subject=made)


def _create(step: Step[Team], fields: Mapping[str, Any]) -> Resource:
    given = _checked(fields)
    missing = [(name, sentence) for name, sentence in NEEDED if not given.get(name)]
    if missing:
        raise refuse(Refusal("I3", "input", missing[0][1], detail=tuple(missing)))
    return Resource(**given, proposed_by=step.actor.person, created_at=step.now)


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Clean the fields that may be set; a refusal names the field."""
    given = {name: value for name, value in fields.items() if name in FIELDS}
    for name, longest, tidy in (("name", 160, free_text.name), ("about", 4000, free_text.seen)):
        if name in given:
            given[name] = tidy(str(given[name] or ""))[:longest]
    if given.get("name") == "":
        raise invalid("I3", "name", "Give it a name.")
    for name, values in CHOICES.items():
        if name in given and given[name] not in values:
            raise invalid("I3", name, "Choose one of the list.")
    return given


def _record_owner(step: Step[Any], resource: Resource, owner: Person, deputy: Person) -> None:
    if owner.pk == deputy.pk:
        raise refuse(Refusal("I3", "input", "Owner and backup approver are two people."))
    if not (owner.is_here and deputy.is_here):
        raise refuse(Refusal("I3", "input", "Owner and backup approver must be active."))
    if not step.actor.people_ids.isdisjoint((owner.pk, deputy.pk)):
        raise refuse(Refusal("SOD-8", "duty", "You can't name yourself.", "Another admin does."))
    resource.named_owner, resource.named_deputy, resource.named_by = owner, deputy, step.actor.person


@transition(
    Resource,
    event="resource.owner_named",
    permission=Permission.RESOURCE_ACTIVATE,
    source=(ResourceState.PROPOSED, ResourceState.ACTIVE),
    duties=[nameable, not_in_use],
)
def name_owner(step: Step[Resource], *, owner: Person, deputy: Person) -> Effect:
    """Name owner and deputy, as an admin and never oneself; in force after the owner accepts and another admin activates
    (S8).
    """
    _record_owner(step, step.subject, owner, deputy)
    step.save(step.subject)
    return Effect(payload={"owner": str(owner.opaque_id), "deputy": str(deputy.opaque_id)})


@transition(
    Resource,
    event="resource.ownership_accepted",
    permission=Permission.RESOURCE_ACCEPT,
    source=(ResourceState.PROPOSED,),
)
def accept_ownership(step: Step[Resource]) -> None:
    """Accept the ownership of a resource, as the named owner."""
    resource = step.subject
    resource.owner, resource.deputy = resource.named_owner, resource.named_deputy
    resource.named_owner = resource.named_deputy = resource.named_by = None
    resource.accepted_at = resource.deputy_since = step.now
    ownership_transitions.end_settled_interims(resource, step)
    step.save(resource)


@transition(
    Resource,
    event="resource.activated",
    permission=Permission.RESOURCE_ACTIVATE,
    source=(ResourceState.PROPOSED,),
    target=(ResourceState.ACTIVE,),
    duties=[nameable, require_accepted, uninvolved, has_data_class],
)
def activate(step: Step[Resource]) -> Effect:
    """Activate a resource with data class and accepted owner, as an admin who did not propose it (I3, I8)."""
    return Effect(payload={"data_class": step.subject.counted_class})


@transition(
    Resource,
    event="resource.amended",
    permission=Permission.RESOURCE_AMEND,
    source=(ResourceState.PROPOSED, ResourceState.ACTIVE),
    duties=[nameable],
)
def amend_resource(step: Step[Resource], *, fields: Mapping[str, Any]) -> Effect:
    """Change a resource, as its owner or an admin. For an active one, data class and environment only rise, and kind and
    team stay (S8).

    A proposed resource can change in every way: the accepting owner and the activating admin check it.
    """
    resource, given = step.subject, _checked(fields)
    if resource.state == ResourceState.ACTIVE:
        _check_class_stays(resource, given)
        _check_only_raised(resource, given)
    elif any(getattr(resource, name) != value for name, value in given.items() if name in JUDGED):
        resource.classed_by = step.actor.person
    return _set_fields(step, given)


@transition(Resource, event="resource.ownership_accepted", permission=None, source=(ResourceState.ACTIVE,))
def appoint_owner(step: Step[Resource], *, owner: Person, deputy: Person) -> Effect:
    """Change owner and deputy of an active resource, after a proposal of two people and the person's acceptance (S8)."""
    resource = step.subject
    if owner.pk == deputy.pk or not (owner.is_here and deputy.is_here):
        raise refuse(Refusal("I3", "input", "Owner and backup approver are two active people."))
    if owner != resource.owner:
        resource.owner, resource.accepted_at = owner, step.now
    if deputy != resource.deputy:
        resource.deputy, resource.deputy_since = deputy, step.now
    resource.named_owner = resource.named_deputy = resource.named_by = None
    ownership_transitions.end_settled_interims(resource, step)
    step.save(resource)
    return Effect(payload={"owner": str(owner.opaque_id), "deputy": str(deputy.opaque_id)})


@transition(Resource, event="resource.amended", permission=None, source=(ResourceState.ACTIVE,))
def amend_by_proposal(step: Step[Resource], *, fields: Mapping[str, Any]) -> Effect:
    """Change class, environment, kind or team of an active resource in any way, after a proposal of two people (S8).

    Conflict rules use the kind; escalation chain and second approval use the team. So one person cannot change them.
    """
    given = _checked(fields)
    _check_class_stays(step.subject, given)
    return _set_fields(step, given)


def _set_fields(step: Step[Resource], given: Mapping[str, Any]) -> Effect:
    resource = step.subject
    changed = [name for name, value in given.items() if getattr(resource, name) != value]
    for name in changed:
        setattr(resource, name, given[name])
    step.save(resource)
    return Effect(payload={"changed": changed, "data_class": resource.counted_class})


def _check_class_stays(resource: Resource, given: Mapping[str, Any]) -> None:
    if resource.data_class and not given.get("data_class", resource.data_class):
        raise invalid("I3", "data_class", "Choose a data class.")


def _check_only_raised(resource: Resource, given: Mapping[str, Any]) -> None:
    """Refuse a lower data class or environment, and another kind or team, of an active resource (S8)."""
    raised: tuple[tuple[str, Sequence[str], str, str], ...] = (
        ("data_class", DataClass.values, DataClass.RESTRICTED, "Lowering a data class"),
        ("environment", Environment.values, Environment.DEVELOPMENT, "Calling production less"),
    )
    for name, order, unset, words in raised:
        before = getattr(resource, name) or unset
        if order.index(given.get(name, before) or unset) < order.index(before):
            sentence = f"{words} takes a second person's approval: propose it on the resource's page."
            raise invalid("S8", name, sentence, beside=f"It is {before} now.")
    for name in STAYING:
        if name in given and given[name] != getattr(resource, name):
            sentence = f"{STAYING[name]} takes a second person's approval once it is in use: propose it on the resource's page."
            raise invalid("S8", name, sentence, beside="Two people change this.")


@transition(
    Resource,
    event="entitlement.added",
    permission=Permission.RESOURCE_AMEND,
    source=(ResourceState.PROPOSED, ResourceState.ACTIVE),
    duties=[nameable],
)
def add_entitlement(
    step: Step[Resource],
    *,
    code: str,
    words: str,
    level: str,
    scope_kind: str = ScopeKind.NONE,
    data_class: str = "",
    outbound: bool = False,
) -> Effect:
    """Add an entitlement to a resource, as its owner or an admin (I4).

    Args:
        step: the running step.
        code: the resource's own name: a tool, a scope, a role, an operation.
        words: a sentence that begins with "May".
        level: read, write, execute or admin; unknown counts as write.
        scope_kind: meaning of "narrower" for it.
        data_class: a higher class than the resource's, or empty.
        outbound: whether it carries data to where others can read it.
    """
    code, words = free_text.name(code)[:160], free_text.name(words)[:200]
    empty = [(name, "Fill this in.") for name, value in (("code", code), ("words", words)) if not value]
    if empty:
        raise refuse(Refusal("I4", "input", "Give it a code and words.", detail=tuple(empty)))
    if data_class and data_class not in DataClass.values:
        raise invalid("I4", "data_class", "Choose a data class.")
    if level not in Level.values or scope_kind not in ScopeKind.values:
        raise refuse(Refusal("I4", "input", "Choose a level and a kind of scope."))
    if step.subject.entitlements.filter(code=code).exists():
        raise refuse(Refusal("I4", "input", f"{code} is in the register already."))
    made = Entitlement(
        resource=step.subject,
        code=code,
        words=words,
        level=level,
        scope_kind=scope_kind,
        data_class=data_class,
        outbound=outbound,
        tags=capabilities.tags_of("", code, level, kind=step.subject.kind),
    )
    step.save(made)
    return Effect(subject=made)
