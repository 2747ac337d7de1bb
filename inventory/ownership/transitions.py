"""Interim owners for items whose owner has left: named by team lead and security reviewer together, either first (I3).

Without a confirmed interim owner, no new privilege is approved on the item. After the confirmation, the person acts as
owner for thirty days. The term ends early with a new owner, or by one of the two people or the interim owner.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import CharField, Exists, OuterRef, Value
from django.db.models.functions import Cast, Concat

from governance.core.access import access
from governance.core.actors.actor import Actor
from governance.core.duties.duty import Duty
from governance.core.duties.refusals import Refusal, refuse
from governance.core.engine import hooks
from governance.core.engine.transition import Effect, Step, Transition, transition
from governance.core.ledger import ledger_events
from governance.core.models import Notice, Person
from governance.core.notices import outbox
from governance.core.people.transitions import people_with
from governance.core.roles.roles import Permission, Role
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

S = InterimState

#: Parent rows that are locked before an interim owner's row: the item.
ABOUT = OWNED

#: Instance attribute that caches the result of `latest_interim`.
READ = "_interim_read"


def field_of(subject: Owned) -> str:
    """Field of `OWNED` for an item."""
    kinds = {Resource: "resource", Automation: "automation", NonHumanIdentity: "identity", Credential: "credential"}
    return kinds[type(subject)]


def latest_interim(subject: Owned, now: datetime) -> InterimOwner | None:
    """Named or confirmed interim owner of an item at ``now``; None without one or after its end.

    One query for each instance: a page checks several rules, and a write loads the row again.
    """
    if READ not in subject.__dict__:
        interims = InterimOwner.objects.filter(**{field_of(subject): subject}).exclude(state=S.ENDED)
        subject.__dict__[READ] = interims.select_related("person", "named_by", "named_for", "confirmed_by").first()
        if subject.__dict__[READ] is not None:
            setattr(subject.__dict__[READ], field_of(subject), subject)
    interim: InterimOwner | None = subject.__dict__[READ]
    return None if interim is None or _has_ended(interim, now) else interim


def _has_ended(interim: InterimOwner, now: datetime) -> bool:
    """Whether it no longer counts: its term is over or the person has left."""
    return not interim.person.is_here or (interim.state == S.CONFIRMED and not interim.runs(now))


def _require_left_owner(subject: Owned) -> str:
    return subject.accountable.name if subject.accountable is not None else "Somebody"


# --- duties ------------------------------------------------------------------------------------------------------------


def _require_ownerless(subject: Owned, actor: Actor, now: datetime) -> Refusal | None:
    if subject.is_ownerless(now):
        return None
    meanwhile = subject.interim_owner(now)
    if meanwhile is not None:
        return Refusal("I3", "state", f"{meanwhile.name} answers for it meanwhile.", "Their term can be ended first.")
    if subject.accountable is None:
        return Refusal("I3", "state", "It never had an owner: nobody is named in place of one.")
    return Refusal("I3", "state", f"{_require_left_owner(subject)} is here and answers for it.")


def _require_in_use(subject: Owned, actor: Actor, now: datetime) -> Refusal | None:
    state = getattr(subject, "state", "")
    if state in ("retired", "proposed"):
        return Refusal("I3", "state", f"It is {state}, so nobody has to answer for it meanwhile.")
    return None


def _require_nobody_named(subject: Owned, actor: Actor, now: datetime) -> Refusal | None:
    interim = latest_interim(subject, now)
    if interim is None:
        return None
    other = _confirming_capacity(interim)
    sentence = f"{interim.named_by.name} has named {interim.person.name} already."
    return Refusal("I3", "state", sentence, f"{_actor_name(other)} confirms that, or it is withdrawn first.")


def _confirming_capacity(interim: InterimOwner) -> NamedAs:
    """Capacity that confirms it."""
    return NamedAs.SECURITY if interim.named_as == NamedAs.LEAD else NamedAs.LEAD


def _actor_name(capacity: NamedAs) -> str:
    return {NamedAs.LEAD: "The team's lead", NamedAs.SECURITY: "A security reviewer"}[capacity]


def _require_not_oneself(subject: InterimOwner, actor: Actor, now: datetime) -> Refusal | None:
    if any(person.pk == subject.person_id for person in actor.people):
        return Refusal("SOD-8", "duty", "You would answer for it yourself.", "Two other people say so.")
    return None


def _require_another(subject: InterimOwner, actor: Actor, now: datetime) -> Refusal | None:
    if any(person.pk in (subject.named_by_id, subject.named_for_id) for person in actor.people):
        sentence = f"You named {subject.person.name}; somebody else confirms it."
        return Refusal("SOD-8", "duty", sentence, f"{_actor_name(_confirming_capacity(subject))} does.")
    return None


def _require_other_capacity(subject: InterimOwner, actor: Actor, now: datetime) -> Refusal | None:
    if _confirming_capacity(subject) in capacities(subject.subject, actor, now):
        return None
    named_as = NamedAs(subject.named_as).label.lower()
    sentence = f"A {named_as} named {subject.person.name}, so {_actor_name(_confirming_capacity(subject)).lower()} confirms it."
    return Refusal("I3", "duty", sentence, "It takes the team's lead and a security reviewer together.")


def _require_still_ownerless(subject: InterimOwner, actor: Actor, now: datetime) -> Refusal | None:
    if not subject.person.is_here:
        return Refusal("I3", "state", f"{subject.person.name} is not here any more.", "Name somebody else.")
    return _require_ownerless(subject.subject, actor, now)


OWNERLESS = Duty(
    "I3", "I3", "An interim owner is named where the owner has left and nobody answers meanwhile.", _require_ownerless
)
IN_USE = Duty("I3", "I3", "An interim owner is named for what is in use.", _require_in_use)
NOBODY_NAMED = Duty(
    "I3", "I3", "One interim owner at a time is named for a thing.", _require_nobody_named, ("interim_one_at_a_time",)
)
ANOTHER_PERSON = Duty(
    "SOD-8",
    "S8",
    "Nobody confirms that they answer for something themself.",
    _require_not_oneself,
    ("interim_named_by_two_others",),
)
SECOND_PERSON = Duty(
    "SOD-8", "S8", "Who named an interim owner does not confirm it.", _require_another, ("interim_named_by_two_others",)
)
OTHER_CAPACITY = Duty(
    "I3", "I3", "An interim owner is named by team lead and security reviewer together.", _require_other_capacity
)
STILL_OWNERLESS = Duty(
    "I3",
    "I3",
    "An interim owner is confirmed while there is no other, and while they are here.",
    _require_still_ownerless,
)


def capacities(subject: Owned, actor: Actor, now: datetime) -> tuple[NamedAs, ...]:
    """Capacities in which an actor may name or confirm an interim owner."""
    person = actor.capacity_of
    if person is None or not access.stands_in(actor, now):
        return ()
    capacities = [NamedAs.LEAD] if subject.is_led_by(person) else []
    if Role.SECURITY_REVIEWER in access.roles_held(actor, now):
        capacities.append(NamedAs.SECURITY)
    return tuple(capacities)


# --- operations --------------------------------------------------------------------------------------------------------


def _naming_of(model: type[Owned]) -> Transition[Any]:
    """Operation that names an interim owner for items of one kind; all kinds work the same."""

    @transition(
        model, event="interim.named", permission=Permission.INTERIM_NAME, duties=[IN_USE, OWNERLESS, NOBODY_NAMED]
    )
    def name_interim(step: Step[Any], *, person: Person) -> Effect:
        """Name an interim owner, as the team's lead or a security reviewer; the other capacity confirms (I3)."""
        return _name_interim(step, person)

    return name_interim


#: Bar of higher apps against naming people as owners, with reasons (see `hooks.bar`).
NAMING_OWNERS = "automation.owner_named"

#: Operations by the field of `OWNED`.
NAME_INTERIM: dict[str, Transition[Any]] = {
    "resource": _naming_of(Resource),
    "automation": _naming_of(Automation),
    "identity": _naming_of(NonHumanIdentity),
    "credential": _naming_of(Credential),
}


def _name_interim(step: Step[Any], person: Person) -> Effect:
    subject: Owned = step.subject
    if not person.is_here:
        sentence = f"{person.name} is not here any more."
        raise refuse(Refusal("I3", "input", sentence, detail=(("person", sentence),)))
    if any(acting.pk == person.pk for acting in step.actor.people):
        raise refuse(Refusal("SOD-8", "duty", "You can't name yourself.", "Name somebody else, whom another confirms."))
    _check_not_asked(subject, person, step.now)
    subject.__dict__.pop(READ, None)
    open_capacities = capacities(subject, step.actor, step.now)
    if not open_capacities or step.actor.person is None:
        raise refuse(Refusal("I3", "permission", "It takes the team's lead or a security reviewer."))
    if end_interims(subject, step, "term"):
        step.save(subject)
    made = InterimOwner(
        **{field_of(subject): subject},
        person=person,
        named_by=step.actor.person,
        named_for=step.actor.standing_for,
        named_as=open_capacities[0],
        named_at=step.now,
        reason=step.reason,
    )
    step.save(made)
    _notify(step, made, _confirmers(made, step), "interim_named")
    return Effect(subject=made, payload={"person": str(person.opaque_id), "as": str(open_capacities[0])})


@transition(
    InterimOwner,
    event="interim.confirmed",
    permission=Permission.INTERIM_NAME,
    source=(S.NAMED,),
    target=(S.CONFIRMED,),
    duties=[STILL_OWNERLESS, ANOTHER_PERSON, SECOND_PERSON, OTHER_CAPACITY],
    parents=ABOUT,
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
    _notify(step, interim, [interim.person], "interim_confirmed")
    _notify(step, interim, [interim.named_by], "interim_agreed")
    payload = {"person": str(interim.person.opaque_id), "until": ledger_events.instant(interim.until)}
    return Effect(payload=payload, then=lambda: _end_earlier(step, interim))


def _check_not_asked(subject: Owned, person: Person, now: datetime) -> None:
    """Refuse an interim owner who is an approver of the automation (S1, A9)."""
    refusal = hooks.barred(NAMING_OWNERS, subject, now).get(person.pk) if isinstance(subject, Automation) else None
    if refusal is not None:
        raise refuse(refusal)


def _end_earlier(step: Step[Any], interim: InterimOwner) -> dict[str, Any]:
    """Set the item's interim owner to a row that was just confirmed."""
    subject = interim.subject
    subject.interim = interim
    step.save(subject)
    return {}


@transition(
    InterimOwner,
    event="interim.dropped",
    permission=Permission.INTERIM_DROP,
    source=(S.NAMED, S.CONFIRMED),
    target=(S.ENDED,),
    parents=ABOUT,
    reason_needed=True,
)
def drop_interim(step: Step[InterimOwner]) -> Effect:
    """Decline or end an interim owner, as team lead, security reviewer or interim owner, with a reason (I3)."""
    interim, subject = step.subject, step.subject.subject
    interim.ended_at = step.now
    _notify(
        step,
        interim,
        [person for person in (interim.person, interim.named_by) if person not in step.actor.people],
        "interim_dropped",
    )
    if subject.interim_id == interim.pk:
        subject.interim = None
        step.save(subject)
    return Effect()


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
    for interim in InterimOwner.objects.filter(**{field_of(subject): subject}).exclude(state=S.ENDED):
        end_interim(interim, actor=step.actor, now=step.now, why=why)
    followed, subject.interim = subject.interim_id is not None, None
    return followed


def end_settled_interims(subject: Owned, step: Step[Any]) -> None:
    """End the interim owners of an item after an active person is its owner again (I3); see `end_interims`."""
    if subject.accountable is not None and subject.accountable.is_here:
        end_interims(subject, step, "owner")


#: Time before the end of a term at which notices go out.
NOTICE_TIME = timedelta(days=7)
ENDING = "interim_ending"


def remind_interims(now: datetime) -> int:
    """Notify interim owners, team leads and confirmers before a term ends; returns how many.

    One notice for each term and person: after the end, the item is ownerless again (I3, R9).
    """
    notices = Notice.objects.filter(event=ENDING, thread=Concat(Value("interim:"), Cast(OuterRef("pk"), CharField())))
    ending = InterimOwner.objects.filter(state=S.CONFIRMED, until__gt=now, until__lte=now + NOTICE_TIME)
    ending = ending.filter(~Exists(notices))
    sent = 0
    for interim in ending.select_related("person", "named_by", "confirmed_by", *ABOUT).order_by("pk"):
        subject = interim.subject
        if subject.interim_owner(now) != interim.person or getattr(subject, "state", "") == "retired":
            continue  # an owner counts again, the interim owner has left, or the item needs no owner any more
        people = [interim.person, interim.named_by, *leads_of(subject)]
        if interim.confirmed_by is not None:
            people.append(interim.confirmed_by)
        with transaction.atomic():
            sent += _queue(interim, people, ENDING, now)
    return sent


# --- notices ------------------------------------------------------------------------------------------------------------


def leads_of(subject: Owned) -> list[Person]:
    """Active lead and deputy lead of the item's team."""
    team = subject.owning_team
    if team is not None:
        return [lead for lead in (team.lead, team.deputy_lead) if lead is not None and lead.is_here]
    if subject.accountable is None:
        return []
    teams = subject.accountable.teams.select_related("lead", "deputy_lead").order_by("pk")
    return [lead for row in teams for lead in (row.lead, row.deputy_lead) if lead is not None and lead.is_here]


def _confirmers(interim: InterimOwner, step: Step[Any]) -> list[Person]:
    if _confirming_capacity(interim) == NamedAs.LEAD:
        people = leads_of(interim.subject)
    else:
        people = list(people_with(Role.SECURITY_REVIEWER, step.now).order_by("pk"))
    return [person for person in people if person.pk not in (interim.person_id, *(by.pk for by in step.actor.people))]


def is_confirmed_by(interim: InterimOwner, person: Person, is_reviewer: bool) -> bool:
    """Whether a person can confirm an interim owner now, independent of former notices.

    Args:
        interim: the named interim owner.
        person: the person to notify.
        is_reviewer: whether they are a security reviewer.
    """
    if person.pk in (interim.person_id, interim.named_by_id, interim.named_for_id):
        return False
    return interim.subject.is_led_by(person) if _confirming_capacity(interim) == NamedAs.LEAD else is_reviewer


def item_name(subject: Owned) -> str:
    """Kind and name of an item."""
    return f"{field_of(subject)} {subject}"


def _notify(step: Step[Any], interim: InterimOwner, people: Iterable[Person], event: str) -> None:
    _queue(interim, people, event, step.now, by=step.actor.person)


def _queue(interim: InterimOwner, people: Iterable[Person], event: str, now: datetime, by: Person | None = None) -> int:
    """Queue one notice for each person; returns the number of new notices."""
    context = {
        "what": item_name(interim.subject),
        "person": interim.person.name,
        "by": by.name if by is not None else "",
        "until": interim.until.isoformat() if interim.until else "",
        "page": ["ownerless_one", field_of(interim.subject), interim.subject.pk],
    }
    thread = f"interim:{interim.pk}"
    return len(outbox.queue(outbox.each(people, event, thread=thread, key=event, now=now, context=context)))
