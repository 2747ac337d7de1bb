"""Facts about a credential: age, owner, store and reach (I6, A2, T1).

A builder states the age and the store. The store counts after its owner confirmed it. Only the owner of the opened
resource or of the store may narrow the reach: the store decides who approves, and the reach lowers a tier. People with
a stake in the answer may give neither.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from governance.core.access import Actor, Permission, Refusal, Role, access, check, duty, invalid, refuse
from governance.core.engine.transition import Effect, Step, transition
from governance.core.models import Person
from governance.core.notices import outbox
from inventory.importers.secrets.slots import looks_secret
from inventory.models import Credential, Lifetime, Reach, Resource, ResourceKind, ResourceState
from inventory.ownership import parties
from inventory.ownership import transitions as ownership_transitions
from inventory.resources.transitions.bindings import is_on_side
from inventory.versions import transitions as version_transitions

#: Fields that `describe_credential` may set.
FACTS = ("lifetime", "issued_at", "expires_at", "rotated_at", "rotation_due_on", "owner")

SECRET = "This looks like a secret itself, so nothing of it was kept. Say when and where, never what it is."  # noqa: S105  words


def is_on_credential_side(person: Person | None, credential: Credential, now: datetime) -> bool:
    """Whether a person is owner or deputy of the opened resource or of the confirmed store."""
    sides = (credential.opens, credential.kept_in)
    return any(resource is not None and is_on_side(person, resource, now) for resource in sides)


def may_describe(actor: Actor, credential: Credential, now: datetime) -> bool:
    """Whether an actor owns the credential, is on its side, or reviews security."""
    person = actor.capacity_of
    if person is None:
        return False
    is_owner = person.is_here and (person.pk == credential.owner_id or person == credential.interim_owner(now))
    return (
        is_owner
        or is_on_credential_side(person, credential, now)
        or Role.SECURITY_REVIEWER in access.roles_held(actor, now)
    )


@duty("I6")
def no_stake(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    """Owners, importers and authors of an automation can't narrow its credential's reach or confirm its store."""
    stake = parties.stake_in_credential(subject, actor)
    if stake is None:
        return None
    sentence = f"{stake}, so another person has to state that."
    return Refusal("I6", "duty", sentence, "Another owner of the opened resource or of the store does.")


@duty("I6")
def own_side(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    """Only an owner of the opened resource or of the store can narrow a credential's reach."""
    if is_on_credential_side(actor.capacity_of, subject, now):
        return None
    sentence = "Only an owner of the opened resource or of the store can narrow its reach."
    return Refusal("I6", "duty", sentence, "You can widen the reach, or set it to unknown.")


@duty("A2")
def another_speaker(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    """The person who names a credential's store can't confirm or refuse it."""
    if not {subject.said_by_id, subject.said_for_id} & actor.people_ids:
        return None
    return Refusal("A2", "duty", "You named its store, so another person confirms it.", "The store's other owner does.")


@duty("A2")
def own_claim(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    """Only the person who named a credential's store can replace that claim."""
    if subject.said_kept_in is None or {subject.said_by_id, subject.said_for_id} & actor.people_ids:
        return None
    name = subject.said_by.name if subject.said_by else "Somebody"
    sentence = f"{name} has already named {subject.said_kept_in.name} as its store."
    return Refusal("A2", "state", sentence, "An owner of that store confirms or refuses it first.")


@duty("I6")
def not_imported(subject: Credential, actor: Actor, now: datetime) -> Refusal | None:
    """A reach that was read from the backend can't be declared."""
    if subject.reach_kind != Reach.READ:
        return None
    return Refusal("I6", "state", "Its reach was read from the backend, so it can't be declared.")


@transition(Credential, event="credential.described", permission=Permission.CREDENTIAL_DESCRIBE)
def describe_credential(step: Step[Credential], *, fields: Mapping[str, Any]) -> Effect:
    """Set lifetime, age, due dates and owner of a credential; never its value (I6).

    Args:
        step: the running step.
        fields: some of `FACTS`: dates, instants and a person; None for an unknown value.
    """
    credential, given = step.subject, _checked(fields)
    changed = sorted(name for name, value in given.items() if getattr(credential, name) != value)
    if "owner" in changed:
        _check_replaced(credential, given["owner"], step)
    for name in changed:
        setattr(credential, name, given[name])
    _check_order(credential, changed, step.now)
    if not changed:
        raise refuse(Refusal("I6", "input", "The register says all of this already."))
    if "owner" in changed:
        ownership_transitions.end_settled_interims(credential, step)
    step.save(credential)
    return Effect(payload={"changed": changed})


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Check the fields; a refusal names the field and never the value."""
    given = {name: value for name, value in fields.items() if name in FACTS}
    secret_fields = [name for name, value in fields.items() if isinstance(value, str) and looks_secret(value)]
    if secret_fields:
        raise refuse(
            Refusal("I6", "input", SECRET, detail=tuple((name, SECRET) for name in secret_fields if name in given))
        )
    kinds = {"lifetime": str, "owner": Person, "rotation_due_on": date}
    for name, value in given.items():
        if value is not None and not isinstance(value, kinds.get(name, datetime)):
            raise invalid("I6", name, "Give a date.")
    if "lifetime" in given:
        given["lifetime"] = given["lifetime"] or Lifetime.UNKNOWN
        if given["lifetime"] not in Lifetime.values:
            raise invalid("I6", "lifetime", "Choose one of the list.")
    return given


def _check_replaced(credential: Credential, new: Person | None, step: Step[Credential]) -> None:
    """Check that another owner, or none, may be set."""
    if new is not None and not new.is_here:
        raise invalid("I3", "owner", f"{new.name} is not here any more.")
    if credential.owner is not None and new is None:
        raise invalid("I3", "owner", f"{credential.owner.name} is known to answer for it: name who does instead.")
    check(owner_refusal(credential, step.actor, step.now))


def owner_refusal(credential: Credential, actor: Actor, now: datetime) -> Refusal | None:
    """Refusal for replacing the owner of a credential, or None. The form and the write use it (I3).

    The owner stays until they or the credential's side name another. An owner who left has a successor only after two
    people named an interim owner.
    """
    old, interim = credential.owner, credential.interim_owner(now)
    if old is None:
        return None
    if old.is_here:
        if may_describe(actor, credential, now):
            return None
        sentence = f"{old.name} owns it, so you can't name another owner."
        return Refusal("I3", "duty", sentence, f"Ask {old.name}, or an owner of a resource that it opens.")
    if interim is None:
        sentence = f"{old.name} left, and it has no interim owner."
        return Refusal("I3", "state", sentence, "The team's lead and a security reviewer name one together first.")
    is_its_own = actor.capacity_of == interim or is_on_credential_side(actor.capacity_of, credential, now)
    if is_its_own and parties.stake_in_credential(credential, actor) is None:
        return None
    sentence = f"{interim.name} is its interim owner, so you can't name another owner."
    return Refusal("I3", "duty", sentence, f"Ask {interim.name}, or an owner of a resource that it opens.")


def _check_order(credential: Credential, changed: Collection[str], now: datetime) -> None:
    """Check the order of dates: past dates before due dates. Only fields of this request count."""
    issued, rotated = credential.issued_at, credential.rotated_at
    expires, due = credential.expires_at, credential.rotation_due_on
    wrong = [
        ("issued_at", issued is not None and issued > now, "That day is still to come."),
        ("rotated_at", rotated is not None and rotated > now, "That day is still to come."),
        ("rotated_at", bool(rotated and issued and rotated < issued), "That is before it was issued."),
        ("expires_at", bool(expires and issued and expires < issued), "That is before it was issued."),
        ("rotation_due_on", bool(due and issued and due < issued.date()), "That is before it was issued."),
    ]
    touched = {"issued_at", "rotated_at", "expires_at", "rotation_due_on"} & set(changed)
    problems = tuple((name, sentence) for name, holds, sentence in wrong if holds and touched)
    if problems:
        raise refuse(Refusal("I6", "input", problems[0][1], detail=problems))


@transition(
    Credential, event="credential.reach_declared", permission=Permission.CREDENTIAL_REACH, duties=(not_imported,)
)
def declare_reach(step: Step[Credential], *, codes: Sequence[str] | None) -> Effect:
    """Declare the entitlements that a credential opens, as owner of the resource or store (I6).

    A narrower reach may lower a tier (T1), so a person with a stake cannot declare it. Its owner or a security reviewer
    may declare a wider or unknown reach in spite of a stake. Affected versions get a new assessment (I2).

    Args:
        step: the running step.
        codes: all entitlements of the resource that it opens; None if unknown.
    """
    credential = step.subject
    wanted = sorted(set(codes or ()))
    _check_reach(credential, codes, wanted)
    kind = Reach.UNKNOWN if codes is None else Reach.DECLARED
    is_same = (credential.reach_kind, sorted(credential.reach)) == (kind, wanted)
    said_by = {credential.reach_by_id, credential.reach_for_id} - {None}
    if is_same and (codes is None or said_by == step.actor.people_ids):
        raise refuse(Refusal("I6", "input", "The register says that already."))
    # The same declaration by another person: their stake counts instead of the first person's.
    is_known = credential.reach_kind != Reach.UNKNOWN
    is_narrower = codes is not None and not (is_known and {*wanted} >= {*credential.reach})
    if is_same or is_narrower:
        narrow_reach(credential, actor=step.actor, now=step.now)
    was, credential.reach_kind = credential.reach_kind, kind
    credential.reach, credential.reach_at = wanted, step.now
    credential.reach_by, credential.reach_for = step.actor.person, step.actor.standing_for
    step.save(credential)
    versions = version_transitions.assess_again(step, credential)
    return Effect(payload={"was": was, "reach": kind, "entitlements": len(wanted), "versions": versions})


@transition(Credential, event="credential.reach_narrowed", permission=None, duties=(own_side, no_stake))
def narrow_reach(step: Step[Credential]) -> None:
    """Narrow the reach of a credential: a part of declaring it, refused to people with a stake (S1, T1)."""


def _check_reach(credential: Credential, codes: Sequence[str] | None, wanted: Sequence[str]) -> None:
    if codes is None:
        return
    if credential.opens is None:
        raise refuse(
            Refusal("I6", "state", "It is not known which resource it opens.", "Its owner confirms that first.")
        )
    if not wanted:
        raise invalid("I6", "codes", "Choose what it opens, or say that it is not known.")
    if others := set(wanted) - set(credential.opens.entitlements.values_list("code", flat=True)):
        hint = f"Choose from what can be held on {credential.opens.name}."
        raise invalid("I6", "codes", SECRET if any(looks_secret(code) for code in others) else hint)


@transition(Credential, event="credential.kept_in_said", permission=Permission.CREDENTIAL_DESCRIBE, duties=(own_claim,))
def claim_store(step: Step[Credential], *, store: Resource | None) -> Effect:
    """Name the store that keeps a credential. It has no effect before the store's owner confirms it (A2).

    A credential moves to another store by two people: one of the present store, one of the new store.

    Args:
        step: the running step.
        store: an active secret store; None withdraws the person's own claim.
    """
    credential = step.subject
    if store is None:
        if (was := credential.said_kept_in_id) is None:
            raise invalid("A2", "store", "Choose the store that keeps it.")
        _clear_claim(credential)
        step.save(credential)
        return Effect(payload={"store": "", "was": str(was)})
    _check_store(credential, store, step.actor, step.now)
    credential.said_kept_in, credential.said_at = store, step.now
    credential.said_by, credential.said_for = step.actor.person, step.actor.standing_for
    step.save(credential)
    _notify_store_owners(step, store)
    return Effect(payload={"store": str(store.pk)})


def _notify_store_owners(step: Step[Credential], store: Resource) -> None:
    """Notify owner and deputy of a store that they can confirm or refuse a credential."""
    credential, speakers = step.subject, step.actor.people_ids
    context = {
        "credential": str(credential),
        "store": store.name,
        "by": step.actor.person.name if step.actor.person else "",
        "page": ["credential", credential.pk],
    }
    people = [person for person in (store.owner, store.deputy) if person is not None and person.pk not in speakers]
    thread, key = f"credential:{credential.pk}", f"kept_in:{store.pk}:{step.actor.correlation}"
    outbox.notify(people, "credential_said_kept", thread=thread, key=key, now=step.now, context=context)


def _check_store(credential: Credential, store: Resource, actor: Actor, now: datetime) -> None:
    if store.kind != ResourceKind.SECRET_STORE or store.state != ResourceState.ACTIVE:
        raise invalid("A2", "store", "Choose a secret store that is in use.")
    if store.pk == credential.kept_in_id:
        raise invalid("A2", "store", f"{store.name} is known to keep it already.")
    if credential.kept_in is not None and not is_on_side(actor.capacity_of, credential.kept_in, now):
        sentence = f"{credential.kept_in.name} keeps it, so only its owners can name another store."
        raise refuse(Refusal("A2", "duty", sentence, f"Ask an owner of {credential.kept_in.name}."))
    if store.pk in credential.kept_refused_for and not is_on_side(actor.capacity_of, store, now):
        raise invalid("A2", "store", f"An owner of {store.name} said that it does not keep this one.")


@transition(
    Credential,
    event="credential.kept_in_confirmed",
    permission=Permission.CREDENTIAL_KEEP,
    duties=(another_speaker, no_stake),
)
def confirm_store(step: Step[Credential], *, store: int) -> Effect:
    """Confirm that a store keeps a credential, as its owner; they approve the credential from now on (A2).

    Open approvals stay with their approvers (A1).

    Args:
        step: the running step.
        store: id of the store that the page showed.
    """
    credential = step.subject
    _check_claim(credential, store)
    was = credential.kept_in_id
    credential.kept_in = credential.said_kept_in
    credential.kept_confirmed_by, credential.kept_confirmed_at = step.actor.person, step.now
    credential.kept_refused_for = [pk for pk in credential.kept_refused_for if pk != store]
    _clear_claim(credential)
    step.save(credential)
    return Effect(payload={"was": str(was or ""), "store": str(store)})


@transition(
    Credential,
    event="credential.kept_in_refused",
    permission=Permission.CREDENTIAL_KEEP,
    duties=(another_speaker, no_stake),
)
def refuse_store(step: Step[Credential], *, store: int) -> Effect:
    """Refuse that a store keeps a credential, as its owner; only the store's side can then name it again (A2).

    Args:
        step: the running step.
        store: id of the store that the page showed.
    """
    credential = step.subject
    _check_claim(credential, store)
    credential.kept_refused_for = sorted({*credential.kept_refused_for, store})
    _clear_claim(credential)
    step.save(credential)
    return Effect(payload={"store": str(store)})


def _check_claim(credential: Credential, store: int) -> None:
    if credential.said_kept_in_id != store:
        raise refuse(Refusal("A6", "stale", "It changed in the meantime, so nothing was saved.", "Look again."))


def _clear_claim(credential: Credential) -> None:
    credential.said_kept_in = credential.said_by = credential.said_for = credential.said_at = None
